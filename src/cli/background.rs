//! A source that blocks in; a source that can be waited for with patience out: a thread of its own reads.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::base::{Finding, Findings};
use crate::capture::{Error, Item, Source};

/// Items that wait to be taken: some hundred kilobytes of packets.
const WAITING: usize = 256;

/// What reading yields: an item or the end, with what was noticed on the way.
type Read = Result<(Option<Item>, Vec<Finding>), Error>;

/// A source whose items come when they come.
pub(super) struct Relay {
    read: Receiver<Read>,
    ready: VecDeque<Read>,
}

impl Relay {
    /// Reads a source in a thread of its own, which ends with the source, or when nobody takes its items.
    pub(super) fn of(mut source: impl Source + Send + 'static) -> Self {
        let (send, read) = sync_channel(WAITING);
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
        Self { read, ready: VecDeque::new() }
    }

    /// Waits for the next item, for so long. Whether [`Source::next`] has something without waiting.
    pub(super) fn wait(&mut self, patience: Duration) -> bool {
        match self.read.recv_timeout(patience) {
            Ok(read) => self.ready.push_back(read),
            Err(RecvTimeoutError::Timeout) => {}
            // The end was taken, or the reader is gone: that is for `next` to say.
            Err(RecvTimeoutError::Disconnected) => return true,
        }
        !self.ready.is_empty()
    }
}

impl Source for Relay {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Item>, Error> {
        let read = match self.ready.pop_front() {
            Some(read) => read,
            None => self.read.recv().map_err(|_| Error("the reader of the capture is gone".to_owned()))?,
        };
        let (item, noticed) = read?;
        noticed.into_iter().for_each(|finding| findings.push(finding));
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
    fn what_does_not_come_is_not_waited_for() {
        let (send, items) = channel();
        let mut relay = Relay::of(Sent(items));
        assert!(!relay.wait(Duration::from_millis(1)));
        send.send(7).unwrap();
        assert!(relay.wait(Duration::from_secs(60)));
        let mut findings = Findings::new();
        let next = relay.next(&mut findings).unwrap();
        assert!(matches!(next, Some(Item::Lost { packets: 7, .. })), "{next:?}");
        drop(send);
        assert!(relay.wait(Duration::from_secs(60)));
        assert!(relay.next(&mut findings).unwrap().is_none());
    }
}
