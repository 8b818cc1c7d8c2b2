//! Findings that one server causes over and over: a few are emitted one by one, many as one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::base::{Code, Finding, Findings, Timestamp, limits};

/// More findings of one code and server than this are emitted as one.
const MAX_SINGLE: usize = 8;

/// How long the first findings of a server are collected, in nanoseconds of packet time: somebody
/// may be watching.
const COLLECTED_FIRST: i64 = 10_000_000_000;

/// How long later ones are collected, in nanoseconds of packet time.
const COLLECTED_LATER: i64 = 600_000_000_000;

/// Findings of the codes that repeat with a server's, or a client's, every message.
#[derive(Debug, Default)]
pub(super) struct Quirks {
    alike: BTreeMap<(Code, Option<SocketAddr>), Alike>,
}

/// Findings of one code and server.
#[derive(Debug)]
struct Alike {
    /// When to emit what was collected.
    due: Timestamp,
    /// The first of them since some were emitted.
    first: Vec<Finding>,
    /// Number of them since some were emitted.
    count: u64,
    /// Whether some were emitted.
    is_known: bool,
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
                | Code::McpBroadcast
                | Code::McpNotAcceptable
                | Code::McpNot202
                | Code::McpMessageRefused
                | Code::McpGetMisanswered
                | Code::McpSessionRefused
                | Code::McpSessionIdMissing
                | Code::McpIdSpelling
                | Code::McpVersionHeader
                | Code::McpCapabilityMissing
                | Code::McpSessionIdChanged
                | Code::McpProgressOrder
                | Code::McpLateProgress
                | Code::McpNoChallenge
                | Code::RpcNoVersion
                | Code::RpcBadVersion
                | Code::RpcBadError
                | Code::RpcNoResult
                | Code::RpcBadResult
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
            let alike = self.alike.entry(key).or_insert_with(|| Alike {
                due: origin.time.plus(COLLECTED_FIRST),
                first: Vec::new(),
                count: 0,
                is_known: false,
            });
            alike.count += finding.count;
            if alike.first.len() < MAX_SINGLE {
                alike.first.push(finding);
            }
        }
    }

    /// Packet time is `now`: emits what was collected for long enough.
    pub(super) fn tick(&mut self, now: Timestamp, findings: &mut Findings) {
        self.alike.retain(|_, alike| {
            if now < alike.due {
                return true;
            }
            let has_any = alike.count > 0;
            alike.emit(findings);
            alike.due = now.plus(COLLECTED_LATER);
            has_any
        });
    }

    /// The capture is over: emits everything.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        for (_, mut alike) in std::mem::take(&mut self.alike) {
            alike.emit(findings);
        }
    }
}

impl Alike {
    /// Emits the findings, or one with their number and the packets of the first.
    fn emit(&mut self, findings: &mut Findings) {
        let (first, count) = (std::mem::take(&mut self.first), std::mem::take(&mut self.count));
        let more = if std::mem::replace(&mut self.is_known, true) { " more" } else { "" };
        if count <= first.len() as u64 {
            for finding in first {
                findings.push(finding);
            }
            return;
        }
        let packets: Vec<_> = first.iter().filter_map(|finding| Some(finding.at?.packet)).collect();
        let packets: Vec<_> = packets.iter().map(|packet| packet.mention().to_string()).collect();
        let sessions: BTreeSet<_> = first.iter().map(|finding| finding.session).collect();
        let Some(mut finding) = first.into_iter().next() else { return };
        if sessions.len() > 1 {
            finding.session = None;
        }
        finding.detail =
            format!("{count} times{more}, first in packets {}: {}", packets.join(", "), finding.detail);
        finding.count = count;
        findings.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Files, Origin};

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
        all.map(|finding| Files::default().resolve(&finding.detail).into_owned()).collect()
    }

    #[test]
    fn a_few_are_single_and_many_are_one() {
        assert_eq!(emitted(2), ["before", "id 0", "id 1"]);
        assert_eq!(
            emitted(37),
            ["before", "37 times, first in packets 10, 11, 12, 13, 14, 15, 16, 17: id 0"],
        );
    }

    #[test]
    fn the_first_are_emitted_after_seconds_and_the_rest_later() {
        let (mut quirks, mut findings) = (Quirks::default(), Findings::new());
        let mut emitted = Vec::new();
        for second in 0..700_i64 {
            let at = Origin::new(second.unsigned_abs() + 1, second * 1_000_000_000);
            findings.add(Code::McpDuplicateResponse, at, "id 1");
            quirks.collect(0, &mut findings, |_| None);
            quirks.tick(at.time, &mut findings);
            emitted.extend(findings.drain().map(|finding| (second, finding.count)));
        }
        quirks.finish(&mut findings);
        emitted.extend(findings.drain().map(|finding| (700, finding.count)));
        assert_eq!(emitted, [(10, 11), (610, 600), (700, 89)]);
    }
}
