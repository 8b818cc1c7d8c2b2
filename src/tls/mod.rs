//! Decrypts TLS 1.2 and 1.3, given the secrets that client or server logged.
//!
//! Takes what the ends of a connection sent and yields what they said, both as
//! [`Feed`](crate::base::Feed)s: it fits between `tcp` and `http` and is not there if a connection
//! has no TLS. It verifies no certificate chain and no signature: it observes. No secret is
//! printed, and those that it keeps are cleared when they are dropped.
//!
//! ```text
//!   Secrets ─▶ keylog ─▶ KeyStore ──────────┐
//!   Feed ─▶ record ─▶ Event ─▶ direction ─▶ opener ─▶ Feed
//!                               │  schedule: secret to keys
//!                               └─ handshake ─▶ negotiation: version, suite, names
//! ```
//!
//! Of QUIC, which has the handshake of TLS 1.3, `quic` reads what the client asks for.

mod aead;
mod alert;
mod connection;
mod direction;
mod early;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod handshake;
mod identify;
mod keylog;
mod negotiation;
mod opener;
mod quic;
mod record;
mod schedule;
mod secret;
mod secret_arena;
mod store;
mod suite;
#[cfg(test)]
mod tests;
mod trials;
mod waiting;

pub use connection::{Connection, Plaintext};
pub use keylog::{KeyLog, Line};
pub use quic::{Asked, Datagram, QuicConnection, QuicConnections};
pub use record::has_records;
pub use secret::ClientRandom;
pub use store::KeyStore;
pub use trials::{Keys, Trials};
