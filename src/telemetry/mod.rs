//! Telemetry leaves the machine: OTLP over HTTP to a collector, and a page of metrics on
//! request.
//!
//! OTLP is sent from a bounded queue by a thread of its own (feature `otlp`). It is started before
//! the sandbox is entered, because it opens connections: the threads that analyse traffic cannot.
//! It gets messages that are written already ([`crate::export::otlp`]) and looks at nothing but the
//! answers of the collector.

#[cfg(feature = "otlp")]
mod answer;
#[cfg(feature = "otlp")]
mod backoff;
#[cfg(feature = "otlp")]
mod client;
mod environment;
mod error;
#[cfg(feature = "otlp")]
mod options;
#[cfg(feature = "otlp")]
mod queue;
mod scrape;
#[cfg(feature = "otlp")]
mod sender;
#[cfg(feature = "otlp")]
mod totals;

pub use environment::{Environment, resource};
pub use error::Error;
#[cfg(feature = "otlp")]
pub use options::{Options, Target};
#[cfg(feature = "otlp")]
pub use queue::When;
pub use scrape::{Render, Scrape};
#[cfg(feature = "otlp")]
pub use sender::{Handle, Report, Sender};
#[cfg(feature = "otlp")]
pub use totals::Totals;
