//! The streams of a connection (RFC 9113 section 5.1): each carries one transaction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::flow::{Flow, StreamFlow};
use crate::base::{Degraded, Origin, Side, Span};
use crate::http::sse::begins_with_field;
use crate::http::{Field, Head, PartKind, TransactionNo};

/// Streams that are over and of which frames may still come, because they were on their way.
const RECENT: usize = 128;

/// The first bytes of content that show whether it is an event stream: a BOM and the longest field
/// name with its colon.
const SHOWN: usize = 9;

/// A stream that is not over.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) transaction: TransactionNo,
    pub(super) client: Message,
    pub(super) server: Message,
    /// The request is a `HEAD`: its response has no content.
    pub(super) has_no_content: bool,
    /// Where the tunnel leads that the request asks for; `None` if it asks for none.
    pub(super) tunnel: Option<String>,
}

/// The request or the response of a stream.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) state: State,
    pub(super) flow: StreamFlow,
    /// Its `content-length`; `None` if it has none.
    length: Option<u64>,
    /// Bytes of content so far.
    received: u64,
    /// Bytes may be missing.
    has_gap: bool,
    /// The content is read once it is all there.
    is_read_whole: bool,
    /// Why content may be missing of which the length will tell.
    doubt: Degraded,
    /// The head, until the content shows what it is the head of.
    undecided: Option<Undecided>,
    /// The head may be that of an interim response: no content followed it so far.
    may_be_interim: bool,
    /// The rest of the DATA frame is not read: it does not show what it is.
    skips: bool,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Its head was not seen.
    #[default]
    Unseen,
    /// Its head was seen, and its end was not.
    Open,
    /// It is over.
    Ended,
}

/// A response whose media type is not known, and its first content.
#[derive(Debug)]
struct Undecided {
    /// `None` if the head was not captured: only an event stream can be read then.
    head: Option<Box<Head>>,
    why: Degraded,
    held: Vec<(Bytes, Span)>,
}

impl Message {
    /// The head was seen, which announces `length` bytes of content.
    pub(super) fn begin(&mut self, head: &Head, length: Option<u64>) {
        self.state = State::Open;
        self.length = length;
        // Events and coded content are read as they come.
        let is_plain = head.field(Field::ContentEncoding).is_none() && !head.is_event_stream();
        self.is_read_whole = is_plain && head.unknown().is_none();
    }

    /// The head of a response is known, but not whether an event stream follows. `None`: the head
    /// was not captured.
    pub(super) fn defer(&mut self, head: Option<Box<Head>>, why: Degraded) {
        self.state = State::Open;
        self.undecided = Some(Undecided { head, why, held: Vec::new() });
    }

    /// Sets whether the head may be that of an interim response. If it is not, one that waits is
    /// dropped: the final one is here.
    pub(super) fn set_may_be_interim(&mut self, may_be: bool) {
        self.may_be_interim = may_be;
        if !may_be {
            self.undecided = None;
        }
    }

    /// Returns whether another head may follow, because the first one may be interim.
    pub(super) fn may_be_interim(&self) -> bool {
        self.may_be_interim
    }

    /// Content is missing.
    pub(super) fn add_gap(&mut self) {
        self.has_gap = true;
    }

    /// Frames are missing, perhaps some of this message: its length will show it if it has one.
    /// Returns the part that says so.
    pub(super) fn lose_frames(&mut self, why: Degraded, at: Origin) -> PartKind {
        self.has_gap = true;
        if self.state == State::Open && self.is_read_whole && self.length.is_some() {
            self.doubt.add(why);
            PartKind::Lost { why, at }
        } else {
            PartKind::Gap { why, at }
        }
    }

    /// Returns why content is missing of a message that ends; nothing if its length says that it is
    /// all there.
    pub(super) fn take_doubt(&mut self) -> Degraded {
        let doubt = std::mem::take(&mut self.doubt);
        if self.length == Some(self.received) { Degraded::NONE } else { doubt }
    }

    /// Returns whether bytes may be missing.
    pub(super) fn has_gap(&self) -> bool {
        self.has_gap
    }

    /// Takes content, and appends what can be passed on.
    pub(super) fn content(&mut self, bytes: Bytes, span: Span, out: &mut Vec<PartKind>) {
        self.received += bytes.len() as u64;
        self.may_be_interim = false;
        if self.skips {
            return;
        }
        let Some(undecided) = &mut self.undecided else {
            return out.push(PartKind::Content(bytes, span));
        };
        // Must not keep a block of the capture in memory.
        undecided.held.push((Bytes::copy_from_slice(&bytes), span));
        if undecided.held() >= SHOWN {
            self.skips = !self.decide(out);
        }
    }

    /// A DATA frame is over. Returns false if neither the head nor the beginning of an event was
    /// seen: then the next frame may begin an event.
    pub(super) fn end_frame(&mut self, out: &mut Vec<PartKind>) -> bool {
        if std::mem::take(&mut self.skips) {
            return false;
        }
        let is_headless = self.undecided.as_ref().is_some_and(|undecided| undecided.head.is_none());
        !is_headless || self.decide(out)
    }

    /// Appends the head that waits for content, and the content. Returns false if nothing of it can
    /// be read.
    pub(super) fn decide(&mut self, out: &mut Vec<PartKind>) -> bool {
        let Some(Undecided { head, why, held }) = self.undecided.take() else { return true };
        let first: Vec<u8> = held.iter().flat_map(|(bytes, _)| bytes.iter().copied()).take(SHOWN).collect();
        let is_stream = begins_with_field(&first);
        let head = match (head, held.first()) {
            (Some(mut head), _) => {
                if is_stream {
                    head.take_for_stream();
                }
                head
            }
            (None, Some((_, span))) if is_stream => Box::new(Head::unseen(*span)),
            (None, _) => return false,
        };
        out.push(PartKind::Head(head, why));
        out.extend(held.into_iter().map(|(bytes, span)| PartKind::Content(bytes, span)));
        true
    }

    /// Returns the length that the head announces and the length that came, if they differ although
    /// nothing is missing.
    pub(super) fn wrong_length(&self) -> Option<(u64, u64)> {
        let length = self.length.filter(|length| !self.has_gap && *length != self.received)?;
        Some((length, self.received))
    }

    /// Returns how much of an incomplete body came, in words.
    pub(super) fn progress(&self) -> String {
        match self.length {
            Some(length) => format!("{} of {length} bytes of the body came", self.received),
            None => format!("{} bytes of the body came and no end of the stream", self.received),
        }
    }

    /// Returns whether a length says that all content came, although no end was seen.
    pub(super) fn is_whole(&self) -> bool {
        self.state == State::Open && self.length == Some(self.received)
    }

    /// Returns whether a length says that more content is to come.
    pub(super) fn lacks_content(&self) -> bool {
        self.length.is_some_and(|length| self.received < length)
    }
}

impl Undecided {
    fn held(&self) -> usize {
        self.held.iter().map(|(bytes, _)| bytes.len()).sum()
    }
}

impl Stream {
    pub(super) fn message(&mut self, side: Side) -> &mut Message {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Returns whether frames of either side may be missing.
    pub(super) fn has_gap(&self) -> bool {
        self.client.has_gap || self.server.has_gap
    }

    /// Returns whether nothing more of it is read.
    fn is_over(&self) -> bool {
        self.client.state == State::Ended && self.server.state == State::Ended
    }

    /// Returns whether the response is over and the request was not captured before it.
    fn is_early(&self) -> bool {
        self.client.state == State::Unseen && self.server.state == State::Ended
    }
}

/// The streams of a connection, by their number.
///
/// Only those that the client opens are kept: servers push nothing that clients still take.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Stream>,
    /// Number of the next transaction.
    next: u32,
    /// Highest stream that the client opened; 0 before the first.
    last: u32,
    /// The streams that were over last.
    recent: VecDeque<u32>,
    /// Streams whose response is over and whose request was not captured before it.
    early: BTreeSet<u32>,
    /// See [`Streams::take_has_new`].
    has_new: bool,
}

impl Streams {
    /// Open streams that are not dropped to save memory: servers allow a hundred (RFC 9113 section
    /// 6.5.2).
    pub(super) const COMMON: usize = 128;

    /// Creates the streams of a connection on which HTTP/1 had transactions up to `next`.
    pub(super) fn from(next: u32) -> Self {
        Self { next, ..Self::default() }
    }

    /// The next transaction has at least this number.
    pub(super) fn skip_to(&mut self, next: u32) {
        self.next = self.next.max(next);
    }

    /// Returns the number of streams that are not over.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns the memory of the streams, in bytes.
    pub(super) fn held(&self) -> usize {
        let lists = self.recent.capacity() + self.early.len();
        self.open.len() * size_of::<(u32, Stream)>() + lists * size_of::<u32>()
    }

    /// Number of the next transaction.
    pub(super) fn next(&self) -> TransactionNo {
        TransactionNo(self.next)
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        self.open.get_mut(&id)
    }

    /// Returns all streams in the order of their numbers.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Stream)> {
        self.open.iter_mut().map(|(id, stream)| (*id, stream))
    }

    /// Returns whether a frame of stream `id` can be the first one of it. `missing`: earlier frames
    /// may not be in the capture.
    pub(super) fn can_open(&self, id: u32, missing: bool) -> bool {
        let is_of_client = id % 2 == 1;
        is_of_client && (id > self.last || (missing && !self.recent.contains(&id)))
    }

    /// Opens a stream. `by`: the sender of its first frame in the capture.
    pub(super) fn open(&mut self, id: u32, by: Side, [client, server]: &[Flow; 2]) -> &mut Stream {
        if by == Side::Client {
            self.last = self.last.max(id);
        }
        self.has_new = true;
        let next = &mut self.next;
        self.open.entry(id).or_insert_with(|| {
            let transaction = TransactionNo(*next);
            *next = next.saturating_add(1);
            let message =
                |flow: &Flow| Message { flow: StreamFlow::new(flow.window()), ..Message::default() };
            Stream {
                transaction,
                client: message(client),
                server: message(server),
                has_no_content: false,
                tunnel: None,
            }
        })
    }

    /// Returns whether a stream was opened since the last call.
    pub(super) fn take_has_new(&mut self) -> bool {
        std::mem::take(&mut self.has_new)
    }

    /// The client opened a stream that is not read.
    pub(super) fn ignore(&mut self, id: u32) {
        self.last = self.last.max(id);
        self.close(id);
    }

    /// Forgets a stream of which nothing is read.
    pub(super) fn discard(&mut self, id: u32) {
        self.open.remove(&id);
    }

    /// Forgets a stream that is over. Frames of it that still come are ignored.
    pub(super) fn close(&mut self, id: u32) {
        self.open.remove(&id);
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(id);
    }

    /// Forgets the stream if it is over.
    pub(super) fn close_if_over(&mut self, id: u32) {
        match self.open.get(&id) {
            Some(stream) if stream.is_over() => self.close(id),
            Some(stream) if stream.is_early() => {
                self.early.insert(id);
            }
            _ => {}
        }
    }

    /// Takes the oldest stream if there are more than may be open.
    pub(super) fn take_excess(&mut self, most: usize) -> Option<(u32, Stream)> {
        if self.open.len() <= most {
            return None;
        }
        let (id, stream) = self.open.pop_first()?;
        self.close(id);
        Some((id, stream))
    }

    /// Forgets the streams before `id` whose request will not come any more, because requests come
    /// in the order of their streams. Returns their number.
    pub(super) fn take_unmatched(&mut self, id: u32) -> usize {
        let mut count = 0;
        while let Some(first) = self.early.first().copied().filter(|first| *first < id) {
            self.early.remove(&first);
            // Its request may have come since.
            if self.open.get(&first).is_some_and(Stream::is_early) {
                self.close(first);
                count += 1;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flows() -> [Flow; 2] {
        [Flow::default(), Flow::default()]
    }

    #[test]
    fn a_stream_opens_once_and_late_frames_of_it_are_ignored() {
        let mut streams = Streams::default();
        assert!(streams.can_open(1, false) && !streams.can_open(2, false));
        assert_eq!(streams.open(1, Side::Client, &flows()).transaction, TransactionNo(0));
        assert_eq!(streams.open(5, Side::Client, &flows()).transaction, TransactionNo(1));
        streams.close(5);
        assert!(!streams.can_open(3, false), "the client counts upwards");
        assert!(streams.can_open(3, true), "its first frames may be in a gap");
        assert!(!streams.can_open(5, true), "it is over");
        assert!(streams.can_open(7, false));
    }

    #[test]
    fn content_waits_for_the_bytes_that_show_what_it_is() {
        let span = Span::of(Origin::new(1, 1));
        for (pieces, is_read, is_stream) in [
            (&["da", "ta: {}", "\n\n"][..], true, true),
            (&["{\"jsonrpc\":\"2.0\"}"], false, false),
            (&["id:"], true, true),
            (&[], false, false),
        ] {
            let mut message = Message::default();
            message.defer(None, Degraded::MIDSTREAM);
            let mut out = Vec::new();
            for piece in pieces {
                message.content(Bytes::from_static(piece.as_bytes()), span, &mut out);
            }
            let decided = message.decide(&mut out);
            assert_eq!(decided && !out.is_empty(), is_read, "{pieces:?}");
            let is_head = matches!(out.first(), Some(PartKind::Head(head, _)) if head.is_unseen());
            assert_eq!(is_head, is_stream, "{pieces:?}");
            let content: Vec<u8> = out
                .iter()
                .flat_map(|part| match part {
                    PartKind::Content(bytes, _) => bytes.to_vec(),
                    _ => Vec::new(),
                })
                .collect();
            assert_eq!(content, if is_read { pieces.concat().into_bytes() } else { Vec::new() });
        }
    }
}
