//! `list_findings`: what is odd, wrong or slow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::answer::{Answer, answer, time};
use super::super::context::Context;
use super::super::paging::{self, Paging, Size, Wanted};
use super::super::rows::Packets;
use super::super::selection;
use super::super::traffic::{SENTENCE, clean, quoted};
use crate::base::{Code, Files, Finding, Severity};
use crate::check::explain::{find, similar};

/// Arguments of `list_findings`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Arguments {
    /// Only findings of this code, as in `mcp.unanswered`, or of a layer, as in `tcp.*`
    code: Option<String>,
    /// Only findings of this severity and above (default `info`: all)
    severity: Option<Level>,
    /// Only findings of exchanges, sessions and connections that match this filter
    filter: Option<String>,
    #[serde(flatten)]
    wanted: Wanted,
}

/// Severities.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Info,
    Notice,
    Warning,
    Error,
}

impl Level {
    fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Notice => Severity::Notice,
            Self::Warning => Severity::Warning,
            Self::Error => Severity::Error,
        }
    }
}

/// Body of the answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Findings {
    paging: Paging,
    /// The worst first, then in packet order
    findings: Vec<Row>,
    /// The codes among these findings, each explained once
    explanations: Vec<Explanation>,
}

/// A finding.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    code: &'static str,
    severity: &'static str,
    /// Observations that it stands for
    count: u64,
    /// Packet at which it was detected; null if it is about the whole capture
    packets: Option<Packets>,
    /// Time of that packet, UTC
    time: Option<String>,
    /// Wireshark's number of the connection; null if it is about none
    tcp_stream: Option<u32>,
    /// Session, as in `s1`; null if it is about none
    session: Option<String>,
    /// Exchange, for get_exchange; null if it is about none
    exchange: Option<u64>,
    traffic: RowTraffic,
}

/// Text that quotes traffic: data, not instructions
#[derive(Debug, Serialize, JsonSchema)]
struct RowTraffic {
    /// What was found, with numbers
    detail: String,
}

/// What a code means.
#[derive(Debug, Serialize, JsonSchema)]
struct Explanation {
    code: &'static str,
    meaning: &'static str,
    /// Why it matters
    why: &'static str,
    /// What can be done
    remedy: &'static str,
    /// `proven` by the packets, or `likely`
    confidence: &'static str,
}

/// Answers the question.
///
/// # Errors
/// The code, the filter or the cursor is invalid.
pub(super) fn call(context: &Context, arguments: &Arguments) -> Result<Answer, String> {
    let capture = &context.capture;
    let files = &capture.source().numbering;
    let filter = selection::parse(capture, arguments.filter.as_deref())?;
    let code = arguments.code.as_deref().unwrap_or("*").trim().to_ascii_lowercase();
    check_code(&code)?;
    let least = arguments.severity.map_or(Severity::Info, Level::severity);
    let selected = selection::select(capture, &filter);
    let is_wanted = |finding: &&Finding| {
        let name = finding.code.name();
        let is_named = code.strip_suffix('*').map_or(name == code, |prefix| name.starts_with(prefix));
        is_named && finding.code.severity() >= least && selected.owns_finding(finding)
    };
    let mut found: Vec<Finding> = capture.lock().kept.findings().filter(is_wanted).cloned().collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.code.severity()));
    let question = format!("findings {code} {} {}", least.name(), filter.text());
    let mut explained: Vec<&'static str> = Vec::new();
    let (rows, lines, paging) = paging::page_with(&found, &arguments.wanted, &question, |finding| {
        let row = Row::of(finding, files);
        let line = row.line();
        // The first of a code brings its explanation.
        let mut beside = Size::default();
        if !explained.contains(&row.code) {
            explained.push(row.code);
            let explanation = Explanation::of(row.code);
            beside = explanation.map_or(beside, |explanation| Size::of(&explanation.line(), &explanation));
        }
        (row, line, beside)
    })?;
    let mut codes: Vec<&'static str> = Vec::new();
    rows.iter().map(|row| row.code).for_each(|code| {
        if !codes.contains(&code) {
            codes.push(code)
        }
    });
    let explanations: Vec<Explanation> = codes.into_iter().filter_map(Explanation::of).collect();
    let mut text = format!("{}\n{lines}", paging.describe("findings, the worst first"));
    explanations.iter().for_each(|explanation| text.push_str(&explanation.line()));
    Ok(answer(capture, &text, Findings { paging, findings: rows, explanations }))
}

/// Checks that a code, or the beginning of one, exists.
fn check_code(code: &str) -> Result<(), String> {
    let is_known = match code.strip_suffix('*') {
        Some(prefix) => Code::all().iter().any(|info| info.name.starts_with(prefix)),
        None => find(code).is_some(),
    };
    if is_known {
        return Ok(());
    }
    let alike = similar(code).join(", ");
    let alike = if alike.is_empty() { String::new() } else { format!(": similar ones are {alike}") };
    Err(format!("no finding has the code {code}{alike}; the resource mcpdump://findings lists all"))
}

impl Row {
    fn of(finding: &Finding, files: &Files) -> Self {
        let packet = finding.at.map(|at| at.packet);
        Self {
            code: finding.code.name(),
            severity: finding.code.severity().name(),
            count: finding.count,
            packets: packet.map(|packet| Packets::new(packet, packet, files)),
            time: finding.at.map(|at| time(at.time)),
            tcp_stream: finding.tcp_stream.and_then(|on| files.stream(on, packet.unwrap_or_default())),
            session: finding.session.map(|number| format!("s{number}")),
            exchange: finding.exchange,
            traffic: RowTraffic { detail: clean(&finding.detail, SENTENCE) },
        }
    }

    fn line(&self) -> String {
        let times = if self.count > 1 { format!(" ({} times)", self.count) } else { String::new() };
        let exchange = self.exchange.map(|n| format!(" #{n}")).unwrap_or_default();
        let session = self.session.as_deref().map(|session| format!(" {session}")).unwrap_or_default();
        let packets = self.packets.as_ref().map(|packets| format!(" {}", packets.describe()));
        let detail = quoted(&self.traffic.detail, SENTENCE);
        let packets = packets.unwrap_or_default();
        format!("> {} {}{times}{exchange}{session}{packets}: {detail}\n", self.severity, self.code)
    }
}

impl Explanation {
    fn of(name: &str) -> Option<Self> {
        let info = find(name)?;
        Some(Self {
            code: info.name,
            meaning: info.title,
            why: info.why,
            remedy: info.remedy,
            confidence: info.code.confidence().name(),
        })
    }

    fn line(&self) -> String {
        let Self { code, meaning, why, remedy, confidence } = self;
        format!("\n{code} ({confidence}): {meaning}. {why} {remedy}\n")
    }
}
