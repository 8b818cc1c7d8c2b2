//! The page of `mcpdump web` over HTTP, for a browser on this machine.
//!
//! ```text
//!  analysis ─record─▶ Changes ─▶ updates (Server-Sent Events) ─▶ browser
//!                     Render  ◀──────── GET of the page ◀───────────┘
//! ```
//!
//! What is served tells what was captured, so nobody else may read it: the server listens on
//! loopback alone; the path has a random token that only the terminal knows; `Host` must name this
//! machine and `Origin`, if there is one, the same host (DNS rebinding, requests of other pages).
//! The page is made when it is asked for. The server looks at no traffic: `report` wrote the page.

mod access;
mod changes;
mod error;
mod listener;
mod places;
mod routes;
mod site;

pub use changes::Changes;
pub use error::Error;
pub use listener::Listener;
pub use site::{Render, Site, StaticFile};
