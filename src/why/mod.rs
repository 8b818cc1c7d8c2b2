//! Why: who ended it, by which limit, and where the time went, as sentences with their evidence.
//!
//! ```text
//!  entries ─▶ Collector ─▶ connections to read again ─▶ Collector ─▶ Story ─▶ text, JSON
//!   (all of a capture)      (Engine::of_connections)     (facts)      (pure)
//! ```
//!
//! The first pass keeps what is compared (`survey`), the second the packets of the few connections
//! that the stories are about (`trace`). Everything else is a pure function from evidence to
//! sentences. A sentence is proven, likely, a match with a known limit, or says what cannot be
//! told; nobody is blamed for what the capture lacks.

mod collector;
mod ended;
mod exchange_story;
mod gateways;
mod groups;
pub mod limits;
mod noticed;
mod overview;
mod question;
mod repeated;
mod sessions;
mod short;
mod story;
mod streams;
mod survey;
mod time_spent;
mod trace;
mod traces;
mod unread;
mod wait_end;
mod which;
mod words;
mod write;

pub use collector::Collector;
pub use limits::Limits;
pub use question::Question;
pub use short::in_short;
pub use story::{Certainty, Evidence, Sentence, Story, Subject, Topic};
pub use write::{Options, json, text};
