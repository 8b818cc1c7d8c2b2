//! Totals of TLS connections, by what they agreed on.

use std::collections::BTreeMap;

use super::series::Series;
use crate::base::fact::ConnectionFact;
use crate::base::tls::{Decrypted, RecordCounts, TlsVersion};
use crate::base::{Room, limits};

/// TLS connections that agreed on the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsRow {
    /// What they agreed on.
    pub kind: TlsKind,
    /// Number of connections.
    pub connections: u64,
    /// Number of connections that resumed an earlier session.
    pub resumed: u64,
    /// Median duration of the TLS handshake, in nanoseconds; `None` if none was captured whole.
    pub handshake_p50_ns: Option<i64>,
    /// What clients and what servers sent, in encrypted records.
    pub records: [RecordCounts; 2],
}

/// What TLS connections agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TlsKind {
    /// The host that the client asked for; `None` if it named none.
    pub sni: Option<Box<str>>,
    /// The version; `None` if the ServerHello was not captured.
    pub version: Option<TlsVersion>,
    /// The cipher suite; `None` if the ServerHello was not captured.
    pub suite: Option<Box<str>>,
    /// The protocol that was chosen with ALPN; `None` if there was none, or if it is encrypted.
    pub alpn: Option<Box<str>>,
    /// How much was decrypted.
    pub decrypted: Decrypted,
}

/// Rows under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsTotals {
    kinds: BTreeMap<TlsKind, Total>,
}

#[derive(Clone, Debug, Default)]
struct Total {
    connections: u64,
    resumed: u64,
    handshakes: Series,
    records: [RecordCounts; 2],
}

impl TlsTotals {
    /// Adds a connection, if it has TLS. `room` is what durations may take.
    pub(super) fn record(&mut self, connection: &ConnectionFact, room: &mut Room) {
        let Some(tls) = &connection.tls else { return };
        let mut kind = TlsKind {
            sni: tls.sni.clone(),
            version: tls.version,
            suite: tls.suite.clone(),
            alpn: tls.alpn.clone(),
            decrypted: tls.decrypted,
        };
        if self.kinds.len() >= limits::MAX_TLS_KINDS && !self.kinds.contains_key(&kind) {
            // Beyond the cap hosts are no longer told apart.
            kind = TlsKind { decrypted: tls.decrypted, ..TlsKind::default() };
        }
        let total = self.kinds.entry(kind).or_default();
        total.connections += 1;
        total.resumed += u64::from(tls.is_resumed);
        if let Some(ns) = tls.handshake_ns {
            total.handshakes.record(ns, 2, room);
        }
        for (sum, side) in total.records.iter_mut().zip(tls.records) {
            sum.records = sum.records.saturating_add(side.records);
            sum.bytes = sum.bytes.saturating_add(side.bytes);
            sum.undecrypted = sum.undecrypted.saturating_add(side.undecrypted);
            sum.skipped = sum.skipped.saturating_add(side.skipped);
        }
    }

    /// Returns the rows, the most connections first.
    pub(super) fn rows(&self) -> Vec<TlsRow> {
        let row = |(kind, total): (&TlsKind, &Total)| TlsRow {
            kind: kind.clone(),
            connections: total.connections,
            resumed: total.resumed,
            handshake_p50_ns: total.handshakes.quantile(500),
            records: total.records,
        };
        let mut rows: Vec<TlsRow> = self.kinds.iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.connections));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fact::Speaks;
    use crate::base::tls::TlsFact;
    use crate::ledger::sample;

    fn connection(host: &str, ns: i64) -> ConnectionFact {
        let records = [RecordCounts { records: 2, bytes: 100, ..RecordCounts::default() }; 2];
        let tls = TlsFact {
            sni: Some(host.into()),
            version: Some(TlsVersion::V13),
            handshake_ns: Some(ns),
            records,
            ..TlsFact::default()
        };
        ConnectionFact { tls: Some(Box::new(tls)), ..sample::connection(Speaks::Tls, false) }
    }

    #[test]
    fn connections_that_agreed_on_the_same_are_one_row() {
        let (mut totals, mut room) = (TlsTotals::default(), Room::new(usize::MAX));
        totals.record(&sample::connection(Speaks::Http1, true), &mut room);
        assert!(totals.rows().is_empty(), "a connection without TLS has no row");
        for (host, ns) in [("b", 3_000), ("a", 1_000), ("b", 3_000)] {
            totals.record(&connection(host, ns), &mut room);
        }
        let rows = totals.rows();
        let got: Vec<_> = rows.iter().map(|row| (row.kind.sni.as_deref(), row.connections)).collect();
        assert_eq!(got, [(Some("b"), 2), (Some("a"), 1)]);
        assert_eq!(rows[0].handshake_p50_ns, Some(3_000));
        assert_eq!((rows[0].records[0].records, rows[0].records[1].bytes), (4, 200));
    }

    #[test]
    fn beyond_the_cap_hosts_are_not_told_apart() {
        let (mut totals, mut room) = (TlsTotals::default(), Room::new(usize::MAX));
        for number in 0..limits::MAX_TLS_KINDS + 50 {
            totals.record(&connection(&number.to_string(), 1), &mut room);
        }
        let rows = totals.rows();
        assert_eq!(rows.len(), limits::MAX_TLS_KINDS + 1);
        assert_eq!((rows[0].kind.sni.as_deref(), rows[0].connections), (None, 50));
    }
}
