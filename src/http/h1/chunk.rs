//! Finding the next chunk of a chunked body (RFC 9112 section 7.1) after a gap.

use super::scan;

/// The start of a chunk in the bytes of a chunked body.
pub(super) enum Boundary {
    /// Here: its size line, its data and the line end after it are consistent.
    At(usize),
    /// Perhaps here, when more bytes come.
    Perhaps(usize),
    /// Nowhere; this many bytes at the end may be the beginning of one.
    None(usize),
}

/// Largest chunk that is awaited to confirm a boundary, in bytes.
const MAX_CONFIRMED: u64 = 16 << 20;

/// Finds the first start of a chunk.
pub(super) fn chunk_boundary(bytes: &[u8]) -> Boundary {
    let mut perhaps = None;
    // Most often a chunk begins where a segment begins; otherwise after the line end of the
    // previous chunk.
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1));
    for start in starts {
        let Some(rest) = bytes.get(start..) else { break };
        let Some((size, line)) = scan::chunk_line(rest) else {
            continue;
        };
        if size > MAX_CONFIRMED {
            continue;
        }
        let end = line + usize::try_from(size).unwrap_or(usize::MAX);
        match rest.get(end..) {
            Some([b'\r', b'\n', ..]) => return Boundary::At(start),
            None | Some([] | [b'\r']) if perhaps.is_none() => perhaps = Some(start),
            _ => {}
        }
    }
    perhaps.map_or(Boundary::None(bytes.len().min(300)), Boundary::Perhaps)
}
