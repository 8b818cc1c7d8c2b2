//! Types that all layers share: packets and spans, ends and sides, feeds and layers, findings,
//! facts and limits.
//!
//! Nothing here knows a protocol, reads a clock or does I/O.

mod budget;
mod causes;
pub mod code;
mod content_hash;
pub mod credential;
pub mod degraded;
pub mod end;
pub mod fact;
mod few;
pub mod files;
pub mod finding;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod http2;
pub mod json;
pub mod json_scan;
mod latest;
pub mod layer;
pub mod limits;
pub mod markdown;
mod marks;
mod number_set;
pub mod origin;
mod output_format;
pub(crate) mod prefix;
pub mod protocols;
pub mod reader;
mod room;
mod round_trips;
pub mod sanitize;
pub(crate) mod search;
pub mod severity;
mod speaks;
pub mod status;
pub mod stream_buf;
pub mod text;
pub mod time_style;
pub mod tls;
mod trace_context;
pub mod units;
mod unknown_name;

pub(crate) use budget::{Account, Budget, Tally};
pub use causes::with_causes;
pub use code::{Code, CodeInfo};
pub use content_hash::ContentHash;
pub use degraded::Degraded;
pub use end::{End, Peers, Side};
pub use fact::Fact;
pub use few::Few;
pub use files::Files;
pub use finding::{Finding, Findings};
pub(crate) use latest::latest;
pub use layer::{Ending, Feed, Layer, ResponseEnd, Sink, Stack, Switched};
pub use number_set::NumberSet;
pub use origin::{Origin, PacketNo, Span, Timestamp};
pub use output_format::OutputFormat;
pub use reader::Reader;
pub(crate) use room::Room;
pub use round_trips::RoundTrips;
pub use severity::Severity;
pub use status::Status;
pub use stream_buf::StreamBuf;
pub use trace_context::TraceContext;
pub use unknown_name::UnknownName;
pub(crate) use unknown_name::find_by_name;
