//! Reads a blocking source on a thread of its own, so that it can be waited for with a timeout.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::base::{Finding, Findings};
use crate::capture::{Error, Item, Source};

/// Capacity of the channel, in items: some hundred kilobytes of packets.
const CAPACITY: usize = 256;

/// Result of one call of [`Source::next`], with its findings; `None` is the end.
type ReadResult = Result<(Option<Item>, Vec<Finding>), Error>;

/// A source that is read by another thread.
pub(super) struct BackgroundReader {
    results: Receiver<ReadResult>,
    ready: VecDeque<ReadResult>,
}

impl BackgroundReader {
    /// Starts reading `source` on a new thread. It ends with the source, or when the reader is
    /// dropped.
    pub(super) fn spawn(mut source: impl Source + Send + 'static) -> Self {
        let (send, results) = sync_channel(CAPACITY);
        thread::spawn(move || {
            let mut findings = Findings::new();
            loop {
                let item = source.next(&mut findings).map(|item| (item, findings.drain().collect()));
                let is_last = !matches!(item, Ok((Some(_), _)));
                if send.send(item).is_err() || is_last {
                    return;
                }
            }
        });
        Self { results, ready: VecDeque::new() }
    }

    /// Waits for the next item, at most for `timeout`. Returns whether [`Source::next`] would
    /// return at once.
    pub(super) fn wait(&mut self, timeout: Duration) -> bool {
        match self.results.recv_timeout(timeout) {
            Ok(read) => self.ready.push_back(read),
            Err(RecvTimeoutError::Timeout) => {}
            // The thread has ended: `next` returns the end or the error.
            Err(RecvTimeoutError::Disconnected) => return true,
        }
        !self.ready.is_empty()
    }
}

impl Source for BackgroundReader {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        let read = match self.ready.pop_front() {
            Some(read) => read,
            None => self
                .results
                .recv()
                .map_err(|_| Error("the thread that reads the capture has ended".to_owned()))?,
        };
        let (item, new_findings) = read?;
        for finding in new_findings {
            findings.push(finding);
        }
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::base::fact::Loser;

    /// A source whose items are sent by the test.
    struct Sent(Receiver<u64>);

    impl Source for Sent {
        fn next(&mut self, _: &mut Findings) -> Result<Option<Item>, Error> {
            Ok(self.0.recv().ok().map(|packets| Item::Lost { by: Loser::Kernel, packets }))
        }
    }

    #[test]
    fn wait_returns_at_the_timeout() {
        let (send, items) = channel();
        let mut reader = BackgroundReader::spawn(Sent(items));
        assert!(!reader.wait(Duration::from_millis(1)));
        send.send(7).unwrap();
        assert!(reader.wait(Duration::from_secs(60)));
        let mut findings = Findings::new();
        let next = reader.next(&mut findings).unwrap();
        assert!(matches!(next, Some(Item::Lost { packets: 7, .. })), "{next:?}");
        drop(send);
        assert!(reader.wait(Duration::from_secs(60)));
        assert!(reader.next(&mut findings).unwrap().is_none());
    }
}
