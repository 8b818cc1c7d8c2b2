//! Random expressions are compared with a simple evaluator that uses strings and floats. Random
//! garbage must not panic.

use proptest::prelude::*;

use super::tests::exchange;
use super::{FIELDS, Filter, Subject, complete};
use crate::base::{Code, Degraded, Side, Timestamp};
use crate::ledger::{Cause, Exchange, Id, MessageSpan, Status};

#[derive(Clone, Debug)]
enum Tree {
    Anywhere(String),
    /// Field, negation, prefix match, text.
    Text(&'static str, bool, bool, String),
    /// Field, operator, number in the unit that follows.
    Number(&'static str, &'static str, i32, &'static str),
    Word(&'static str, bool, &'static str),
    Not(Box<Self>),
    And(Vec<Self>, &'static str),
    Or(Vec<Self>, &'static str),
}

impl Tree {
    fn print(&self) -> String {
        match self {
            Self::Anywhere(text) => quote(text),
            Self::Text(field, negate, prefix, text) => {
                let (op, star) = (if *negate { "!=" } else { ":" }, if *prefix { "*" } else { "" });
                // The parser rejects `!=*` and a quoted empty prefix.
                format!("{field}{op}{}{star}", quote(text))
            }
            Self::Number(field, op, number, unit) => format!("{field} {op} {number}{unit}"),
            Self::Word(field, negate, word) => format!("{field}{}{word}", if *negate { "!=" } else { "=" }),
            Self::Not(inner) => format!("not ({})", inner.print()),
            Self::And(parts, joint) => {
                joined(parts, joint, |part| matches!(part, Self::And(..) | Self::Or(..)))
            }
            Self::Or(parts, joint) => joined(parts, joint, |part| matches!(part, Self::Or(..))),
        }
    }

    fn holds(&self, it: &Exchange) -> bool {
        match self {
            Self::Anywhere(text) => {
                let mut places = vec![it.method.to_string(), id(it)];
                places.extend(it.name.as_ref().map(|name| name.to_string()));
                places.extend(it.session.id.as_ref().map(|id| id.to_string()));
                let text = text.to_lowercase();
                text == format!("s{}", it.session.number)
                    || places.iter().any(|place| place.to_lowercase().contains(&text))
            }
            Self::Text(field, negate, prefix, text) => {
                let has = match *field {
                    "method" => Some(it.method.to_string()),
                    "name" => it.name.as_ref().map(|name| name.to_string()),
                    _ => Some(id(it)),
                };
                let text = text.to_lowercase();
                has.map(|has| has.to_lowercase())
                    .is_some_and(|has| negate != &if *prefix { has.starts_with(&text) } else { has == text })
            }
            Self::Number(field, op, number, unit) => {
                let worth = match *unit {
                    "us" => 1e3,
                    "ms" => 1e6,
                    "s" => 1e9,
                    "kB" => 1000.0,
                    "KiB" => 1024.0,
                    _ => 1.0,
                };
                let wanted = f64::from(*number) * worth;
                number_of(it, field).is_some_and(|has| match *op {
                    ":" => has == wanted,
                    "!=" => has != wanted,
                    ">" => has > wanted,
                    ">=" => has >= wanted,
                    "<" => has < wanted,
                    _ => has <= wanted,
                })
            }
            Self::Word(field, negate, word) => {
                let has: Vec<&str> = match *field {
                    "status" => vec![it.status.name()],
                    "origin" => vec![it.origin.name()],
                    "cause" => it.cause.iter().map(|cause| cause.name()).collect(),
                    "degraded" if it.degraded.is_none() => vec!["none"],
                    "degraded" => it.degraded.names().collect(),
                    _ if it.findings.is_empty() => vec!["none"],
                    _ => it.findings.iter().map(|code| code.name()).collect(),
                };
                !has.is_empty() && has.contains(word) != *negate
            }
            Self::Not(inner) => !inner.holds(it),
            Self::And(parts, _) => parts.iter().all(|part| part.holds(it)),
            Self::Or(parts, _) => parts.iter().any(|part| part.holds(it)),
        }
    }
}

fn joined(parts: &[Tree], joint: &str, bracket: impl Fn(&Tree) -> bool) -> String {
    let parts = parts.iter().map(|part| {
        let text = part.print();
        if bracket(part) { format!("({text})") } else { text }
    });
    parts.collect::<Vec<_>>().join(joint)
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn id(it: &Exchange) -> String {
    match &it.id {
        Id::Text(text) => text.to_string(),
        id => id.json(),
    }
}

fn number_of(it: &Exchange, field: &str) -> Option<f64> {
    let (start, sent) = (it.request.span.start.time.0, it.request.span.end.time.0);
    let response = it.response.map(|response| response.span);
    let ns = |from: i64, to: i64| (to - from) as f64;
    match field {
        "dur" => Some(ns(start, response?.end.time.0)),
        "waited" => Some(ns(start, it.wait_ended.map_or_else(|| response.map(|it| it.end), Some)?.time.0)),
        "send" => Some(ns(start, sent)),
        "wait" => Some(ns(sent, response?.start.time.0)),
        "receive" => Some(ns(response?.start.time.0, response?.end.time.0)),
        "ack" => Some(ns(sent, it.ack?.0)),
        "bytes" => Some((it.request.bytes + it.response.map_or(0, |response| response.bytes)) as f64),
        "progress" => Some(f64::from(it.progress)),
        "retrans" => Some(f64::from(it.retransmissions)),
        "error" => it.error.as_ref()?.code.map(|code| code as f64),
        _ => it.http_status.map(f64::from),
    }
}

fn short() -> impl Strategy<Value = String> {
    prop_oneof!["[aAbBé]{0,2}", "[a\\\\\"*()!é ]{0,3}", Just("s1".to_owned()), Just("or".to_owned())]
}

fn op() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![":", "!=", ">", ">=", "<", "<="])
}

fn leaf() -> impl Strategy<Value = Tree> {
    let words = prop::sample::select(vec![
        ("status", "ok"),
        ("status", "error"),
        ("origin", "server"),
        ("cause", "client_reset"),
        ("cause", "no_stream"),
        ("degraded", "gap"),
        ("degraded", "none"),
        ("finding", "tcp.gap"),
        ("finding", "none"),
    ]);
    let durations = prop::sample::select(vec!["dur", "send", "wait", "receive", "ack", "waited"]);
    let counts = prop::sample::select(vec!["progress", "retrans", "error", "http"]);
    prop_oneof![
        short().prop_map(Tree::Anywhere),
        (prop::sample::select(vec!["method", "name", "id"]), any::<bool>(), any::<bool>(), short()).prop_map(
            |(field, negate, prefix, text)| Tree::Text(field, negate, prefix && !text.is_empty(), text)
        ),
        (durations, op(), -4..4, prop::sample::select(vec!["ns", "us", "ms", "s"]))
            .prop_map(|(field, op, number, unit)| Tree::Number(field, op, number, unit)),
        (op(), 0..4, prop::sample::select(vec!["", "B", "kB", "KiB"]))
            .prop_map(|(op, number, unit)| Tree::Number("bytes", op, number, unit)),
        (counts, op(), -1..4).prop_map(|(field, op, number)| Tree::Number(field, op, number, "")),
        (words, any::<bool>()).prop_map(|((field, word), negate)| Tree::Word(field, negate, word)),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            inner.clone().prop_map(|inner| Tree::Not(Box::new(inner))),
            (parts(), prop::sample::select(vec![" and ", " ", " && ", " AND "]))
                .prop_map(|(parts, joint)| Tree::And(parts, joint)),
            (parts(), prop::sample::select(vec![" or ", "||", " || ", " Or "]))
                .prop_map(|(parts, joint)| Tree::Or(parts, joint)),
        ]
    })
}

fn exchanges() -> impl Strategy<Value = Exchange> {
    let time =
        || prop::sample::select(vec![-2_000_000_000_i64, -3000, -1, 0, 1, 2, 3000, 2_000_000, 1_000_000_000]);
    let texts =
        (short(), prop::option::of(short()), prop::option::of(short()), short(), any::<bool>(), 0_i64..3);
    let times = (time(), time(), time(), prop::option::of(time()), any::<bool>());
    let numbers = (0..4_u32, 0..4_u32, -1..4_i64, prop::option::of(0..4_u16), 0..2_u64, 0..2049_u64);
    let words = (0..6_usize, any::<bool>(), 0..3_u8, any::<bool>(), any::<bool>());
    (texts, times, numbers, words).prop_map(|(texts, times, numbers, words)| {
        let mut it = exchange();
        it.method = texts.0.into();
        it.name = texts.1.map(Into::into);
        it.session.id = texts.2.map(Into::into);
        it.id = if texts.4 { Id::Text(texts.3.into()) } else { Id::Int(texts.5) };
        let start = it.request.span.start.time;
        it.request.span.end.time = start.plus(times.0);
        it.request.bytes = numbers.4;
        let mut span = it.request.span;
        (span.start.time, span.end.time) = (start.plus(times.1), start.plus(times.2));
        it.response = times.4.then_some(MessageSpan { span, bytes: numbers.5 });
        it.ack = times.3.map(|ns| Timestamp(start.0 + ns));
        (it.progress, it.retransmissions, it.http_status) = (numbers.0, numbers.1, numbers.3);
        it.error.as_mut().expect("an error").code = Some(numbers.2).filter(|code| *code >= 0);
        it.status = Status::ALL[words.0];
        it.origin = if words.1 { Side::Client } else { Side::Server };
        it.cause = [None, Some(Cause::ClientReset), Some(Cause::NoStream)][usize::from(words.2)];
        it.degraded = if words.3 { Degraded::GAP.and(Degraded::MIDSTREAM) } else { Degraded::NONE };
        it.findings = if words.4 { vec![Code::McpBatch, Code::TcpGap] } else { Vec::new() };
        it
    })
}

/// Returns text that resembles an expression.
fn soup() -> impl Strategy<Value = String> {
    let mut pieces: Vec<&'static str> = vec![
        " ",
        "(",
        ")",
        "\"",
        "\\",
        "*",
        "!",
        "!=",
        ":",
        "~",
        ">",
        "<=",
        "=",
        "and",
        "or ",
        "not ",
        "&&",
        "||",
        "|",
        "[",
        "]",
        "{",
        "x",
        "é",
        "界",
        "\u{1b}",
        "-",
        ".",
        "/",
        "5",
        "1e9",
        "99999999999999999999",
        "ms",
        "kB",
        "4xx",
        "10.0.0.0/8",
        "::1",
        "2026-11-22T09:30",
        "T",
        "s1",
        "none",
        "(?i)",
        "\\u{",
        "}",
    ];
    pieces.extend(FIELDS.iter().map(|info| info.name));
    pieces.extend(FIELDS.iter().map(|info| info.example));
    prop::collection::vec(prop::sample::select(pieces), 0..20).prop_map(|pieces| pieces.concat())
}

fn survives(text: &str) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Ok(filter) => {
            prop_assert_eq!(filter.text(), text);
            let _either = filter.matches(Subject::Exchange(&exchange()));
        }
        Err(error) => {
            prop_assert!(text.is_char_boundary(error.at), "{error:?}");
            prop_assert!(!error.message.is_empty());
            prop_assert_eq!(error.render(text).lines().count(), 3);
        }
    }
    for cursor in 0..=text.len() {
        for found in complete(text, cursor) {
            prop_assert!(text.get(found.range.clone()).is_some() && found.range.end == cursor);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_stupid_evaluator(tree in tree(), its in prop::collection::vec(exchanges(), 8)) {
        let text = tree.print();
        let filter = match Filter::parse(&text) {
            Ok(filter) => filter,
            Err(error) => return Err(TestCaseError::fail(error.render(&text))),
        };
        for it in &its {
            prop_assert_eq!(filter.matches(Subject::Exchange(it)), tree.holds(it), "{}\n{:#?}", text, it);
        }
    }

    #[test]
    fn soup_is_survived(text in soup()) {
        survives(&text)?;
    }

    #[test]
    fn garbage_is_survived(text in any::<String>()) {
        survives(&text)?;
    }
}
