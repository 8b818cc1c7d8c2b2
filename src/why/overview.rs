//! The story of a capture, or of a session: the worst things in it, one sentence each.

use std::net::SocketAddr;

use super::groups::Group;
use super::limits::Limits;
use super::question::Question;
use super::story::{Certainty, Evidence, MOST_ALIKE, Sentence, Story, Subject, Topic};
use super::survey::Survey;
use super::traces::Traces;
use super::wait_end::{self, WaitEnd};
use super::which::Silences;
use super::words::{self, precise};
use super::{ended, repeated, sessions, unread, which};
use crate::base::{Code, Finding, ResponseEnd, Status, units};
use crate::ledger::Exchange;

/// Sentences on streams that ended after the same silence.
const MAX_OF_STREAMS: usize = 4;

/// Tells the worst of what was asked for.
pub(super) fn tell(
    question: Question,
    groups: &[&Group],
    (survey, traces, limits): (&Survey, &Traces, &Limits),
) -> Story {
    let (title, subject) = title(question, survey);
    let mut sentences = about_sessions(question, survey);
    sentences.extend(refused(question, survey));
    let is_quiet = groups.is_empty() && sentences.is_empty();
    sentences.extend(groups.iter().map(|group| group_sentence(group, (survey, traces, limits))));
    if is_quiet {
        sentences.extend(nothing(question, survey));
    }
    sentences.extend(streams(question, survey, limits));
    Story { title, subject, sentences }
}

/// Tells what became of the session that was asked for, or of the worst of all.
fn about_sessions(question: Question, survey: &Survey) -> Vec<Sentence> {
    match question {
        Question::Session(number) => {
            survey.session(number).map(|session| sessions::of_session(session, survey)).unwrap_or_default()
        }
        Question::Worst => sessions::of_capture(survey),
        Question::Exchange(_) => Vec::new(),
    }
}

/// Tells of connections to servers of MCP that were refused.
fn refused(question: Question, survey: &Survey) -> Vec<Sentence> {
    let is_server = |address: &SocketAddr| {
        survey.sessions.iter().any(|session| {
            let is_it = session.session.server == *address || session.addresses.contains(address);
            is_it && (question == Question::Worst || question == Question::Session(session.session.number))
        })
    };
    let refused = survey.refused.iter().filter(|(address, _)| is_server(address));
    let sentences = refused.map(|(address, refused)| {
        let text = format!(
            "{} to {address} {} refused (a reset answered the SYN): nothing listened there, or a firewall \
             refuses; the first came from {}",
            units::several(refused.count, "connection"),
            if refused.count == 1 { "was" } else { "were" },
            refused.client,
        );
        let [first, last] = refused.packets;
        let evidence = Evidence::none().range(refused.tcp_stream, first.packet, last.packet);
        Sentence::new(Topic::Session, Certainty::Proven, text, evidence)
    });
    sentences.take(MOST_ALIKE).collect()
}

fn title(question: Question, survey: &Survey) -> (String, Subject) {
    match question {
        Question::Session(number) => {
            let name = |number| format!("session s{number}");
            let title = survey.session(number).map_or_else(
                || name(number),
                |session| {
                    let (client, server) = (session.session.client, session.session.server);
                    let exchanges = units::several(session.exchanges, "exchange");
                    format!("session s{number}: {exchanges}, {client} to {server}")
                },
            );
            (title, Subject::Session(number))
        }
        Question::Worst | Question::Exchange(_) => {
            let calls = units::several(survey.calls.len() as u64, "exchange");
            let sessions = units::several(survey.sessions.len() as u64, "session");
            let length = units::duration(survey.capture.length_ns);
            (format!("the capture: {calls} in {sessions}, {length}"), Subject::Capture)
        }
    }
}

/// Tells one kind of end in one sentence.
fn group_sentence(group: &Group, (survey, traces, limits): (&Survey, &Traces, &Limits)) -> Sentence {
    let exchange = &group.example;
    let call = words::call(exchange.origin, &exchange.method, exchange.name.as_deref());
    let count = if group.count > 1 { format!("{} times {call}", group.count) } else { call };
    let line = one_line(exchange, (survey, traces, limits));
    let like = if group.count > 1 { ", as in" } else { "," };
    let text = format!("{count}{like} exchange {}: {}", exchange.n, line.text);
    Sentence { text, ..line }
}

/// Returns the shortest form of the story of an exchange: what became of it, and the limit that the
/// end matches.
fn one_line(exchange: &Exchange, (survey, traces, limits): (&Survey, &Traces, &Limits)) -> Sentence {
    if wait_end::is_answered(exchange) {
        let request = exchange.request.span;
        let took = exchange.known_total_ns().map_or_else(|| "an unknown time".to_owned(), precise);
        let again = repeated::in_short(exchange, traces);
        let server = exchange
            .server_ns()
            .filter(|ns| *ns > 0 && again.is_none())
            .map(|ns| format!(", {} of them the server's", precise(ns)));
        let proxy = exchange
            .twins
            .proxy_ns
            .filter(|ns| ns.saturating_mul(10) >= exchange.known_total_ns().unwrap_or(0));
        let proxy = proxy.map(|ns| format!(", {} a proxy's", precise(ns)));
        let unread = unread::answer(exchange, traces).map(|unread| unread.in_short());
        let text = [Some(format!("answered after {took}")), server, again, proxy, unread]
            .into_iter()
            .flatten()
            .collect::<String>();
        let evidence = Evidence::none().range(exchange.tcp_stream, request.first, request.last);
        let evidence = match (exchange.response, exchange.answered_on) {
            (Some(response), Some((on, _))) => evidence.range(on, response.span.first, response.span.last),
            _ => evidence,
        };
        return Sentence::new(Topic::Time, Certainty::Proven, text, evidence);
    }
    let end = WaitEnd::of(exchange, traces);
    let outcome = ended::outcome(exchange, end.as_ref());
    let mut text = uncapitalized(&outcome.text);
    let mut sources = Vec::new();
    if let Some(end) = &end {
        let mut more = which::sentences(exchange, end, (survey, limits)).into_iter();
        let between = end.trace.zip(end.segment).and_then(|(trace, segment)| ended::between(trace, segment));
        let proxy = ended::proxy_findings(exchange);
        for sentence in proxy.into_iter().chain(between).chain(more.next()) {
            text.push_str("; ");
            text.push_str(&uncapitalized(&sentence.text));
            sources.extend(sentence.sources);
        }
    }
    Sentence { text, sources, ..outcome }
}

/// Says that nothing is wrong, where nothing is.
fn nothing(question: Question, survey: &Survey) -> Option<Sentence> {
    let is_of = |number: u32| question == Question::Worst || question == Question::Session(number);
    // A request that was cut may have been one of MCP.
    let is_cut = |finding: &Finding| {
        let is_asked_for = match finding.session {
            Some(number) => is_of(number),
            None => finding.tcp_stream.is_some_and(|it| survey.connections.contains_key(&it)),
        };
        finding.code == Code::HttpRequestCut && is_asked_for
    };
    if let Some(cut) = survey.findings.iter().find(|finding| is_cut(finding)) {
        let text = format!("A request was cut ({}): what it asked is not known", cut.code.name());
        let at = cut.at.zip(cut.tcp_stream);
        let evidence =
            at.map_or_else(Evidence::none, |(at, tcp_stream)| Evidence::none().packet(tcp_stream, at.packet));
        return Some(Sentence::new(Topic::Outcome, Certainty::Proven, text, evidence));
    }
    let calls: Vec<_> = survey.calls.iter().filter(|call| is_of(call.session)).collect();
    let slowest = calls.iter().max_by_key(|call| call.service_ns().unwrap_or(0))?;
    let answered = calls.iter().filter(|call| call.status.is_answered()).count();
    if answered < calls.len() && calls.iter().any(|call| call.status == Status::Undetermined) {
        return None;
    }
    let took = slowest.response.map(|[_, last]| last.time.since(slowest.request[0].time))?;
    let text = format!(
        "Nothing was left without an answer, and nothing took a second; the slowest, exchange {} ({}), took {}",
        slowest.n,
        words::call(slowest.origin, &slowest.method, slowest.name.as_deref()),
        units::duration(took)
    );
    let evidence = Evidence::none().packet(slowest.tcp_stream, slowest.request[0].packet);
    Some(Sentence::new(Topic::Outcome, Certainty::Proven, text, evidence))
}

/// Tells of streams that ended after the same silence.
fn streams(question: Question, survey: &Survey, limits: &Limits) -> Vec<Sentence> {
    let silences = Silences::of(&survey.streams);
    let mut told: Vec<(SocketAddr, ResponseEnd)> = Vec::new();
    let mut sentences = Vec::new();
    for stream in &survey.streams {
        let number = stream.session.as_ref().map(|session| session.number);
        let is_asked_for = match question {
            Question::Session(session) => number == Some(session),
            Question::Worst | Question::Exchange(_) => true,
        };
        if !is_asked_for || told.contains(&(stream.server, stream.ended)) {
            continue;
        }
        let Some(equal) = which::equal_silences(stream, &silences) else { continue };
        told.push((stream.server, stream.ended));
        let known = which::of_stream(stream, limits);
        sentences.push(equal.sentence(known.is_some()));
        sentences.extend(known);
        if sentences.len() >= MAX_OF_STREAMS {
            break;
        }
    }
    sentences.truncate(MAX_OF_STREAMS);
    sentences
}

/// Returns the text of a sentence that is joined to another one.
fn uncapitalized(text: &str) -> String {
    let mut chars = text.chars();
    // Names keep their capitals.
    match chars.next() {
        Some(first) if chars.clone().next().is_some_and(|next| next.is_lowercase() || next == ' ') => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
