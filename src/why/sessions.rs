//! What became of sessions: lost, shared, never sent back, used after deletion.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::story::{Certainty, Evidence, MOST_ALIKE, Sentence, Topic};
use super::streams;
use super::survey::{Call, Survey};
use super::words::{list, precise};
use crate::base::{Code, Finding, Status, sanitize, units};
use crate::ledger::{Session, SessionEnd};

/// Findings that are about what became of a session, the worst first.
const CODES: [Code; 6] = [
    Code::McpWrongSession,
    Code::McpSessionIdMissing,
    Code::McpUsedAfterDeletion,
    Code::McpNoInitialize,
    Code::McpSessionFolded,
    Code::McpSessionPerCall,
];

/// Refused calls that are compared with the end of their session, at most.
const MAX_REFUSED: usize = 64;

/// Findings of sessions that are told, at most.
const MAX_FINDINGS: usize = 3;

/// Tells what became of a session.
pub(super) fn of_session(session: &Session, survey: &Survey) -> Vec<Sentence> {
    let mut sentences = vec![summary(session, survey)];
    sentences.extend(refused(session, survey));
    sentences.extend(shared(session, survey));
    let number = session.session.number;
    let of_code = |code: &Code| {
        let is_it = |it: &&Finding| it.code == *code && it.session == Some(number);
        Sentence::of_findings(Topic::Session, survey.findings.iter().filter(is_it))
    };
    sentences.extend(CODES.iter().filter_map(of_code).take(MAX_FINDINGS));
    sentences
}

/// Tells what became of the worst sessions of a capture.
pub(super) fn of_capture(survey: &Survey) -> Vec<Sentence> {
    let refusals = survey.findings.iter().filter(|finding| finding.code == Code::McpSessionRefused);
    let numbers: BTreeSet<u32> = refusals.filter_map(|finding| finding.session).collect();
    let sessions = survey.sessions.iter().filter(|session| numbers.contains(&session.session.number));
    let mut sentences: Vec<_> =
        sessions.filter_map(|session| refused(session, survey)).take(MOST_ALIKE).collect();
    if sentences.is_empty() {
        let refused = survey.calls.iter().filter(|call| is_refusal(call)).take(MAX_REFUSED);
        let of_ended = refused.filter_map(|call| outlived(survey.session(call.session)?, call, survey));
        sentences.extend(of_ended.take(1));
    }
    let mut codes = CODES.iter().filter(|code| **code != Code::McpSessionPerCall);
    let first = codes.find_map(|code| {
        Sentence::of_findings(Topic::Session, survey.findings.iter().filter(|it| it.code == *code))
    });
    sentences.extend(first);
    sentences
}

/// Tells the session of a refused call.
pub(super) fn of_refused_call(n: u64, number: u32, survey: &Survey) -> Option<Sentence> {
    let session = survey.session(number)?;
    let call = survey.calls.iter().find(|call| call.n == n)?;
    if !is_refusal(call) {
        return None;
    }
    refused(session, survey).or_else(|| outlived(session, call, survey))
}

fn summary(session: &Session, survey: &Survey) -> Sentence {
    let name = |info: &Option<_>, or: &str| {
        info.as_ref().map_or_else(
            || or.to_owned(),
            |info: &crate::ledger::Implementation| {
                let name = format!("{} {}", info.name, info.version);
                sanitize::fit(&sanitize::clean(&name), 40).into_owned()
            },
        )
    };
    let length = precise(session.last.time.since(session.first.time));
    let ended = match session.ended {
        SessionEnd::Deleted => "the client deleted it",
        SessionEnd::StreamClosed { .. } => "its stream ended",
        SessionEnd::Open => "nothing ended it in the capture",
    };
    let number = session.session.number;
    let streams = survey.streams_of(number);
    let last = streams.last().map(|stream| format!("; its last stream: {}", streams::ended(stream)));
    let text = format!(
        "{} and {} exchanged {} and {} in {length}; {ended}{}",
        name(&session.client_info, "a client"),
        name(&session.server_info, "a server"),
        units::several(session.exchanges, "request"),
        units::several(streams.len() as u64, "event stream"),
        last.unwrap_or_default()
    );
    let calls: Vec<&Call> = survey.calls.iter().filter(|call| call.session == number).collect();
    let packets = [calls.first(), calls.last()];
    let evidence = packets
        .into_iter()
        .flatten()
        .fold(Evidence::none(), |evidence, call| evidence.packet(call.tcp_stream, call.request[0].packet));
    Sentence::new(Topic::Session, Certainty::Proven, text, evidence).quoting()
}

/// Whether a call was refused as one of a session that the server does not know: 404 since
/// 2025-03-26 (basic/transports, Session Management), 400 before and by some servers.
fn is_refusal(call: &Call) -> bool {
    call.status == Status::HttpError && matches!(call.http_status, Some(404 | 400))
}

/// Tells that a session was lost: its id was refused after it had worked.
fn refused(session: &Session, survey: &Survey) -> Option<Sentence> {
    let number = session.session.number;
    session.session.id.as_ref()?;
    let calls = || survey.calls.iter().filter(move |call| call.session == number);
    let finding = survey
        .findings
        .iter()
        .find(|finding| finding.code == Code::McpSessionRefused && finding.session == Some(number))?;
    // An error about the request itself has a status like it.
    let is_found = |call: &&Call| {
        finding.tcp_stream == Some(call.tcp_stream)
            && finding.at.is_some_and(|at| call.request[0].packet <= at.packet)
    };
    let refusal = calls()
        .filter(|call| is_refusal(call))
        .rfind(is_found)
        .or_else(|| calls().find(|call| is_refusal(call)))?;
    let given = calls()
        .find(|call| call.status == Status::Ok && call.request[0].packet < refusal.request[0].packet)?;
    let server = |call: &Call| survey.connections.get(&call.tcp_stream).map(|fact| fact.server);
    let status = refusal.http_status.unwrap_or_default();
    let evidence = Evidence::none()
        .packet(given.tcp_stream, given.request[0].packet)
        .packet(refusal.tcp_stream, refusal.request[0].packet);
    let after = precise(refusal.request[0].time.since(given.request[0].time));
    let deleted =
        survey.findings.iter().any(|it| it.code == Code::McpUsedAfterDeletion && it.session == Some(number));
    // By themselves, or behind the address that the client knows.
    let replicas = match (server(given), server(refusal)) {
        (Some(one), Some(other)) if one != other => Some((String::new(), one, other)),
        (proxy, _) => replicas_behind(number, survey).map(|(one, other)| {
            (proxy.map_or_else(String::new, |proxy| format!(" behind {proxy}")), one, other)
        }),
    };
    let (certainty, text) = if deleted {
        (
            Certainty::Proven,
            format!("The client had deleted session s{number} before it used it again: HTTP {status}"),
        )
    } else if let Some((behind, one, other)) = replicas {
        (
            Certainty::Proven,
            format!(
                "Session s{number} was lost between replicas{behind}: {one} gave the id out, {other} refused it \
                 (HTTP {status}); route each session to the server that holds it"
            ),
        )
    } else if let Some((refusals, served)) = in_turn(calls(), refusal) {
        (
            Certainty::Likely,
            format!(
                "{} refused the id of session s{number} {refusals} (HTTP {status}) and served it {served} after \
                 that, as replicas behind one address do that do not share sessions; then route each session to the \
                 one that holds it",
                server(given)
                    .map_or_else(|| "The server".to_owned(), |server: SocketAddr| server.to_string())
            ),
        )
    } else {
        (
            Certainty::Likely,
            format!(
                "Session s{number} was lost: {} refused its id (HTTP {status}) {after} after it had worked; whether \
                 it restarted, hides replicas or dropped the session cannot be told",
                server(given)
                    .map_or_else(|| "the server".to_owned(), |server: SocketAddr| server.to_string())
            ),
        )
    };
    Some(Sentence::new(Topic::Session, certainty, text, evidence))
}

/// Tells that a call was sent to a session of HTTP+SSE that had ended with its event stream.
fn outlived(session: &Session, call: &Call, survey: &Survey) -> Option<Sentence> {
    let SessionEnd::StreamClosed { .. } = session.ended else { return None };
    let number = session.session.number;
    let streams = survey.streams_of(number);
    let stream = streams.last()?;
    let end = stream.end.filter(|end| end.packet < call.request[0].packet)?;
    let text = format!(
        "Session s{number} had ended {} before with its event stream ({}): over HTTP+SSE a session lives as \
         long as its stream, and the client has to open a new one",
        precise(call.request[0].time.since(end.time)),
        streams::ended(stream)
    );
    let evidence = Evidence::none()
        .packet(stream.tcp_stream, end.packet)
        .packet(call.tcp_stream, call.request[0].packet);
    Some(Sentence::new(Topic::Session, Certainty::Proven, text, evidence))
}

/// Returns how often a session was refused, and served after the first refusal; `None` if it was
/// not served any more.
fn in_turn<'a>(calls: impl Iterator<Item = &'a Call>, first: &Call) -> Option<(String, String)> {
    let (mut refusals, mut served) = (0, 0);
    for call in calls.filter(|call| call.request[0].packet >= first.request[0].packet) {
        refusals += u64::from(is_refusal(call) && call.http_status == first.http_status);
        served += u64::from(matches!(call.status, Status::Ok | Status::ToolError));
    }
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    (served > 0).then(|| (times(refusals), times(served)))
}

/// Returns the servers behind a proxy of which one holds a session and the other refused it; `None`
/// if that was not captured, or the one that holds it refused it, too.
fn replicas_behind(number: u32, survey: &Survey) -> Option<(SocketAddr, SocketAddr)> {
    let mut legs = survey.sessions.iter().filter(|session| session.session.behind == Some(number));
    legs.find_map(|leg| {
        // Without the answer to `initialize` it is not known who gave the id out.
        leg.server_info.as_ref()?;
        let one = leg.session.server;
        let is_refusal = |finding: &&Finding| {
            finding.code == Code::McpSessionRefused && finding.session == Some(leg.session.number)
        };
        let refusals = survey.findings.iter().filter(is_refusal);
        // Each of them has to be another's.
        let others: Option<Vec<_>> = refusals
            .map(|finding| {
                let server = survey.connections.get(&finding.tcp_stream?)?.server;
                (server != one && leg.addresses.contains(&server)).then_some(server)
            })
            .collect();
        Some((one, others?.into_iter().next()?))
    })
}

/// Tells that several addresses used one session id.
fn shared(session: &Session, survey: &Survey) -> Option<Sentence> {
    let number = session.session.number;
    session.session.id.as_ref()?;
    let clients: Vec<_> = survey.clients_of(number).into_iter().collect();
    if clients.len() < 2 {
        return None;
    }
    let names: Vec<_> = clients.iter().take(4).map(ToString::to_string).collect();
    let text = format!(
        "Requests with its id came from {} addresses ({}): several clients share it, or one has several addresses",
        clients.len(),
        list(&names)
    );
    let first = |client| survey.calls.iter().find(|call| call.session == number && call.client == client);
    let evidence =
        clients.into_iter().filter_map(first).take(4).fold(Evidence::none(), |evidence, call| {
            evidence.packet(call.tcp_stream, call.request[0].packet)
        });
    Some(Sentence::new(Topic::Session, Certainty::Proven, text, evidence))
}
