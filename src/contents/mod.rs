//! Rules that need the contents of messages: arguments and results against the schemas of their
//! tool, pages of lists, tasks, subscriptions, cache hints, extensions.
//!
//! [`Rules`] takes entries, with the payloads of the capture, and returns findings. `mcpdump check`
//! asks for payloads because of it. A rule is a file; what it keeps has a cap, and what it cannot
//! know, since packets are missing or a definition may have changed, it says nothing about.

mod annotations;
mod cache_hints;
mod call;
mod cancellations;
mod deferred;
mod list_types;
mod member_types;
mod messages;
mod negotiated;
mod outline;
mod pages;
mod param_headers;
mod polls;
mod removed_methods;
mod reported;
mod result_types;
mod rules;
mod schema;
mod schema_size;
mod self_description;
mod server_cards;
mod skills;
mod stateless_sessions;
mod subscriptions;
mod task_fields;
mod tasks;
mod tools;
mod validators;

pub use rules::Rules;
