//! Writes packets to pcapng files on their way to the analysis, as `tcpdump -w` does.
//!
//! ```text
//!  Source ─Item─▶ Tee ─Item─▶ engine
//!                  └─▶ PacketWriter: Encoder ─blocks─▶ file, file1, file2 …
//!                       └ FileSecrets: secrets of the connections in the file
//! ```

mod kept;
mod names;
mod output_file;
mod packet_file;
pub mod private;
mod secrets;
mod writer;

pub use super::encode::FileMetadata;
pub use kept::Kept;
pub use names::{Names, Rotation};
pub use packet_file::PacketFile;
pub use secrets::{ClientRandom, ConnectionSecrets, KeptSecrets, SecretSource};
pub use writer::{PacketWriter, Target, Tee};
