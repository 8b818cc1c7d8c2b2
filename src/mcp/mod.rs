//! Tracks MCP sessions and exchanges: JSON-RPC envelopes in, [`Record`]s out.
//!
//! The only layer that knows what MCP's methods mean. It takes traffic as it is and reports each rule that the traffic
//! breaks.

mod ending;
mod endpoint;
mod exchange;
mod interner;
mod message;
mod method;
mod record;
mod router;
mod rules;
mod session;
mod tracker;
mod transaction;

use crate::base::Side;

pub use crate::base::Status;
pub use crate::rpc::{Id, Implementation, RpcError};
pub use record::{
    Cause, Exchange, MessageSpan, Notification, Offer, Record, Session, SessionEnd, SessionRef, Stream,
    Transport,
};
pub use tracker::Tracker;
