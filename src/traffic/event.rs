//! Reads the events of a `text/event-stream` body, with a cap on the size of an event.

use std::io;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use sse_stream::{Sse, SseStream};

/// Largest event, in bytes. The parser holds an event until its blank line, which a server might
/// never send. Equals rmcp's limit for Streamable HTTP.
pub(super) const MAX_EVENT: usize = 16 << 20;

/// Returns the events of a body. The stream ends after the first error: an event larger than `max`
/// bytes, or an error of the body.
pub(super) fn events<S, E>(body: S, max: usize) -> BoxStream<'static, io::Result<Sse>>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut size = EventSize::default();
    let bounded = body.map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        if size.scan(&chunk) > max {
            return Err(io::Error::other(format!("an event of more than {max} bytes")));
        }
        Ok(chunk)
    });
    let mut failed = false;
    let until_error = SseStream::from_bytes_stream(bounded).map(|event| event.map_err(io::Error::other));
    let until_error = until_error.take_while(move |event| {
        let go_on = !failed;
        failed = event.is_err();
        std::future::ready(go_on)
    });
    until_error.boxed()
}

/// Counts the bytes since the last blank line.
#[derive(Debug, Default)]
struct EventSize {
    event: usize,
    line: usize,
    after_cr: bool,
}

impl EventSize {
    /// Scans a chunk and returns the size of the largest event so far, in bytes.
    fn scan(&mut self, chunk: &[u8]) -> usize {
        let mut largest = 0;
        for byte in chunk {
            let after_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => {
                    self.event = if self.line == 0 { 0 } else { self.event.saturating_add(self.line) };
                    self.line = 0;
                }
                _ => self.line = self.line.saturating_add(1),
            }
            largest = largest.max(self.event.saturating_add(self.line));
        }
        largest
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]], max: usize) -> Vec<Result<Option<String>, String>> {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk))).collect();
        let events = events(futures::stream::iter(chunks), max);
        block_on(events.map(|event| event.map(|event| event.data).map_err(|e| e.to_string())).collect())
    }

    #[test]
    fn events_with_any_line_ending_are_read() {
        for text in ["data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n"] {
            let events = read(&[text.as_bytes()], 8);
            assert_eq!(events, [Ok(Some("a".to_owned())), Ok(Some("b".to_owned()))], "{text:?}");
        }
    }

    #[test]
    fn an_oversized_event_ends_the_stream() {
        let endless = vec![b'x'; 100];
        let events = read(&[b"data: a\n\n", b"data: ", &endless, &endless, b"\n\ndata: c\n\n"], 64);
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(events[0], Ok(Some("a".to_owned())));
        assert!(events[1].as_ref().is_err_and(|error| error.contains("64 bytes")), "{events:?}");
    }

    proptest! {
        #[test]
        fn the_size_does_not_depend_on_chunk_boundaries(text in "[a\r\n]{0,60}", at in 0usize..60) {
            let (whole, cut) = (text.as_bytes(), at.min(text.len()));
            let mut one = EventSize::default();
            let largest = one.scan(whole);
            let mut two = EventSize::default();
            let parts = two.scan(&whole[..cut]).max(two.scan(&whole[cut..]));
            prop_assert_eq!(largest, parts);
        }
    }
}
