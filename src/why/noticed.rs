//! The findings that a story names: what is wrong beside the ends of exchanges.

use std::cmp::Reverse;

use super::question::Question;
use super::story::{Sentence, Topic};
use super::survey::Survey;
use crate::base::{Code, Finding, Severity};

/// Maximum number of kinds of findings that a story names.
const MAX_CODES: usize = 4;

/// Returns a sentence for each kind of finding of notice or above that is not told yet, errors
/// first: its first occurrence.
pub(super) fn sentences(question: Question, survey: &Survey, earlier: &[Sentence]) -> Vec<Sentence> {
    let asked_for = || survey.findings.iter().filter(|finding| is_asked_for(finding, question, survey));
    let mut codes: Vec<Code> = Vec::new();
    for finding in asked_for() {
        let is_told = earlier.iter().any(|sentence| sentence.finding == Some(finding.code));
        if !is_told && !codes.contains(&finding.code) {
            codes.push(finding.code);
        }
    }
    codes.sort_by_key(|code| Reverse(code.severity()));
    let sentence =
        |code| Sentence::of_findings(Topic::Outcome, asked_for().filter(|finding| finding.code == code));
    codes.into_iter().filter_map(sentence).take(MAX_CODES).collect()
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
            sentences(Question::Worst, &survey, &[]).into_iter().map(|sentence| sentence.text).collect();
        // Errors in the order in which they came, then the notice. No escape sequence is left.
        assert_eq!(
            texts,
            [
                "Message that is not valid JSON (rpc.not_json): detail 2 ␛[31m",
                "Request that was never answered (mcp.unanswered): detail 4 ␛[31m",
                "Reading resumed at a later head, chunk or event (http.resync, 2 times): detail 1 ␛[31m",
            ]
        );
    }

    #[test]
    fn no_finding_is_told_twice() {
        let survey = survey(&[Code::RpcNotJson, Code::HttpResync]);
        let told = sentences(Question::Worst, &survey, &[]);
        assert_eq!(told.len(), 2);
        let left = sentences(Question::Worst, &survey, &told[..1]);
        assert_eq!(left, told[1..]);
    }

    #[test]
    fn what_belongs_to_others_is_not_told_of_a_session() {
        let survey = survey(&[Code::RpcNotJson]);
        assert!(sentences(Question::Session(1), &survey, &[]).is_empty());
        assert_eq!(sentences(Question::Worst, &survey, &[]).len(), 1);
    }
}
