//! Decompresses an input: gzip, zstd and lz4, detected by their first bytes.
//!
//! Concatenated gzip members, zstd frames or lz4 frames are one input, as for their own tools.

use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lz4_flex::frame::FrameDecoder;

/// Reads an input and decompresses it if needed.
pub(super) struct Decompressor {
    /// Name of the compression; `None` before the first read, and if the data is not compressed.
    pub(super) compression: Option<&'static str>,
    state: DecompressorState,
    failed: Arc<AtomicBool>,
}

enum DecompressorState {
    /// Not read yet: opening a pipe must not block.
    Raw(CountingReader),
    Open(Box<dyn Read + Send>),
    Closed,
}

impl Decompressor {
    /// Creates a reader of `raw`. Compressed bytes read are added to `count`.
    pub(super) fn new(raw: Box<dyn Read + Send>, count: Arc<AtomicU64>) -> Self {
        let failed = Arc::<AtomicBool>::default();
        Self {
            compression: None,
            state: DecompressorState::Raw(CountingReader { inner: raw, count, failed: Arc::clone(&failed) }),
            failed,
        }
    }

    /// Whether the last read error was caused by damaged data rather than by the disk or pipe.
    pub(super) fn is_damage(&self) -> bool {
        self.compression.is_some() && !self.failed.load(Ordering::Relaxed)
    }

    fn open(&mut self, mut raw: CountingReader) -> io::Result<Box<dyn Read + Send>> {
        let head = read_head(&mut raw)?;
        self.compression = compression(&head);
        let whole = Cursor::new(head).chain(raw);
        Ok(match self.compression {
            Some("gzip") => {
                let input = BufReader::with_capacity(INPUT_BUFFER_SIZE, whole);
                Box::new(flate2::bufread::MultiGzDecoder::new(input))
            }
            Some("zstd") => Box::new(zstd::Decoder::new(whole)?),
            Some("lz4") => Box::new(Lz4Frames::new(whole)),
            _ => Box::new(whole),
        })
    }
}

impl Read for Decompressor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let DecompressorState::Open(reader) = &mut self.state {
            return reader.read(buf);
        }
        match std::mem::replace(&mut self.state, DecompressorState::Closed) {
            DecompressorState::Raw(raw) => {
                let mut reader = self.open(raw)?;
                let result = reader.read(buf);
                self.state = DecompressorState::Open(reader);
                result
            }
            DecompressorState::Open(_) | DecompressorState::Closed => Ok(0),
        }
    }
}

/// Compressed bytes per read. Chosen, not measured.
const INPUT_BUFFER_SIZE: usize = 64 << 10;

/// Reads the first four bytes, fewer if the input is shorter. Blocks for these only.
fn read_head(raw: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    raw.take(4).read_to_end(&mut head)?;
    Ok(head)
}

/// Returns the name of the compression that these first bytes announce; `None` if they announce no
/// compression.
pub(super) fn compression(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x1f, 0x8b, ..] => Some("gzip"),
        // A skippable frame (RFC 8878 section 3.1.2) may come first; pzstd writes one.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some("zstd"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
        _ => None,
    }
}

/// Counts bytes read, and remembers whether the inner reader failed.
struct CountingReader {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
}

impl Read for CountingReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buf);
        match &result {
            Ok(n) => {
                self.count.fetch_add(*n as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.failed.store(true, Ordering::Relaxed),
        }
        result
    }
}

/// All frames of an lz4 input.
///
/// `FrameDecoder` returns 0 after each frame, and also if the input stops at a block boundary
/// inside a frame. Only in the second case has the input itself ended: the end of a frame is
/// marked, so the decoder finds it without reading past it.
///
/// Each frame gets a new decoder: a reused one still has the buffer of the previous block size,
/// which lz4_flex 0.14 asserts against.
struct Lz4Frames<R: Read> {
    /// `None` only while it is replaced.
    decoder: Option<FrameDecoder<EndDetector<BufReader<R>>>>,
    /// Compressed bytes read when the last frame ended.
    frame_end: Option<u64>,
}

impl<R: Read> Lz4Frames<R> {
    fn new(raw: R) -> Self {
        let input =
            EndDetector { inner: BufReader::with_capacity(INPUT_BUFFER_SIZE, raw), bytes: 0, ended: false };
        Self { decoder: Some(FrameDecoder::new(input)), frame_end: None }
    }
}

impl<R: Read> Read for Lz4Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while let Some(decoder) = &mut self.decoder {
            let n = decoder.read(buf)?;
            if n > 0 {
                return Ok(n);
            }
            let input = decoder.get_ref();
            if input.ended && self.frame_end == Some(input.bytes) {
                break;
            }
            if input.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.frame_end = Some(input.bytes);
            self.decoder = self.decoder.take().map(|done| FrameDecoder::new(done.into_inner()));
        }
        Ok(0)
    }
}

/// Counts bytes read, and remembers whether the inner reader has ended.
struct EndDetector<R> {
    inner: R,
    bytes: u64,
    ended: bool,
}

impl<R: Read> Read for EndDetector<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.bytes += n as u64;
        self.ended |= n == 0 && !buf.is_empty();
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::base::Code;
    use crate::capture::from_reader;
    use crate::capture::samples::{LITTLE, OneByte, drain, read};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn lz4(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A capture of 40 packets that compress badly, so that truncation loses some of them.
    fn sample() -> Vec<u8> {
        let mut file = LITTLE.pcap(0xa1b2_c3d4, 1);
        let mut state = 1u32;
        for n in 0..40 {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let data: Vec<u8> = (0..4000).map(|_| next()).collect();
            file.extend(LITTLE.record(n, 0, 4000, &data));
        }
        file
    }

    #[test]
    fn concatenated_members_are_one_file() {
        let plain = sample();
        let want = read(&plain).table();
        assert_eq!(want.len(), 40);
        let (a, b) = plain.split_at(70_001);
        for pack in [gzip, zstd, lz4] {
            let packed = [pack(a), pack(&[]), pack(b)].concat();
            let got = read(&packed);
            assert_eq!((got.table(), got.codes, got.error), (want.clone(), vec![], None));
            let one_by_one = OneByte(Cursor::new(packed));
            assert_eq!(drain(from_reader("test", Box::new(one_by_one))).table(), want);
        }
    }

    #[test]
    fn truncation_keeps_the_packets_before_it() {
        let plain = sample();
        let want = read(&plain).table();
        for (pack, step) in [(gzip as fn(&[u8]) -> Vec<u8>, 997), (zstd, 997), (lz4, 997)] {
            let packed = pack(&plain);
            let near_end = packed.len() - 24..packed.len();
            for cut in (200..packed.len()).step_by(step).chain(near_end) {
                let got = read(&packed[..cut]);
                let table = got.table();
                assert_eq!(table[..], want[..table.len()]);
                // Before the first block is complete the format is unknown.
                if got.error.is_none() {
                    assert_eq!(got.codes, [Code::CaptureTruncated], "cut at {cut} of {}", packed.len());
                }
            }
        }
    }

    #[test]
    fn damage_is_a_finding() {
        for pack in [gzip, zstd, lz4] {
            let mut packed = [pack(&sample()), pack(&sample())].concat();
            let at = packed.len() / 2 + 3;
            packed[at..at + 40].fill(0xee);
            let got = read(&packed);
            assert!(got.table().len() >= 30, "{:?}", got.details);
            assert_eq!(got.codes, [Code::CaptureBadBlock], "{:?}", got.details);
        }
    }

    #[test]
    fn a_failing_disk_is_an_error() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        for plain in [sample(), gzip(&sample())] {
            let half = Cursor::new(plain[..plain.len() / 2].to_vec());
            let got = drain(from_reader("test", Box::new(half.chain(Failing))));
            assert!(got.error.unwrap().contains("disk on fire"));
            assert!(!got.items.is_empty());
        }
    }

    proptest::proptest! {
        #[test]
        fn changed_bytes_never_panic(which in 0usize..3, at in 0usize..9_999, to in proptest::prelude::any::<u8>()) {
            let pack = [gzip, zstd, lz4][which];
            let mut packed = pack(&sample()[..9_000]);
            let at = at % packed.len();
            packed[at] = to;
            read(&packed);
        }
    }
}
