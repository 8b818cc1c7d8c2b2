//! The story of one exchange.

use super::limits::Limits;
use super::question::Question;
use super::story::{Certainty, Evidence, Sentence, Story, Subject, Topic};
use super::survey::Survey;
use super::traces::Traces;
use super::wait_end::{self, WaitEnd};
use super::words::{self, precise};
use super::{ended, noticed, repeated, sessions, streams, time_spent, unread, which};
use crate::base::Status;
use crate::ledger::Exchange;

/// Tells what became of an exchange.
pub(super) fn tell(exchange: &Exchange, survey: &Survey, traces: &Traces, limits: &Limits) -> Story {
    let mut sentences = Vec::new();
    if wait_end::is_answered(exchange) {
        sentences.push(answered(exchange));
        sentences.extend(repeated::sentences(exchange, traces, limits));
        let unread = unread::answer(exchange, traces);
        sentences.extend(unread.map(|unread| unread.sentences(exchange, limits)).unwrap_or_default());
    } else {
        let end = WaitEnd::of(exchange, traces);
        sentences.extend(ended::sentences(exchange, end.as_ref()));
        if let Some(end) = &end {
            sentences.extend(which::sentences(exchange, end, (survey, limits)));
        }
    }
    sentences.extend(streams::sentences(exchange, survey, traces));
    sentences.extend(sessions::of_refused_call(exchange.n, exchange.session.number, survey));
    sentences.extend(time_spent::sentences(exchange, survey, traces));
    let noticed = noticed::sentences(Question::Exchange(exchange.n), survey, &sentences);
    sentences.extend(noticed);
    Story { title: words::exchange(exchange), subject: Subject::Exchange(exchange.n), sentences }
}

/// Says that an exchange was answered, and after which time.
fn answered(exchange: &Exchange) -> Sentence {
    let result = match exchange.status {
        Status::ToolError => "with an error of the tool",
        Status::Error => "with a JSON-RPC error",
        _ => "with a result",
    };
    let took = exchange.known_total_ns().map(|ns| format!(", {} after it began", precise(ns)));
    let text = format!("It was answered {result}{}", took.unwrap_or_default());
    let request = exchange.request.span;
    let mut evidence = Evidence::none().range(exchange.tcp_stream, request.first, request.last);
    if let (Some(response), Some((on, _))) = (exchange.response, exchange.answered_on) {
        evidence = evidence.range(on, response.span.first, response.span.last);
    }
    Sentence::new(Topic::Outcome, Certainty::Proven, text, evidence)
}
