//! Header blocks as the `h2` crate reads them: the oracle of the decoder.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::{RecvStream, server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What the client sends. Nothing that the server sends is kept.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<VecDeque<u8>>>);

impl Wire {
    fn bytes(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut bytes = self.bytes();
        if bytes.is_empty() {
            return Poll::Pending;
        }
        let len = into.remaining().min(bytes.len());
        bytes.drain(..len).for_each(|byte| into.put_slice(&[byte]));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What the crate says of a block.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http::h2) enum Verdict {
    /// Its fields, sorted by name.
    Fields(Vec<(Vec<u8>, Vec<u8>)>),
    /// It cannot be decoded, or a name or value has bytes that HTTP does not allow.
    Invalid,
    /// It refuses the stream, for another reason. It goes on with the next block.
    Refused,
}

/// A server of the `h2` crate. Each block comes as the trailers of a stream of its own.
pub(in crate::http::h2) struct Peer {
    wire: Wire,
    connection: server::Connection<Wire, Bytes>,
    stream: u32,
    /// Responses that are never sent: dropped, they would reset their streams.
    unanswered: Vec<server::SendResponse<Bytes>>,
}

/// The longest block of one frame.
pub(in crate::http::h2) const MAX_BLOCK: usize = 16_384;

impl Peer {
    /// Begins a connection; `None` if the crate does not.
    pub(in crate::http::h2) fn new() -> Option<Self> {
        let wire = Wire::default();
        wire.bytes().extend(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        wire.bytes().extend(frame(4, 0, 0, &[]));
        let mut builder = server::Builder::new();
        builder.max_header_list_size(1 << 18).max_local_error_reset_streams(None);
        let mut handshake = Box::pin(builder.handshake(wire.clone()));
        let Poll::Ready(Ok(connection)) = handshake.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            return None;
        };
        Some(Self { wire, connection, stream: 1, unanswered: Vec::new() })
    }

    /// Returns what the crate says of the next block; `None` if it says nothing.
    pub(in crate::http::h2) fn read(&mut self, block: &[u8]) -> Option<Verdict> {
        // GET http://x/, no field of it added to the table.
        let head = [0x82, 0x86, 0x84, 1, 1, b'x'];
        self.wire.bytes().extend(frame(1, 4, self.stream, &head));
        self.wire.bytes().extend(frame(1, 5, self.stream, block));
        self.stream += 2;
        let mut context = Context::from_waker(Waker::noop());
        let mut body: Option<RecvStream> = None;
        // Once more than needed: the crate may pause before it read everything.
        for _ in 0..8 {
            match self.connection.poll_accept(&mut context) {
                Poll::Ready(Some(Ok((request, answer)))) => {
                    body = Some(request.into_body());
                    self.unanswered.push(answer);
                }
                // Its reason is PROTOCOL_ERROR, too, where HPACK is wrong.
                Poll::Ready(Some(Err(_))) => return Some(Verdict::Invalid),
                Poll::Ready(None) => return None,
                Poll::Pending => {}
            }
        }
        match body?.poll_trailers(&mut context) {
            Poll::Ready(Ok(trailers)) => {
                let fields = trailers.unwrap_or_default();
                let fields =
                    fields.iter().map(|(name, value)| (name.as_str().into(), value.as_bytes().into()));
                Some(Verdict::Fields(sorted(fields.collect())))
            }
            Poll::Ready(Err(_)) => Some(Verdict::Refused),
            Poll::Pending => None,
        }
    }
}

/// Sorts fields by name; those of one name keep their order.
pub(in crate::http::h2) fn sorted(mut fields: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), payload].concat()
}
