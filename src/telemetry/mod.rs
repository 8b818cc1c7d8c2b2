//! Sends telemetry to a collector: OTLP over HTTP, from a bounded queue, by a thread of its own.
//!
//! The thread is started before the sandbox is entered, because it opens connections: the threads
//! that analyse traffic cannot. It gets messages that are written already ([`crate::export::otlp`])
//! and looks at nothing but the answers of the collector.

mod answer;
mod backoff;
mod client;
mod environment;
mod error;
mod options;
mod queue;
mod sender;
mod totals;

pub use environment::{Environment, resource};
pub use error::Error;
pub use options::{Options, Target};
pub use queue::When;
pub use sender::{Handle, Report, Sender};
pub use totals::Totals;
