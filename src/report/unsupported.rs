//! Protocols that are recognized and not decoded.

use crate::base::fact::Wrapper;
use crate::base::units;
use crate::ledger::Speaks;

/// Numbers of connections whose protocol is not decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadConnections {
    tls: u64,
    other_in_tunnel: u64,
    quic: u64,
}

impl UnreadConnections {
    /// Adds connections, if what they carry is not decoded.
    pub fn add(&mut self, speaks: Speaks, wrapper: Option<Wrapper>, connections: u64) {
        let is_tunnel = wrapper == Some(Wrapper::ConnectTunnel);
        let count = match speaks {
            Speaks::Other if is_tunnel => &mut self.other_in_tunnel,
            Speaks::Tls => &mut self.tls,
            _ => return,
        };
        *count += connections;
    }

    /// Adds QUIC connections.
    pub fn add_quic(&mut self, connections: u64) {
        self.quic += connections;
    }

    /// Describes them in a line; `None` if there are none.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let tls = list(&[("TLS", self.tls)])
            .map(|tls| format!("{tls} without its secrets; read it with --tls-keylog FILE"));
        let others = list(&[("a protocol other than HTTP in a CONNECT tunnel", self.other_in_tunnel)]);
        let quic = list(&[("QUIC (HTTP/3)", self.quic)])
            .map(|quic| format!("{quic}, not supported; turn HTTP/3 off in the client"));
        let parts: Vec<_> = [tls, others, quic].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Names protocols with their numbers of connections; `None` if there are none.
fn list(counts: &[(&str, u64)]) -> Option<String> {
    let mut parts = Vec::new();
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        // The word stands once.
        let number = if parts.is_empty() { units::several(*count, "connection") } else { count.to_string() };
        parts.push(format!("{name} on {number}"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
