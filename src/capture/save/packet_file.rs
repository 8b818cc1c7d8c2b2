//! A pcapng file of chosen packets, each with a comment if there is something to say about it.

use std::io::{self, Write};

use crate::base::Timestamp;
use crate::base::fact::Loser;
use crate::capture::encode::{Encoder, FileMetadata, FileStatistics, block_ends};
use crate::capture::item::{LinkType, Packet};

/// Bytes of blocks that are gathered for one write.
const BUFFER: usize = 256 << 10;

/// Writes packets to a pcapng file. [`PacketFile::finish`] writes the last blocks.
pub struct PacketFile<W> {
    out: W,
    encoder: Encoder,
    statistics: FileStatistics,
}

impl<W: Write> PacketFile<W> {
    /// Begins a file.
    #[must_use]
    pub fn new(out: W, metadata: FileMetadata) -> Self {
        Self { out, encoder: Encoder::new(metadata), statistics: FileStatistics::default() }
    }

    /// Describes an interface ahead of its packets, so that none of them needs it to be written
    /// with them.
    ///
    /// # Errors
    /// The link type does not fit into pcapng.
    pub fn interface(&mut self, link_type: LinkType) -> io::Result<()> {
        self.encoder.interface(link_type).map_err(io::Error::other)
    }

    /// Adds a packet, with a comment that Wireshark shows.
    ///
    /// # Errors
    /// Those of the output; its link type does not fit into pcapng.
    pub fn packet(&mut self, packet: &Packet, comment: Option<&str>) -> io::Result<()> {
        self.encoder.packet_with_comment(packet, comment).map_err(io::Error::other)?;
        self.statistics.written += 1;
        if self.encoder.blocks().len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Adds secrets, for the packets after them.
    ///
    /// # Errors
    /// Those of the output.
    pub fn secrets(&mut self, kind: u32, data: &[u8]) -> io::Result<()> {
        self.encoder.secrets(kind, data);
        self.flush()
    }

    /// Records that packets are missing here.
    pub fn lost(&mut self, by: Loser, packets: u64) {
        self.statistics.lost.add(by, packets);
        self.encoder.statistics(self.statistics);
    }

    /// Records that nothing was captured from the last packet until this time.
    pub fn silent_until(&mut self, time: Timestamp) {
        self.statistics.end_time = Some(time);
    }

    /// Returns the number of packets written.
    pub fn packets(&self) -> u64 {
        self.statistics.written
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        Ok(self.out)
    }

    /// Writes the last blocks, with the totals.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(&mut self) -> io::Result<()> {
        self.encoder.statistics(self.statistics);
        self.flush()?;
        self.out.flush()
    }

    /// Drops what could not be written. Returns the number of packets, which count as lost.
    pub fn discard(&mut self) -> u64 {
        let packets = block_ends(self.encoder.blocks()).filter(|(_, is_packet)| *is_packet).count() as u64;
        self.encoder.clear_blocks();
        self.statistics.written = self.statistics.written.saturating_sub(packets);
        self.statistics.lost.add(Loser::Mcpdump, packets);
        packets
    }

    /// Writes the blocks so far. Readers then see every packet that was added.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(self.encoder.blocks())?;
        self.encoder.clear_blocks();
        Ok(())
    }
}
