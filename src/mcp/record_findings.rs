//! Findings about records.

use super::record::{Exchange, Notification};
use crate::base::{Code, Finding, Origin};

impl Exchange {
    /// Creates a finding about the exchange, at one of its packets.
    #[must_use]
    pub fn finding(&self, code: Code, at: Origin, detail: impl Into<String>) -> Finding {
        Finding {
            code,
            at: Some(at),
            tcp_stream: Some(self.tcp_stream),
            session: Some(self.session.number),
            exchange: Some(self.n),
            count: 1,
            detail: detail.into(),
        }
    }
}

impl Notification {
    /// Creates a finding about the notification, at its last packet.
    #[must_use]
    pub fn finding(&self, code: Code, detail: impl Into<String>) -> Finding {
        Finding {
            code,
            at: Some(self.message.span.end),
            tcp_stream: Some(self.tcp_stream),
            session: Some(self.session.number),
            exchange: self.exchange,
            count: 1,
            detail: detail.into(),
        }
    }
}
