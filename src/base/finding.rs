//! Findings: what was odd, wrong or slow, each with a stable code.

use super::{Code, Origin};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Something of the capture or the traffic is unusual; results are not touched, or only there.
    Notice,
    /// Somebody breaks a rule, or evidence is missing.
    Warning,
    /// Something failed for the people who use the connection.
    Error,
}

impl Severity {
    /// The name in the exports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// The packet at which it was noticed; `None` where it concerns the capture as a whole.
    pub at: Option<Origin>,
    /// Wireshark's number of the connection; `None` where it concerns none, or several.
    pub tcp_stream: Option<u32>,
    /// The session's number in this capture (`s1` is 1); `None` where it concerns none.
    pub session: Option<u32>,
    /// The exchange's `n`; `None` where it concerns none.
    pub exchange: Option<u64>,
    /// What exactly, in words, with numbers. May quote traffic: escaped when printed.
    pub detail: String,
}

/// What a stage noticed since it was last asked.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a finding at a packet. It needs no session, message or stream to hang on.
    pub fn add(&mut self, code: Code, at: Origin, detail: impl Into<String>) {
        self.push(Finding {
            code,
            at: Some(at),
            tcp_stream: None,
            session: None,
            exchange: None,
            detail: detail.into(),
        });
    }

    /// Notes a finding that is filled in already.
    pub fn push(&mut self, finding: Finding) {
        self.list.push(finding);
    }

    /// Whether nothing was noted since the last drain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The findings since the last drain, in the order in which they were noted.
    #[must_use]
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// How many were noted since the last drain.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Says of the findings from the `from`th on, which were noted without a connection, whose they are.
    pub fn set_stream(&mut self, from: usize, tcp_stream: u32) {
        for finding in self.list.iter_mut().skip(from) {
            finding.tcp_stream.get_or_insert(tcp_stream);
        }
    }

    /// Takes them all.
    pub fn drain(&mut self) -> impl Iterator<Item = Finding> + '_ {
        self.list.drain(..)
    }
}
