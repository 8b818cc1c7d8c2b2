//! One file of packets: whole blocks are written out when the writer says so.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::private;
use crate::capture::encode::{Encoder, FileMetadata, FileStatistics, block_ends};
use crate::capture::item::LinkType;

/// The file that is being written.
pub(super) struct OutputFile {
    file: File,
    /// Its name, for messages.
    pub(super) name: String,
    /// Its blocks that are not written out.
    pub(super) encoder: Encoder,
    /// Its packets and losses so far.
    pub(super) statistics: FileStatistics,
    /// Whether only its owner may read it.
    is_private: bool,
}

/// Why no more can be written.
pub(super) enum Stop {
    /// The reader closed the pipe.
    Over,
    /// Message for the user.
    Failed(String),
}

impl OutputFile {
    /// Creates the file, and describes `link_type` if it is known.
    ///
    /// # Errors
    /// It cannot be created or written, or the link type not be described: the message.
    pub(super) fn create(
        path: &Path,
        is_private: bool,
        metadata: &FileMetadata,
        link_type: Option<LinkType>,
    ) -> Result<Self, String> {
        let name = path.display().to_string();
        let file = private::create(path, is_private)
            .map_err(|error| format!("{name}: cannot be written: {error}"))?;
        Ok(Self { is_private, ..Self::begin(file, name, metadata, link_type)? })
    }

    /// Begins the file on standard output, which messages call `name`.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub(super) fn stdout(
        name: String,
        metadata: &FileMetadata,
        link_type: Option<LinkType>,
    ) -> Result<Self, String> {
        let file = stdout().map_err(|error| format!("{name}: cannot be written: {error}"))?;
        Self::begin(file, name, metadata, link_type)
    }

    fn begin(
        file: File,
        name: String,
        metadata: &FileMetadata,
        link_type: Option<LinkType>,
    ) -> Result<Self, String> {
        let mut encoder = Encoder::new(metadata.clone());
        if let Some(link_type) = link_type {
            encoder.interface(link_type).map_err(|why| format!("{name}: {why}"))?;
        }
        let statistics = FileStatistics::default();
        let mut output = Self { file, name, encoder, statistics, is_private: false };
        match output.flush(u64::MAX) {
            Ok(()) => Ok(output),
            Err(Stop::Failed(why)) => Err(why),
            // The reader closed the pipe before the first write.
            Err(_) => Err(format!("{}: the reader closed the pipe", output.name)),
        }
    }

    /// Adds a block of secrets at a position in the file, or as near to it as what is written out
    /// allows. The first one makes the file private. Returns its position and length in bytes.
    ///
    /// # Errors
    /// The file cannot be made private.
    pub(super) fn insert_secrets(&mut self, at: u64, kind: u32, data: &[u8]) -> Result<(u64, u64), Stop> {
        if !self.is_private {
            if let Err(error) = private::restrict(&self.file) {
                let why =
                    format!("it cannot be made private for the TLS secrets ({error}): use --no-secrets");
                return Err(Stop::Failed(self.failed(&why)));
            }
            self.is_private = true;
        }
        Ok(self.encoder.insert_secrets(at, kind, data))
    }

    /// Writes out the blocks before a position, where a block begins.
    ///
    /// # Errors
    /// It failed, or is over because the reader closed the pipe.
    pub(super) fn flush(&mut self, until: u64) -> Result<(), Stop> {
        let before = self.encoder.len() - self.encoder.blocks().len() as u64;
        let Err((written, error)) = write_all(&mut self.file, self.encoder.blocks_until(until)) else {
            self.encoder.clear_blocks_until(until);
            return Ok(());
        };
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Err(Stop::Over);
        }
        let blocks = self.encoder.blocks();
        let whole =
            block_ends(blocks).take_while(|(end, _)| *end <= written).last().map_or(0, |(end, _)| end);
        let lost = block_ends(blocks).filter(|(end, packet)| *packet && *end > whole).count() as u64;
        self.statistics.written = self.statistics.written.saturating_sub(lost);
        // Readers would report the incomplete block as damage. If truncation fails too, they do.
        if self.file.metadata().is_ok_and(|file| file.is_file()) {
            drop(self.file.set_len(before + whole as u64));
        }
        Err(Stop::Failed(self.failed(&remedy(&error))))
    }

    /// Returns the message for a failure.
    pub(super) fn failed(&self, why: &str) -> String {
        format!(
            "{}: {why}; {} packets are in it and can be read, further packets are not saved; the analysis continues",
            self.name, self.statistics.written
        )
    }
}

fn remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or keep the latest packets only (-C SIZE -W COUNT)".into()
        }
        io::ErrorKind::FileTooLarge => {
            "the file has reached the maximum size of the file system: use -C SIZE".into()
        }
        _ => format!("cannot be written: {error}"),
    }
}

/// Writes everything. The error has the number of bytes written before it.
fn write_all(file: &mut File, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

/// Standard output without a buffer, which would cut blocks at line ends.
#[cfg(unix)]
fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Standard output without a buffer, which would cut blocks at line ends.
#[cfg(windows)]
fn stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    io::stdout().as_handle().try_clone_to_owned().map(File::from)
}
