//! Collects what a capture holds against the level of the gate.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::known::Pattern;
use super::objective::{Judged, Objective, Outcome};
use crate::base::{Code, Degraded, Finding, Room, Severity, Status, limits};
use crate::ledger::{Entry, Exchange, Record, Session};

/// What fails a check.
#[derive(Clone, Debug)]
pub struct Options {
    /// Findings of this severity and above fail it; `None`: no finding does.
    pub fail_on: Option<Severity>,
    /// Findings that are known and do not fail it.
    pub baseline: Vec<Pattern>,
    /// Findings that are left out.
    pub ignored: Vec<Pattern>,
    /// Objectives that fail it when they are missed.
    pub objectives: Vec<Objective>,
    /// Whether security rules were asked for.
    pub security: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fail_on: Some(Severity::Warning),
            baseline: Vec::new(),
            ignored: Vec::new(),
            objectives: Vec::new(),
            security: false,
        }
    }
}

/// A finding with the call that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The finding.
    pub finding: Finding,
    /// The method of its exchange; `None` if it is about no exchange.
    pub method: Option<Arc<str>>,
    /// The tool, prompt or resource of its exchange.
    pub name: Option<Arc<str>>,
    /// Name and version of the server of its session, else its address; `None` if it is about no
    /// session.
    pub server: Option<String>,
    /// Whether the baseline has it.
    pub is_known: bool,
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The level that fails it.
    pub fail_on: Option<Severity>,
    /// The findings: the worst first, then by packet. Those that were left out are not among them.
    pub issues: Vec<Issue>,
    /// Findings beyond the cap for each code, by code.
    pub more: BTreeMap<Code, u64>,
    /// Number of findings that were left out.
    pub ignored: u64,
    /// The objectives, in the order in which they were given.
    pub objectives: Vec<Judged>,
    /// Number of exchanges, and of those whose outcome the capture does not tell.
    pub exchanges: [u64; 2],
    /// Why evidence is missing from the capture; none if it is whole.
    pub missing: Degraded,
    /// Whether security rules were asked for.
    pub security: bool,
}

impl Verdict {
    /// Whether an issue fails the check.
    #[must_use]
    pub fn fails(&self, issue: &Issue) -> bool {
        !issue.is_known && self.is_at_level(issue.finding.code)
    }

    /// Whether findings of this code fail the check. Those about the capture do not: they say what
    /// cannot be told.
    #[must_use]
    pub fn is_at_level(&self, code: Code) -> bool {
        self.fail_on.is_some_and(|level| code.severity() >= level) && !code.is_about_capture()
    }

    /// Whether the check fails: a finding at its level, or an objective that is missed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.issues.iter().any(|issue| self.fails(issue))
            || self.more.keys().any(|code| self.is_at_level(*code))
            || self.objectives.iter().any(|judged| judged.outcome == Outcome::Missed)
    }

    /// Whether the capture cannot tell that traffic breaks the rule of this code: findings of it
    /// are withheld where evidence is missing.
    #[must_use]
    pub fn is_untold(&self, code: Code) -> bool {
        self.missing.any() && code.needs_all_packets() && self.count(code) == 0
    }

    /// The number of findings with this code.
    #[must_use]
    pub fn count(&self, code: Code) -> u64 {
        let kept = self.issues.iter().filter(|issue| issue.finding.code == code);
        kept.map(|issue| issue.finding.count).sum::<u64>() + self.more.get(&code).copied().unwrap_or_default()
    }

    /// The findings that fail the check.
    pub fn failing(&self) -> impl Iterator<Item = &Issue> {
        self.issues.iter().filter(|issue| self.fails(issue))
    }

    /// The objectives that were missed.
    pub fn missed(&self) -> impl Iterator<Item = &Judged> {
        self.objectives.iter().filter(|judged| judged.outcome == Outcome::Missed)
    }
}

/// The method of a call, and its tool, prompt or resource.
type Call = (Arc<str>, Option<Arc<str>>);

/// A check in progress: entries in, a [`Verdict`] out. Keeps the first findings of each code.
#[derive(Debug)]
pub struct Gate {
    options: Options,
    findings: Vec<Finding>,
    kept: BTreeMap<Code, u64>,
    more: BTreeMap<Code, u64>,
    /// Method and name of exchanges that have findings.
    calls: HashMap<u64, Call, RandomState>,
    /// The servers of sessions, by number.
    servers: HashMap<u32, String, RandomState>,
    /// Sessions of findings that are kept and whose server is not known yet.
    awaited: HashSet<u32, RandomState>,
    /// Memory that is left for `calls` and `servers`.
    room: Room,
    exchanges: [u64; 2],
    missing: Degraded,
}

impl Gate {
    /// Creates a check of which nothing was read.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            findings: Vec::new(),
            kept: BTreeMap::new(),
            more: BTreeMap::new(),
            calls: HashMap::default(),
            servers: HashMap::default(),
            awaited: HashSet::default(),
            room: Room::new(limits::MAX_TABLE_TEXT),
            exchanges: [0; 2],
            missing: Degraded::NONE,
        }
    }

    /// Takes an entry.
    pub fn push(&mut self, entry: &Entry) {
        match entry {
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Session(session)) => self.session(session),
            Entry::Finding(finding) => self.finding(finding),
            Entry::Record(_) | Entry::LlmCall(_) | Entry::Fact(_) => {}
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let [all, undetermined] = &mut self.exchanges;
        *all += 1;
        *undetermined += u64::from(exchange.status == Status::Undetermined);
        for objective in &mut self.options.objectives {
            objective.push(exchange);
        }
        // Times that go back hide no message.
        if exchange.degraded.any() && exchange.degraded != Degraded::TIME_BACK {
            self.missing.add(exchange.degraded);
        }
        let latest = || self.findings.iter().rev().take(limits::MAX_ALIKE);
        // Its findings may follow. Beyond the cap of their code they are only counted.
        let is_named = exchange.findings.iter().any(|code| self.has_room(*code))
            || latest().any(|finding| finding.exchange == Some(exchange.n));
        let len = exchange.method.len() + exchange.name.as_ref().map_or(0, |name| name.len());
        if is_named && self.room.take(len + size_of::<(u64, Call)>()) {
            self.calls.insert(exchange.n, (Arc::clone(&exchange.method), exchange.name.clone()));
        }
    }

    fn session(&mut self, session: &Session) {
        self.missing.add(session.degraded);
        let server = match &session.server_info {
            Some(info) => format!("{} {}", info.name, info.version).trim().to_owned(),
            None => session.session.server.to_string(),
        };
        let number = session.session.number;
        // A finding may follow: the last quarter is for those that have one.
        let is_awaited = self.awaited.remove(&number);
        let has_room = is_awaited || self.room.left() > limits::MAX_TABLE_TEXT / 4;
        if has_room && self.room.take(server.len() + size_of::<(u32, String)>()) {
            self.servers.insert(number, server);
        }
    }

    /// Whether another finding of this code is kept.
    fn has_room(&self, code: Code) -> bool {
        self.kept.get(&code).is_none_or(|kept| *kept < limits::MAX_FINDINGS_PER_CODE as u64)
    }

    fn finding(&mut self, finding: &Finding) {
        self.missing.add(finding.code.shows_missing());
        let kept = self.kept.entry(finding.code).or_default();
        if *kept < limits::MAX_FINDINGS_PER_CODE as u64 {
            *kept += 1;
            self.awaited.extend(finding.session.filter(|number| !self.servers.contains_key(number)));
            self.findings.push(finding.clone());
        } else if !self
            .options
            .ignored
            .iter()
            .chain(&self.options.baseline)
            .any(|pattern| pattern.covers(finding.code.name(), None, None))
        {
            *self.more.entry(finding.code).or_default() += finding.count;
        }
    }

    /// Decides. Called when everything was read.
    #[must_use]
    pub fn finish(self) -> Verdict {
        let Self { options, findings, more, calls, servers, exchanges, missing, .. } = self;
        let mut ignored = 0;
        let mut issues = Vec::new();
        for finding in findings {
            let call = finding.exchange.and_then(|n| calls.get(&n));
            let (method, name) = call.map_or((None, None), |(method, name)| (Some(method), name.as_ref()));
            let covers = |pattern: &Pattern| {
                pattern.covers(finding.code.name(), method.map(|it| &**it), name.map(|it| &**it))
            };
            if options.ignored.iter().any(covers) {
                ignored += finding.count;
                continue;
            }
            let is_known = options.baseline.iter().any(covers);
            let server = finding.session.and_then(|number| servers.get(&number)).cloned();
            let (method, name) = (method.cloned(), name.cloned());
            issues.push(Issue { finding, method, name, server, is_known });
        }
        issues.sort_by_key(|issue| {
            let finding = &issue.finding;
            (std::cmp::Reverse(finding.code.severity()), finding.at.map(|at| at.packet), finding.code)
        });
        let objectives = options.objectives.iter().map(Objective::judge).collect();
        let Options { fail_on, security, .. } = options;
        Verdict { fail_on, issues, more, ignored, objectives, exchanges, missing, security }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Origin;

    fn finding(code: Code, packet: u64) -> Entry {
        let mut findings = crate::base::Findings::new();
        findings.add(code, Origin::new(packet, 1), "detail");
        Entry::Finding(findings.drain().next().unwrap())
    }

    fn verdict(options: Options, entries: &[Entry]) -> Verdict {
        let mut gate = Gate::new(options);
        entries.iter().for_each(|entry| gate.push(entry));
        gate.finish()
    }

    #[test]
    fn findings_at_the_level_fail() {
        let entries = [finding(Code::McpBatch, 7), finding(Code::McpSeenTwice, 3)];
        for (fail_on, expected) in [
            (Some(Severity::Error), false),
            (Some(Severity::Warning), true),
            (Some(Severity::Notice), true),
            (None, false),
        ] {
            let verdict = verdict(Options { fail_on, ..Options::default() }, &entries);
            assert_eq!(verdict.has_failed(), expected, "{fail_on:?}");
            let codes: Vec<_> = verdict.issues.iter().map(|issue| issue.finding.code).collect();
            assert_eq!(codes, [Code::McpBatch, Code::McpSeenTwice], "the worst first");
        }
    }

    #[test]
    fn known_findings_do_not_fail_and_ignored_ones_are_left_out() {
        let entries = [finding(Code::McpBatch, 7), finding(Code::RpcNoVersion, 9)];
        let baseline = vec!["mcp.batch".parse().unwrap()];
        let known = verdict(Options { baseline, ..Options::default() }, &entries);
        assert!(known.has_failed(), "rpc.no_version is new");
        assert_eq!(known.issues.iter().filter(|issue| issue.is_known).count(), 1);
        let ignored = vec!["mcp.*".parse().unwrap(), "rpc.no_version".parse().unwrap()];
        let without = verdict(Options { ignored, ..Options::default() }, &entries);
        assert!(!without.has_failed() && without.issues.is_empty());
        assert_eq!(without.ignored, 2);
    }

    #[test]
    fn findings_beyond_the_cap_count() {
        let entries: Vec<_> = (0..250).map(|n| finding(Code::McpBatch, n)).collect();
        let all = verdict(Options::default(), &entries);
        assert_eq!((all.issues.len(), all.count(Code::McpBatch)), (100, 250));
        let ignored = vec!["mcp.batch".parse().unwrap()];
        assert!(!verdict(Options { ignored, ..Options::default() }, &entries).has_failed());
    }

    /// Where packets are missing, what is not found may have been withheld.
    #[test]
    fn what_is_withheld_is_not_passed() {
        let whole = verdict(Options::default(), &[finding(Code::McpBatch, 1)]);
        assert!(!whole.is_untold(Code::McpUnanswered));
        let lossy = verdict(Options::default(), &[finding(Code::TcpGap, 1)]);
        assert!(!lossy.has_failed(), "what the capture lacks is nobody's fault");
        assert!(lossy.is_untold(Code::McpUnanswered));
        assert!(!lossy.is_untold(Code::RpcNotJson), "it is seen where it is");
        assert!(!lossy.is_untold(Code::TcpGap));
    }
}
