//! How long an exchange took, or waited, and whose time it was.

use super::method;
use super::record::{Cause, Exchange};
use crate::base::http2::Http2Facts;
use crate::base::{Degraded, Origin, Side, Status};

impl Exchange {
    /// First byte of the request to last byte of the response, in nanoseconds. Negative if the
    /// response was complete before the request began. `None` without a response.
    #[must_use]
    pub fn total_ns(&self) -> Option<i64> {
        self.response.map(|response| response.span.end.time.since(self.request.span.start.time))
    }

    /// The total that can be compared, in nanoseconds; `None` without a response, or if packet
    /// times go back meanwhile.
    #[must_use]
    pub fn known_total_ns(&self) -> Option<i64> {
        self.total_ns().filter(|_| !self.degraded.contains(Degraded::TIME_BACK))
    }

    /// The total that counts in statistics, in nanoseconds; `None` if the request was not answered,
    /// if packet times go back meanwhile, and for a subscription, which is meant to stay open.
    #[must_use]
    pub fn latency_ns(&self) -> Option<i64> {
        self.known_total_ns().filter(|_| self.status.is_answered() && !self.is_subscription())
    }

    /// Whether it failed: by the tool, in JSON-RPC, in HTTP, or without a response. A subscription
    /// that was closed did not.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.status.is_failure() && !self.is_ended_subscription()
    }

    /// First to last byte of the request, in nanoseconds.
    #[must_use]
    pub fn send_ns(&self) -> i64 {
        self.request.span.end.time.since(self.request.span.start.time)
    }

    /// Last byte of the request to first byte of the response, in nanoseconds. Negative if the
    /// response began before the request was complete. `None` without a response.
    #[must_use]
    pub fn wait_ns(&self) -> Option<i64> {
        self.response.map(|response| response.span.start.time.since(self.request.span.end.time))
    }

    /// First to last byte of the response, in nanoseconds. `None` without a response.
    #[must_use]
    pub fn receive_ns(&self) -> Option<i64> {
        self.response.map(|response| response.span.end.time.since(response.span.start.time))
    }

    /// Last byte of the request to the status line that answers its POST, in nanoseconds.
    #[must_use]
    pub fn ack_ns(&self) -> Option<i64> {
        self.ack.map(|ack| ack.since(self.request.span.end.time))
    }

    /// The packet that ended the wait for a response: the last of the response, or the one that
    /// made the sender, or this program, wait no longer. `None` if it is not known.
    #[must_use]
    pub fn waited_until(&self) -> Option<Origin> {
        self.wait_ended.or(self.response.map(|response| response.span.end))
    }

    /// First byte of the request to the packet that ended the wait, in nanoseconds.
    #[must_use]
    pub fn waited_ns(&self) -> Option<i64> {
        self.waited_until().map(|end| end.time.since(self.request.span.start.time))
    }

    /// How long it waited without an answer, in nanoseconds: a lower limit of the time that an
    /// answer would have taken. `None` if it was answered or refused, if it is not known what ended
    /// the wait, and for a subscription, which is meant to stay open.
    #[must_use]
    pub fn unanswered_ns(&self) -> Option<i64> {
        let is_wait = match self.status {
            Status::Cancelled => true,
            Status::Unanswered => self.cause != Some(Cause::NoResponse),
            _ => false,
        };
        let is_known = !self.degraded.contains(Degraded::TIME_BACK) && !self.is_subscription();
        let end = self.wait_ended.filter(|_| is_wait && is_known)?;
        Some(end.time.since(self.request.span.start.time).max(0))
    }

    /// The time by which it is compared with others, in nanoseconds: the total, or how long it
    /// waited without an answer. `None` if neither is known.
    #[must_use]
    pub fn elapsed_ns(&self) -> Option<i64> {
        self.unanswered_ns().or_else(|| self.known_total_ns())
    }

    /// Whether it opens a stream of notifications, which stays open until one side closes it
    /// (2026-07-28, `subscriptions/listen`).
    #[must_use]
    pub fn is_subscription(&self) -> bool {
        method::is_subscription(&self.method)
    }

    /// Whether it is a subscription that ended as subscriptions do: its client closed it, or the
    /// capture ended first.
    #[must_use]
    pub fn is_ended_subscription(&self) -> bool {
        let by_client = [Cause::ClientClosed, Cause::ClientReset, Cause::Cancelled, Cause::CaptureEnd];
        self.is_subscription()
            && matches!(self.status, Status::Cancelled | Status::Unanswered)
            && self.cause.is_some_and(|cause| by_client.contains(&cause))
    }

    /// The time of the wait that is the server's, in nanoseconds: without what it waited for the
    /// client. Of a call without an answer, up to the end of the wait. Includes the network between
    /// the point of capture and the server. `None` if it is not known what ended the wait, and of a
    /// request of the server, which waits for the client.
    #[must_use]
    pub fn server_ns(&self) -> Option<i64> {
        if self.origin == Side::Server {
            return None;
        }
        let sent = self.request.span.end.time;
        let until = match (self.response, self.wait_ended) {
            (Some(response), _) => response.span.start.time,
            (None, Some(end)) => end.time,
            (None, None) => return None,
        };
        Some(until.since(sent).saturating_sub(self.asked.client_ns))
    }

    /// What HTTP/2 tells of it besides.
    #[must_use]
    pub fn http2_facts(&self) -> Http2Facts {
        self.http2.as_deref().copied().unwrap_or_default()
    }

    /// The time in which bytes of request and response were on their way, in nanoseconds.
    #[must_use]
    pub fn network_ns(&self) -> i64 {
        self.send_ns().saturating_add(self.receive_ns().unwrap_or(0))
    }
}
