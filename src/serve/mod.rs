//! The Hacker News MCP server: it makes the traffic that the other rooms read, and sees none of them.

mod hackernews;

pub use hackernews::{Hackernews, LiveOptions, Stories, StoriesError, StoriesOptions};
