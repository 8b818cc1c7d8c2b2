//! Findings that one server causes over and over: a few are told one by one, many as one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::base::{Code, Finding, Findings, PacketNo, Timestamp, limits};

/// More findings of one code and server than this are told as one.
const MAX_SINGLE: usize = 8;

/// How long findings are collected, in nanoseconds of packet time: somebody may be watching.
const COLLECTED_FOR: i64 = 600_000_000_000;

/// Findings of the codes that repeat with a server's, or a client's, every message.
#[derive(Debug, Default)]
pub(super) struct Quirks {
    alike: BTreeMap<(Code, Option<SocketAddr>), Alike>,
}

/// Findings of one code and server.
#[derive(Debug)]
struct Alike {
    since: Timestamp,
    /// The first of them.
    first: Vec<Finding>,
    count: u64,
}

impl Quirks {
    /// Whether findings of this code repeat with every message of a faulty implementation.
    fn is_quirk(code: Code) -> bool {
        matches!(
            code,
            Code::McpDuplicateResponse
                | Code::McpIdChanged
                | Code::McpStrayResponse
                | Code::McpResponseOnGetStream
                | Code::McpRequestInResponse
                | Code::McpBatch
                | Code::RpcNoVersion
                | Code::RpcBadVersion
                | Code::RpcBadError
                | Code::RpcNoResult
        )
    }

    /// Takes those findings from `at` on that repeat; `server_of` names the server of a finding.
    pub(super) fn collect(
        &mut self,
        at: usize,
        findings: &mut Findings,
        server_of: impl Fn(&Finding) -> Option<SocketAddr>,
    ) {
        if !findings.list().iter().skip(at).any(|finding| Self::is_quirk(finding.code)) {
            return;
        }
        for finding in findings.split_off(at) {
            let key = (finding.code, server_of(&finding));
            let has_room = self.alike.len() < limits::MAX_ALIKE || self.alike.contains_key(&key);
            let Some(origin) = finding.at.filter(|_| has_room && Self::is_quirk(finding.code)) else {
                findings.push(finding);
                continue;
            };
            let new = || Alike { since: origin.time, first: Vec::new(), count: 0 };
            let alike = self.alike.entry(key).or_insert_with(new);
            alike.count += 1;
            if alike.first.len() < MAX_SINGLE {
                alike.first.push(finding);
            }
        }
    }

    /// Packet time is `now`: emits what was collected for long enough.
    pub(super) fn tick(&mut self, now: Timestamp, findings: &mut Findings) {
        for (_, alike) in self.alike.extract_if(.., |_, alike| now.since(alike.since) > COLLECTED_FOR) {
            alike.emit(findings);
        }
    }

    /// The capture is over: emits everything.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        for (_, alike) in std::mem::take(&mut self.alike) {
            alike.emit(findings);
        }
    }
}

impl Alike {
    /// Emits the findings, or one with their number and the packets of the first.
    fn emit(self, findings: &mut Findings) {
        if self.count <= self.first.len() as u64 {
            for finding in self.first {
                findings.push(finding);
            }
            return;
        }
        let packets: Vec<_> = self.first.iter().filter_map(|finding| Some(finding.at?.packet)).collect();
        let packets: Vec<_> = packets.iter().map(PacketNo::to_string).collect();
        let sessions: BTreeSet<_> = self.first.iter().map(|finding| finding.session).collect();
        let Some(mut finding) = self.first.into_iter().next() else { return };
        if sessions.len() > 1 {
            finding.session = None;
        }
        finding.detail =
            format!("{} times, first in packets {}: {}", self.count, packets.join(", "), finding.detail);
        findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Origin;

    fn emitted(count: u64) -> Vec<String> {
        let (mut quirks, mut findings) = (Quirks::default(), Findings::new());
        findings.add(Code::McpDuplicateResponse, Origin::new(1, 0), "before");
        for n in 0..count {
            let at = findings.len();
            let time = i64::try_from(n).unwrap();
            findings.add(Code::McpDuplicateResponse, Origin::new(10 + n, time), format!("id {n}"));
            findings.add(Code::McpNoStream, Origin::new(10 + n, time), "no quirk");
            quirks.collect(at, &mut findings, |_| None);
        }
        quirks.finish(&mut findings);
        let all = findings.drain().filter(|finding| finding.code == Code::McpDuplicateResponse);
        all.map(|finding| finding.detail).collect()
    }

    #[test]
    fn a_few_are_single_and_many_are_one() {
        assert_eq!(emitted(2), ["before", "id 0", "id 1"]);
        assert_eq!(
            emitted(37),
            ["before", "37 times, first in packets 10, 11, 12, 13, 14, 15, 16, 17: id 0"],
        );
    }
}
