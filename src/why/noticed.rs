//! The findings that a story names: what is wrong beside the ends of exchanges.

use std::cmp::Reverse;

use super::question::Question;
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::survey::Survey;
use crate::base::code::Confidence;
use crate::base::{Code, Finding, Severity, sanitize, units};

/// Maximum number of kinds of findings that a story names.
const MAX_CODES: usize = 4;

/// Maximum width of the detail of a finding, in columns.
const MAX_DETAIL: usize = 120;

/// Returns a sentence for each kind of finding of notice or above, errors first: its first
/// occurrence.
pub(super) fn sentences(question: Question, survey: &Survey) -> Vec<Sentence> {
    let mut codes: Vec<(Code, &Finding, u64)> = Vec::new();
    for finding in survey.findings.iter().filter(|finding| is_asked_for(finding, question, survey)) {
        match codes.iter_mut().find(|(code, ..)| *code == finding.code) {
            Some((.., count)) => *count = count.saturating_add(finding.count),
            None => codes.push((finding.code, finding, finding.count)),
        }
    }
    codes.sort_by_key(|(code, ..)| Reverse(code.severity()));
    codes.into_iter().take(MAX_CODES).map(|(code, first, count)| sentence(code, first, count)).collect()
}

fn is_asked_for(finding: &Finding, question: Question, survey: &Survey) -> bool {
    // A story says what became of its exchange, and what a proxy took of its time.
    let is_of_story = matches!(question, Question::Exchange(_)) && finding.code == Code::McpProxyDelay;
    let is_told = is_of_story
        || survey.calls.iter().any(|call| finding.exchange == Some(call.n) && !call.status.is_answered());
    let is_of_question = match question {
        Question::Session(number) => finding.session == Some(number),
        Question::Worst => true,
        Question::Exchange(n) => finding.exchange == Some(n),
    };
    finding.code.severity() >= Severity::Notice && is_of_question && !is_told
}

fn sentence(code: Code, first: &Finding, count: u64) -> Sentence {
    let title = code.info().title;
    let detail = sanitize::clean(&first.detail);
    let detail = sanitize::fit(&detail, MAX_DETAIL);
    let times = units::several(count, "time");
    // A finding of many alike says it itself.
    let times = if count > 1 && !detail.starts_with(&times) { format!(" ({times})") } else { String::new() };
    let text = format!("{}{times}: {detail}", capitalized(title));
    let certainty = match code.confidence() {
        Confidence::Proven => Certainty::Proven,
        Confidence::Likely => Certainty::Likely,
    };
    let evidence = match (first.tcp_stream, first.at) {
        (Some(tcp_stream), Some(at)) => Evidence::none().packet(tcp_stream, at.packet),
        _ => Evidence::none(),
    };
    Sentence::new(Topic::Outcome, certainty, text, evidence).quoting()
}

fn capitalized(title: &str) -> String {
    let mut chars = title.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Findings, Origin};
    use crate::ledger::Entry;

    /// A survey of these findings.
    fn survey(codes: &[Code]) -> Survey {
        let (mut survey, mut findings) = (Survey::default(), Findings::new());
        for (at, code) in (1u64..).zip(codes) {
            findings.add(*code, Origin::new(at, at as i64), format!("detail {at} \u{1b}[31m"));
        }
        findings.list().iter().for_each(|finding| survey.push(&Entry::Finding(finding.clone())));
        survey
    }

    #[test]
    fn the_worst_kinds_come_first_with_their_count() {
        let survey = survey(&[Code::HttpResync, Code::RpcNotJson, Code::HttpResync, Code::McpUnanswered]);
        let texts: Vec<String> =
            sentences(Question::Worst, &survey).into_iter().map(|sentence| sentence.text).collect();
        // Errors in the order in which they came, then the notice. No escape sequence is left.
        assert_eq!(
            texts,
            [
                "Message that is not valid JSON: detail 2 ␛[31m",
                "Request that was never answered: detail 4 ␛[31m",
                "Reading resumed at a later head, chunk or event (2 times): detail 1 ␛[31m",
            ]
        );
    }

    #[test]
    fn what_belongs_to_others_is_not_told_of_a_session() {
        let survey = survey(&[Code::RpcNotJson]);
        assert!(sentences(Question::Session(1), &survey).is_empty());
        assert_eq!(sentences(Question::Worst, &survey).len(), 1);
    }
}
