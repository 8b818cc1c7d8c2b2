//! A line of typed text: the filter or the search. Editing is done by `tui-input`; history and
//! completion are here.

use tui_input::{Input, InputRequest};

use super::key_bindings::KeyPress;
use crate::ledger::query::{self, Completion, Error, Filter};

/// The number of texts in a history, the latest ones.
pub const MAX_HISTORY: usize = 1000;

/// The longest line, and so the longest text of a history, in bytes. A filter has at most 4 KiB.
pub const MAX_LINE_BYTES: usize = 4096;

/// A line of typed text.
#[derive(Debug, Default)]
pub(super) struct InputLine {
    input: Input,
    history: Vec<String>,
    /// The index of the recalled text in the history, and the text that was typed before.
    recalled: Option<(usize, String)>,
    /// The completions that `tab` cycles through: the text before the first `tab`, the completions,
    /// and the index of the inserted one.
    completion_cycle: Option<(String, Vec<Completion>, usize)>,
}

impl InputLine {
    /// Returns the text.
    pub(super) fn text(&self) -> &str {
        self.input.value()
    }

    /// Returns the position of the cursor, in bytes.
    pub(super) fn cursor(&self) -> usize {
        let text = self.text();
        text.char_indices().nth(self.input.cursor()).map_or(text.len(), |(at, _)| at)
    }

    /// Replaces the text; the cursor moves to its end.
    pub(super) fn set(&mut self, text: &str) {
        self.replace(text.to_owned());
        (self.recalled, self.completion_cycle) = (None, None);
    }

    /// Parses the text as a filter.
    pub(super) fn filter(&self) -> Result<Filter, Error> {
        Filter::parse(self.text())
    }

    /// Sets the history: the texts of earlier runs, the latest last.
    pub(super) fn set_history(&mut self, mut texts: Vec<String>) {
        texts.drain(..texts.len().saturating_sub(MAX_HISTORY));
        self.history = texts;
    }

    /// Adds the text to the history. Returns it unless it was the latest there already.
    pub(super) fn add_to_history(&mut self) -> Option<&str> {
        (self.recalled, self.completion_cycle) = (None, None);
        let text = self.text().to_owned();
        if text.trim().is_empty() || self.history.last() == Some(&text) {
            return None;
        }
        self.history.retain(|kept| *kept != text);
        self.history.push(text);
        if self.history.len() > MAX_HISTORY {
            self.history.remove(0);
        }
        self.history.last().map(String::as_str)
    }

    /// Inserts pasted text as one line, without control characters.
    pub(super) fn paste(&mut self, text: &str) {
        for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_LINE_BYTES) {
            self.insert(c);
        }
    }

    /// Handles a key. Returns false if it has no meaning here.
    pub(super) fn key(&mut self, key: KeyPress) -> bool {
        if let Some(c) = key.typed() {
            self.insert(c);
            return true;
        }
        let Some(request) = request(&key.to_string()) else { return false };
        (self.recalled, self.completion_cycle) = (None, None);
        self.input.handle(request);
        true
    }

    /// Recalls the previous (or next) text in the history.
    pub(super) fn recall(&mut self, back: bool) {
        self.completion_cycle = None;
        let (at, typed) = self.recalled.take().unwrap_or((self.history.len(), self.text().to_owned()));
        let at = if back { at.saturating_sub(1) } else { (at + 1).min(self.history.len()) };
        let text = self.history.get(at).cloned();
        self.replace(text.unwrap_or_else(|| typed.clone()));
        self.recalled = Some((at, typed));
    }

    /// Returns the completions at the cursor, and the index of the one that `tab` inserted.
    pub(super) fn completions(
        &self,
        occurring: impl Fn(&str, &str) -> Vec<String>,
    ) -> (Vec<Completion>, Option<usize>) {
        match &self.completion_cycle {
            Some((_, completions, at)) => (completions.clone(), Some(*at)),
            None => (completions(self.text(), self.cursor(), occurring), None),
        }
    }

    /// Replaces the word at the cursor by the next (or previous) completion. Returns false if there
    /// is none.
    pub(super) fn complete(&mut self, back: bool, occurring: impl Fn(&str, &str) -> Vec<String>) -> bool {
        let (before, found, at) = match self.completion_cycle.take() {
            Some((before, found, at)) => {
                let step = if back { found.len() - 1 } else { 1 };
                let at = (at + step) % found.len().max(1);
                (before, found, at)
            }
            None => {
                let found = completions(self.text(), self.cursor(), occurring);
                (self.text().to_owned(), found, 0)
            }
        };
        let Some(chosen) = found.get(at) else { return false };
        let front = before.get(..chosen.range.start).unwrap_or_default();
        let behind = before.get(chosen.range.end..).unwrap_or_default();
        let cursor = front.chars().count() + chosen.insert.chars().count();
        self.input = Input::new(format!("{front}{}{behind}", chosen.insert)).with_cursor(cursor);
        self.recalled = None;
        // A single completion is accepted: the next `tab` completes what follows it.
        self.completion_cycle = (found.len() > 1).then_some((before, found, at));
        true
    }

    fn insert(&mut self, c: char) {
        (self.recalled, self.completion_cycle) = (None, None);
        if self.text().len() + c.len_utf8() <= MAX_LINE_BYTES {
            self.input.handle(InputRequest::InsertChar(c));
        }
    }

    fn replace(&mut self, text: String) {
        self.input = Input::new(text);
    }
}

/// Returns the completions of the filter language at the cursor, then the values that occur.
fn completions(text: &str, cursor: usize, occurring: impl Fn(&str, &str) -> Vec<String>) -> Vec<Completion> {
    let mut found = query::complete(text, cursor);
    let before = text.get(..cursor).unwrap_or_default();
    let start = before.rfind(|c: char| c.is_whitespace() || c == '(' || c == '!').map_or(0, |at| at + 1);
    let Some((field, typed)) = before.get(start..).and_then(|word| word.split_once(':')) else {
        return found;
    };
    let value = start + field.len() + 1;
    found.extend(occurring(field, typed).into_iter().map(|insert| Completion {
        range: value..cursor,
        insert,
        suggests: query::Suggests::Value,
        note: "in this capture",
    }));
    found
}

/// Returns the editing request of a key, as in readline.
fn request(key: &str) -> Option<InputRequest> {
    Some(match key {
        "left" | "ctrl-b" => InputRequest::GoToPrevChar,
        "right" => InputRequest::GoToNextChar,
        "ctrl-left" | "alt-b" => InputRequest::GoToPrevWord,
        "ctrl-right" | "alt-f" => InputRequest::GoToNextWord,
        "home" | "ctrl-a" => InputRequest::GoToStart,
        "end" | "ctrl-e" => InputRequest::GoToEnd,
        "backspace" | "ctrl-h" => InputRequest::DeletePrevChar,
        "delete" | "ctrl-d" => InputRequest::DeleteNextChar,
        "ctrl-w" | "alt-backspace" => InputRequest::DeletePrevWord,
        "alt-d" => InputRequest::DeleteNextWord,
        "ctrl-u" => InputRequest::DeleteFromStart,
        "ctrl-k" => InputRequest::DeleteTillEnd,
        "ctrl-y" => InputRequest::Yank,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &mut InputLine, text: &str) {
        text.chars().for_each(|c| line.insert(c));
    }

    fn tools(field: &str, typed: &str) -> Vec<String> {
        let all = ["search", "store"];
        let begins = all.iter().filter(|tool| tool.starts_with(typed));
        if field == "tool" { begins.map(ToString::to_string).collect() } else { Vec::new() }
    }

    #[test]
    fn tab_cycles_through_completions() {
        let mut line = InputLine::default();
        typed(&mut line, "status:un or too");
        assert!(line.complete(false, tools));
        assert_eq!(line.text(), "status:un or tool:");
        assert!(line.complete(false, tools));
        assert_eq!(line.text(), "status:un or tool:search");
        assert!(line.complete(false, tools));
        assert_eq!(line.text(), "status:un or tool:store");
        assert!(line.complete(false, tools));
        assert_eq!(line.text(), "status:un or tool:search", "round");
        assert!(line.complete(true, tools));
        assert_eq!(line.text(), "status:un or tool:store");
        typed(&mut line, "zz");
        assert!(!line.complete(false, tools), "no value begins like this");
        assert_eq!(line.cursor(), line.text().len());
    }

    #[test]
    fn history_returns_to_the_typed_text() {
        let mut line = InputLine::default();
        for text in ["a", "b", "a"] {
            line.set(text);
            line.add_to_history();
        }
        line.set("half");
        line.recall(true);
        assert_eq!(line.text(), "a");
        line.recall(true);
        line.recall(true);
        assert_eq!(line.text(), "b");
        line.recall(false);
        line.recall(false);
        assert_eq!(line.text(), "half");
    }

    #[test]
    fn keys_edit_and_pasted_text_is_one_line() {
        let mut line = InputLine::default();
        line.paste("日本\nx\u{1b}[31m");
        assert_eq!(line.text(), "日本 x [31m");
        assert!(line.key("ctrl-w".parse().unwrap()));
        assert!(line.key("home".parse().unwrap()));
        assert!(line.key("right".parse().unwrap()));
        assert_eq!(line.cursor(), 3);
        assert!(line.key("é".parse().unwrap()));
        assert_eq!(line.text().chars().nth(1), Some('é'));
        assert!(!line.key("f5".parse().unwrap()));
        line.paste(&"x".repeat(10_000));
        assert!(line.text().len() <= MAX_LINE_BYTES);
    }
}
