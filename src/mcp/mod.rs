//! Tracks MCP sessions and exchanges: JSON-RPC envelopes in, [`Record`]s out.
//!
//! The only layer that knows what MCP's methods mean. It takes traffic as it is and reports each
//! rule that the traffic breaks.

mod adoption;
mod attempts;
mod bare;
mod carried;
mod carrier;
mod channel;
mod closed_transactions;
mod content;
mod costly;
mod definitions;
mod deletion;
mod deliveries;
mod doubts;
mod ending;
mod endpoint;
mod event_ids;
mod event_stream;
mod evidence;
mod exchange;
mod exchange_table;
mod exchange_times;
mod gaps;
mod handle;
mod heads;
mod held_responses;
mod history;
mod idle;
mod idle_end;
mod in_step;
mod inference;
mod interner;
mod legs;
mod lifecycle;
mod limit;
mod message;
mod method;
mod notifications;
mod numbering;
mod numbers;
mod openings;
mod passage;
mod passed_on;
mod peer_sessions;
mod quirks;
mod record;
mod record_findings;
mod refusal;
mod request_index;
mod revision;
mod router;
mod row_set;
mod rules;
mod served;
mod server_stream;
mod session;
mod session_key;
mod session_list;
mod session_slot;
mod session_table;
mod sighting;
mod silences;
mod step;
mod tables;
mod tracker;
mod transaction;
mod transaction_table;
mod transport;
mod unended;
mod unmatched;
mod view;
mod views;

pub use crate::base::Status;
pub use crate::rpc::{Id, Implementation, RpcError};
pub use record::{
    Asked, Cause, Exchange, MessageSpan, Notification, Offer, Record, ServerRef, Session, SessionEnd,
    SessionRef, Stream, Transaction, Transport, Twins,
};
pub(crate) use revision::is_stateless;
pub use tracker::Tracker;
