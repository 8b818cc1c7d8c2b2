//! Results of tools: whether what a server answered is what the model was given.

use crate::base::text::beginning;

/// Bytes of an answer that are kept to be compared.
pub(super) const KEPT: usize = 1 << 10;

/// Bytes of an answer that are searched for in what the model was given.
const PROBE: usize = 256;

/// Least length of an answer that proves something by being part of a text, in bytes.
const MIN_PART: usize = 8;

/// Bytes that two texts begin with if one may be a shortened form of the other.
const MIN_COMMON: usize = 64;

/// The text of an answer of a server, ready to be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// The beginning of the texts of its content, or of the error's message.
    text: Box<str>,
    /// Whether it is an error, which clients put into words of their own.
    is_error: bool,
    /// The beginning of the text as JSON has it in a string, if that is another text.
    escaped: Vec<Box<str>>,
}

impl Answered {
    pub(super) fn new(text: &str, is_error: bool) -> Self {
        let text = text.trim();
        let probe = beginning(text, PROBE);
        let mut forms = vec![escaped(probe, false), escaped(probe, true)];
        forms.dedup();
        forms.retain(|form| *form != probe);
        let escaped = forms.into_iter().map(String::into_boxed_str).collect();
        Self { text: text.into(), is_error, escaped }
    }

    /// Returns what is allocated for it, in bytes.
    pub(super) fn cost(&self) -> usize {
        let escaped = self.escaped.iter().map(|form| size_of::<Box<str>>() + form.len());
        self.text.len() + escaped.sum::<usize>()
    }
}

/// The text that a model is given as the result of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Its beginning.
    pub(super) text: Box<str>,
    /// Whether there is more of it.
    pub(super) is_cut: bool,
}

/// Whether two results are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// The model was given what the server answered.
    Same,
    /// It was given something else.
    Different,
    /// It cannot be told.
    Unknown,
}

/// Compares what a model was given with what a server answered.
///
/// Clients pass on the text, or JSON that contains it.
pub(super) fn compare(given: &Given, answered: &Answered) -> Likeness {
    let (text, answer) = (given.text.trim(), &*answered.text);
    if answer.is_empty() {
        return Likeness::Unknown;
    }
    if text == answer {
        return Likeness::Same;
    }
    let is_part = text.contains(beginning(answer, PROBE));
    if is_part || answered.escaped.iter().any(|form| text.contains(&**form)) {
        let is_proof = answer.len() >= MIN_PART;
        return if is_proof { Likeness::Same } else { Likeness::Unknown };
    }
    if given.is_cut && text.len() >= MIN_PART && answer.starts_with(text) {
        return Likeness::Same;
    }
    let common = text.bytes().zip(answer.bytes()).take_while(|(a, b)| a == b).count();
    let may_be_more = given.is_cut || answered.is_error || common >= MIN_COMMON.min(answer.len());
    if may_be_more { Likeness::Unknown } else { Likeness::Different }
}

/// A text as JSON has it in a string; with `ascii`, without other characters.
fn escaped(text: &str, ascii: bool) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default();
    if !ascii {
        return inner.to_owned();
    }
    let mut out = String::new();
    for c in inner.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(given: &str, answer: &str) -> Likeness {
        let answered = Answered::new(answer, false);
        compare(&Given { text: given.into(), is_cut: false }, &answered)
    }

    #[test]
    fn a_result_is_recognised_in_json() {
        let answer = "Oslo: 17 \u{b0}C, \"calm\"\n";
        for given in [
            answer.to_owned(),
            answer.trim().to_owned(),
            format!("The tool says: {answer}"),
            serde_json::json!([{"type": "text", "text": answer}]).to_string(),
            "{\"result\": \"Oslo: 17 \\u00b0C, \\\"calm\\\"\"}".to_owned(),
        ] {
            assert_eq!(likeness(&given, answer), Likeness::Same, "{given}");
        }
        assert_eq!(likeness("Bergen: 17 \u{b0}C", answer), Likeness::Different);
    }

    #[test]
    fn short_and_cut_texts_prove_little() {
        assert_eq!(likeness("ok", "ok"), Likeness::Same);
        assert_eq!(likeness("look", "ok"), Likeness::Unknown, "part of another word");
        assert_eq!(likeness("no", "ok"), Likeness::Different);
        assert_eq!(likeness("anything", ""), Likeness::Unknown);
        let answer = Answered::new("failed", true);
        let given = Given { text: "Error executing tool".into(), is_cut: false };
        assert_eq!(compare(&given, &answer), Likeness::Unknown, "clients put errors into their words");
        let cut = Given { text: "The first line of".into(), is_cut: true };
        let long = Answered::new("The first line of many", false);
        assert_eq!(compare(&cut, &long), Likeness::Same);
        let cut = Given { text: "What I know: ".into(), is_cut: true };
        assert_eq!(compare(&cut, &long), Likeness::Unknown);
        let shortened = format!("{} [truncated]", "a".repeat(100));
        assert_eq!(likeness(&shortened, &"a".repeat(400)), Likeness::Unknown);
    }
}
