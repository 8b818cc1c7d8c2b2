//! Compares what the program prints of a capture with `expect.json`, whose members
//! `captures/README.md` describes.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Map, Value};

use super::output::{Finding, Output, numbers, rank};

/// The differences between the output for a capture and what is expected; of several alternatives
/// the differences from the one that fits best.
pub(super) fn differences(output: &Output, expect: &Value) -> Vec<String> {
    alternatives(expect)
        .iter()
        .map(|expect| Check::new(output, expect).differences())
        .min_by_key(Vec::len)
        .unwrap_or_default()
}

/// Every combination of the groups of `any_of` with the rest.
fn alternatives(expect: &Value) -> Vec<Value> {
    let mut combined = vec![expect.clone()];
    for group in list(expect, "any_of") {
        let choices = group.as_array().expect("a group of any_of is a list");
        combined =
            combined.iter().flat_map(|rest| choices.iter().map(move |choice| added(rest, choice))).collect();
    }
    combined
}

/// Two expectations as one: lists are joined, other members of the second replace those of the
/// first.
fn added(first: &Value, second: &Value) -> Value {
    let mut sum = first.clone();
    for (name, value) in second.as_object().expect("an expectation is an object") {
        match (sum.get_mut(name), value) {
            (Some(Value::Array(have)), Value::Array(more)) => have.extend(more.iter().cloned()),
            _ => sum[name] = value.clone(),
        }
    }
    sum
}

/// The list in a member, empty if the member is absent.
fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The allowed values: those of a list, or the value itself.
fn one_of(want: &Value) -> &[Value] {
    want.as_array().map_or(std::slice::from_ref(want), Vec::as_slice)
}

fn texts<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    list(value, name).iter().filter_map(Value::as_str).collect()
}

/// Whether a word is in a text, in any case, not preceded by a letter or digit.
fn has(text: &str, word: &str) -> bool {
    let word = Regex::new(&format!("(?:^|[^a-z0-9]){}", regex::escape(&word.to_lowercase()))).unwrap();
    word.is_match(&text.to_lowercase())
}

/// Whether a duration is one of those allowed: null, a number, or an object with `min` and `max`.
fn is_near(want: &Value, have: &Value, tolerance: f64) -> bool {
    one_of(want).iter().any(|want| match (want, have.as_f64()) {
        (Value::Null, have) => have.is_none(),
        (_, None) => false,
        (Value::Object(range), Some(have)) => {
            let bound = |name: &str| range.get(name).and_then(Value::as_f64).unwrap_or(have);
            bound("min") <= have && have <= bound("max")
        }
        (want, Some(have)) => (want.as_f64().expect("a duration is a number") - have).abs() <= tolerance,
    })
}

/// Whether an exchange is the one that an expectation names by id, method and, if given, packet.
fn is_meant(want: &Value, exchange: &Value) -> bool {
    let packet = want.get("request_packet");
    want["id"] == exchange["id"]
        && want["method"] == exchange["method"]
        && packet.is_none_or(|packet| one_of(packet).contains(&exchange["request"]["first_packet"]))
}

fn name_of(want: &Value) -> String {
    let method = want["method"].as_str().unwrap_or_default();
    let at = want.get("request_packet").map(|packet| format!(" at packet {packet}")).unwrap_or_default();
    format!("{method} id {}{at}", want["id"])
}

/// The comparison of one output with one expectation.
struct Check<'a> {
    output: &'a Output,
    expect: &'a Value,
    /// The sessions printed for each label, with the rows that they stand in.
    labels: BTreeMap<&'a str, Vec<(Value, String)>>,
    problems: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(output: &'a Output, expect: &'a Value) -> Self {
        Self { output, expect, labels: BTreeMap::new(), problems: Vec::new() }
    }

    fn differences(mut self) -> Vec<String> {
        self.exchanges();
        self.sessions();
        self.notifications();
        self.streams();
        self.causes();
        self.findings();
        self.texts();
        self.labels();
        self.problems
    }

    fn fail(&mut self, expected: impl std::fmt::Display, got: impl std::fmt::Display) {
        self.problems.push(format!("expected {expected}, got {got}"));
    }

    fn label(&mut self, want: &'a Value, row: &Value, place: &str) {
        if let Some(label) = want["session"].as_str() {
            self.labels.entry(label).or_default().push((row["session"].clone(), place.to_owned()));
        }
    }

    fn labels(&mut self) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (label, rows) in std::mem::take(&mut self.labels) {
            let sessions: BTreeSet<String> = rows.iter().map(|(session, _)| session.to_string()).collect();
            if sessions.len() > 1 || sessions.contains("null") {
                let rows: Vec<_> =
                    rows.iter().map(|(session, place)| format!("{place}: {session}")).collect();
                self.fail(format!("one session {label}"), rows.join(", "));
            }
            for session in sessions.into_iter().filter(|session| session != "null") {
                let other = *seen.entry(session.clone()).or_insert(label);
                if other != label {
                    self.fail(format!("{other} and {label} to be two sessions"), session);
                }
            }
        }
    }

    fn exchanges(&mut self) {
        let mut used = BTreeSet::new();
        let shown = |row: &Value| format!("{}, {}", name_of_row(row), row["status"]);
        for want in list(self.expect, "exchanges") {
            let rows = self.output.exchanges.iter().enumerate();
            let found = rows.clone().find(|(at, row)| !used.contains(at) && is_meant(want, row));
            if let Some((at, row)) = found {
                used.insert(at);
                self.exchange(want, row);
            } else if want["optional"] != true {
                let is_alike = |row: &Value| {
                    row["id"] == want["id"]
                        || one_of(&want["request_packet"]).contains(&row["request"]["first_packet"])
                };
                let alike: Vec<_> =
                    rows.filter(|(_, row)| is_alike(row)).map(|(_, row)| shown(row)).collect();
                self.fail(format!("exchange {}", name_of(want)), format!("{alike:?}"));
            }
        }
        if self.expect["exchanges_exact"] == true {
            let rows = self.output.exchanges.iter().enumerate();
            let extra: Vec<_> =
                rows.filter(|(at, _)| !used.contains(at)).map(|(_, row)| shown(row)).collect();
            extra.iter().for_each(|row| self.fail("no other exchange", row));
        }
    }

    fn exchange(&mut self, want: &'a Value, row: &Value) {
        const ANSWERED: [&str; 3] = ["ok", "tool_error", "error"];
        let who = name_of_row(row);
        for key in ["name", "origin", "status", "http_status", "cause", "progress", "server"] {
            if want.get(key).is_some_and(|want| !one_of(want).contains(&row[key])) {
                self.fail(
                    format!("{who}: {key} {}", want[key]),
                    format!("{} (cause {})", row[key], row["cause"]),
                );
            }
        }
        if list(want, "status_not").contains(&row["status"]) {
            self.fail(format!("{who}: status not {}", want["status_not"]), &row["status"]);
        }
        if want.get("error_code").is_some_and(|code| *code != row["error"]["code"]) {
            self.fail(format!("{who}: error code {}", want["error_code"]), &row["error"]["code"]);
        }
        if want["degraded"] == true && list(row, "degraded").is_empty() {
            self.fail(format!("{who}: degraded"), "[]");
        }
        let tolerance = want["tol_ms"].as_f64().unwrap_or(0.5);
        if want.get("send_ms").is_some_and(|want| !is_near(want, &row["send_ms"], tolerance)) {
            self.fail(format!("{who}: send_ms {}", want["send_ms"]), &row["send_ms"]);
        }
        let is_answer = |status: &Value| status.as_str().is_some_and(|status| ANSWERED.contains(&status));
        let must_have = want.get("status").is_some_and(|status| one_of(status).iter().all(is_answer));
        if must_have || !row["response"].is_null() {
            let response = &row["response"];
            let packet = &response["last_packet"];
            if want.get("response_packet").is_some_and(|want| !one_of(want).contains(packet)) {
                self.fail(format!("{who}: response ends in packet {}", want["response_packet"]), packet);
            }
            if want.get("response_bytes").is_some_and(|bytes| *bytes != response["bytes"]) {
                self.fail(format!("{who}: {} bytes of response", want["response_bytes"]), &response["bytes"]);
            }
            if want.get("total_ms").is_some_and(|want| !is_near(want, &row["total_ms"], tolerance)) {
                self.fail(format!("{who}: total_ms {}", want["total_ms"]), &row["total_ms"]);
            }
        }
        self.label(want, row, &who);
    }

    /// The exchanges that an expectation names.
    fn find(&self, want: &Value) -> Vec<&'a Value> {
        self.output.exchanges.iter().filter(|row| is_meant(want, row)).collect()
    }

    fn sessions(&mut self) {
        let rows = &self.output.sessions;
        let shown: Vec<_> = rows
            .iter()
            .map(|row| format!("{} with {} exchanges", row["session"], row["exchanges"]))
            .collect();
        let with_exchanges = rows.iter().filter(|row| row["exchanges"].as_u64().unwrap_or(0) > 0).count();
        for (name, count) in [("sessions", rows.len()), ("sessions_with_exchanges", with_exchanges)] {
            if self.expect.get(name).is_some_and(|want| *want != count) {
                self.fail(format!("{} {name}", self.expect[name]), format!("{count}: {shown:?}"));
            }
        }
        for want in list(self.expect, "session_ended") {
            let ended: Vec<_> = rows
                .iter()
                .filter(|row| row["session_id"] == want["session_id"])
                .map(|row| &row["ended"])
                .collect();
            let is_wrong = |ended: &&Value| {
                list(want, "not").contains(ended)
                    || (want.get("is").is_some() && !list(want, "is").contains(ended))
            };
            if ended.is_empty() || ended.iter().any(is_wrong) {
                self.fail(format!("the end of session {want}"), format!("{ended:?}"));
            }
        }
    }

    fn notifications(&mut self) {
        for want in list(self.expect, "notifications") {
            let is_wanted = |row: &&Value| {
                row["method"] == want["method"]
                    && want.get("from").is_none_or(|from| *from == row["from"])
                    && want.get("packets").is_none_or(|_| list(want, "packets").contains(&row["packet"]))
            };
            let rows: Vec<_> = self.output.notifications.iter().filter(is_wanted).collect();
            let who = format!("{} at {}", want["method"], want["packets"]);
            if want.get("count").is_some_and(|count| *count != rows.len()) {
                self.fail(format!("{} x {who}", want["count"]), rows.len());
            }
            for row in rows {
                self.label(want, row, &format!("{who} at packet {}", row["packet"]));
                let Some(of) = want.get("exchange") else {
                    continue;
                };
                let belongs = if of.is_null() {
                    row["exchange"].is_null()
                } else {
                    self.find(of).iter().any(|exchange| exchange["n"] == row["exchange"])
                };
                if !belongs {
                    self.fail(format!("{who} belongs to {of}"), format!("n={}", row["exchange"]));
                }
            }
        }
    }

    fn streams(&mut self) {
        for want in list(self.expect, "streams") {
            let who = format!("stream of packet {}", want["request_packet"]);
            let mut rows = self.output.streams.iter();
            let Some(row) = rows.find(|row| row["first_packet"] == want["request_packet"]) else {
                let have: Vec<_> = self.output.streams.iter().map(|row| &row["first_packet"]).collect();
                self.fail(who, format!("{have:?}"));
                continue;
            };
            for key in ["target", "http_status", "ended", "events"] {
                if want.get(key).is_some_and(|want| !one_of(want).contains(&row[key])) {
                    self.fail(format!("{who}: {key} {}", want[key]), &row[key]);
                }
            }
            self.label(want, row, &who);
            if want.get("ends_at").is_some_and(|end| !self.shows_end(end, row)) {
                self.fail(format!("{who}: its end {} in its row", want["ends_at"]), row);
            }
        }
    }

    /// Whether the end of a stream is in its row: the packet, the time, or a duration; or in a
    /// finding about its silence.
    fn shows_end(&self, end: &Value, row: &Value) -> bool {
        let below = |part: &str| {
            let mut found = Vec::new();
            numbers(row, part, "", &mut found);
            found
        };
        let is_within = |value: &Value, other: f64, tolerance: f64| {
            value.as_f64().is_some_and(|value| (value - other).abs() < tolerance)
        };
        let milliseconds = |name: &str| end[name].as_f64().expect("an end has its durations");
        let (open, silent) = (milliseconds("open_ms"), milliseconds("silent_ms"));
        let time = row["start"].as_f64().unwrap_or(0.0) + open / 1000.0;
        let is_silence = |finding: &Finding| {
            let text = finding.text(self.output);
            end["packet"].as_u64().is_some_and(|packet| finding.packets.contains(&packet))
                && ["silent", "silence", "idle"].iter().any(|word| has(&text, word))
        };
        below("packet").contains(&end["packet"])
            || below("").iter().any(|value| is_within(value, time, 0.002))
            || below("_ms").iter().any(|value| is_within(value, open, 2.0) || is_within(value, silent, 2.0))
            || self.output.findings.iter().any(is_silence)
    }

    fn causes(&mut self) {
        for want in list(self.expect, "not_cause") {
            for row in self.find(want) {
                if list(want, "causes").contains(&row["cause"]) {
                    self.fail(format!("{}: cause not {}", name_of(want), row["cause"]), &row["status"]);
                }
            }
        }
        for want in list(self.expect, "not_degraded") {
            for row in self.find(want) {
                if !list(row, "degraded").is_empty() {
                    self.fail(format!("{}: not degraded", name_of(want)), &row["degraded"]);
                }
            }
        }
    }

    /// Whether `no_finding` rules out the code of a finding.
    fn is_forbidden(&self, finding: &Finding) -> bool {
        let matches = |pattern: &str| {
            let pattern = regex::escape(pattern).replace(r"\*", ".*");
            Regex::new(&format!("^{pattern}$")).unwrap().is_match(&finding.code)
        };
        finding.is_finding && texts(self.expect, "no_finding").into_iter().any(matches)
    }

    fn findings(&mut self) {
        let output = self.output;
        for finding in output.findings.iter().filter(|finding| self.is_forbidden(finding)).collect::<Vec<_>>()
        {
            self.fail(format!("no {}", finding.code), finding.shown());
        }
        for packet in list(self.expect, "no_finding_at").iter().filter_map(Value::as_u64) {
            for finding in &output.findings {
                if finding.is_finding
                    && finding.packets.contains(&packet)
                    && rank(&finding.severity) >= rank("warning")
                    && !self.is_forbidden(finding)
                {
                    self.fail(format!("no warning or error at packet {packet}"), finding.shown());
                }
            }
        }
        for want in list(self.expect, "finding_at") {
            let packets: Vec<u64> = list(want, "packets").iter().filter_map(Value::as_u64).collect();
            let is_near = |finding: &&Finding| {
                want.get("packets").is_none() || packets.iter().any(|packet| finding.packets.contains(packet))
            };
            let near: Vec<_> = output.findings.iter().filter(is_near).collect();
            if !near.iter().any(|finding| self.tells(want, finding)) {
                let near: Vec<_> = near.iter().map(|finding| finding.shown()).collect();
                self.fail(format!("a finding {want}"), format!("{near:?}"));
            }
        }
    }

    /// Whether a finding is the one that is asked for.
    fn tells(&self, want: &Value, finding: &Finding) -> bool {
        let least = want["min_severity"].as_str().unwrap_or("info");
        if self.is_forbidden(finding) || rank(&finding.severity) < rank(least) {
            return false;
        }
        let text = finding.text(self.output);
        let has = |word: &&str| has(&text, word);
        (want.get("words_any").is_none() || texts(want, "words_any").iter().any(has))
            && texts(want, "words_all").iter().all(has)
            && want
                .get("joined")
                .is_none_or(|joined| self.find(joined).iter().any(|row| is_joined(finding, row)))
    }

    fn texts(&mut self) {
        let output = self.output;
        for want in list(self.expect, "error_text") {
            let text = want["contains"].as_str().expect("error_text has a text");
            let messages: Vec<_> = self
                .find(want)
                .iter()
                .map(|row| row["error"]["message"].as_str().unwrap_or_default())
                .collect();
            let is_there = messages.iter().any(|message| message.contains(text))
                || output.findings.iter().any(|finding| finding.detail.contains(text));
            if !is_there {
                self.fail(
                    format!("{}: {text:?} in its error or in a finding", name_of(want)),
                    format!("{messages:?}"),
                );
            }
        }
        let words = texts(self.expect, "told");
        let is_told = |word: &&str| {
            has(output.report(), word)
                || output.findings.iter().any(|finding| has(&finding.text(output), word))
        };
        if !words.is_empty() && !words.iter().any(is_told) {
            self.fail(format!("one of {words:?} in the report or in a finding"), "nothing");
        }
        for text in texts(self.expect, "nowhere") {
            if output.jsonl.contains(text) || output.report().contains(text) {
                self.fail(format!("{text:?} nowhere"), "it is printed");
            }
        }
    }
}

fn name_of_row(row: &Value) -> String {
    let fields = [
        ("id".to_owned(), row["id"].clone()),
        ("method".to_owned(), row["method"].clone()),
        ("request_packet".to_owned(), row["request"]["first_packet"].clone()),
    ];
    name_of(&Value::Object(Map::from_iter(fields)))
}

/// Whether a finding is joined to an exchange: by its number, by the codes in the exchange, or by
/// the id in the detail.
fn is_joined(finding: &Finding, exchange: &Value) -> bool {
    if !finding.row["exchange"].is_null() {
        return finding.row["exchange"] == exchange["n"];
    }
    let lengths = Regex::new(r"\b\d+ bytes").unwrap();
    let id =
        Regex::new(&format!(r#"(?:^|[^\w."]){}(?:$|[^\w."])"#, regex::escape(&exchange["id"].to_string())))
            .unwrap();
    list(exchange, "findings").contains(&Value::from(finding.code.as_str()))
        || id.is_match(&lengths.replace_all(&finding.detail, ""))
}
