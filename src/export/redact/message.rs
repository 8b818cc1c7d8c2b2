//! Masks parts of a JSON text, and leaves the rest as it is spelled.

use std::borrow::Cow;

use super::path::Child;
use super::rules::{MASK, Rules};
use crate::base::json;
use crate::base::json_scan::{Malformed, Scanner, Token, unquoted};

/// Where the paths of the rules stand: rule and steps that were taken.
type Places = Vec<(usize, usize)>;

/// An open container.
struct Frame {
    places: Places,
    /// Number of elements so far; `None` for an object.
    elements: Option<usize>,
    /// Whether it is a batch: each element is a message.
    is_batch: bool,
    /// The rule that masks the member whose name was read, and where its value stands.
    member: (Option<usize>, Places),
}

/// Returns the text with what the rules mask.
///
/// # Errors
/// It is no JSON, or nests too deeply.
pub(super) fn redact(text: &str, rules: &Rules) -> Result<String, Malformed> {
    rewrite(text, rules, |rule| rules.tally.count(rule), |text| rules.text(text))
}

/// Returns the text with what names and paths mask, and the rule of the last that does; `None` if
/// none does. Counts nothing.
pub(super) fn named(text: &str, rules: &Rules) -> Option<(String, usize)> {
    let mut by = None;
    let masked = rewrite(text, rules, |rule| by = Some(rule), |text| Cow::Borrowed(text)).ok()?;
    by.map(|by| (masked, by))
}

/// Masks values of names and paths, each told to `count`, and rewrites other texts with `text_of`.
fn rewrite(
    text: &str,
    rules: &Rules,
    mut count: impl FnMut(usize),
    text_of: impl for<'a> Fn(&'a str) -> Cow<'a, str>,
) -> Result<String, Malformed> {
    let mut out = String::with_capacity(text.len());
    let mut frames: Vec<Frame> = Vec::new();
    let mut scanner = Scanner::new(text);
    while let Some(token) = scanner.next() {
        let (token, spelled) = token?;
        match token {
            Token::Between => out.push_str(spelled),
            Token::Close => {
                frames.pop();
                out.push_str(spelled);
            }
            Token::Key => {
                let name = unquoted(spelled);
                if let Some(frame) = frames.last_mut() {
                    frame.member = member(&frame.places, &name, rules);
                }
                string(spelled, &name, &text_of, &mut out);
            }
            Token::Open | Token::Text | Token::Scalar => {
                let (masked, places) = match frames.last_mut() {
                    None => (None, roots(rules)),
                    Some(frame) => frame.next_value(rules),
                };
                match (masked, token) {
                    (Some(rule), _) => {
                        count(rule);
                        quote(MASK, &mut out);
                        if token == Token::Open {
                            skip(&mut scanner)?;
                        }
                    }
                    (None, Token::Open) => {
                        let elements = (spelled == "[").then_some(0);
                        let is_batch = frames.is_empty() && elements.is_some();
                        frames.push(Frame { places, elements, is_batch, member: (None, Vec::new()) });
                        out.push_str(spelled);
                    }
                    (None, Token::Text) => string(spelled, &unquoted(spelled), &text_of, &mut out),
                    (None, _) if text_of(spelled) == spelled => out.push_str(spelled),
                    (None, _) => quote(MASK, &mut out),
                }
            }
        }
    }
    Ok(out)
}

impl Frame {
    /// The rule that masks the next value, and where it stands.
    fn next_value(&mut self, rules: &Rules) -> (Option<usize>, Places) {
        match &mut self.elements {
            None => std::mem::take(&mut self.member),
            Some(_) if self.is_batch => (None, roots(rules)),
            Some(count) => {
                let child = Child::Element(*count);
                *count += 1;
                let mut places = Vec::new();
                let masked = advance(&self.places, child, rules, &mut places);
                (masked, places)
            }
        }
    }
}

fn roots(rules: &Rules) -> Places {
    (0..rules.paths.len()).map(|path| (path, 0)).collect()
}

fn member(from: &Places, name: &str, rules: &Rules) -> (Option<usize>, Places) {
    let mut places = Vec::new();
    let by_path = advance(from, Child::Member(name), rules, &mut places);
    (rules.key(name).or(by_path), places)
}

/// Takes a step of every path. Returns the rule of one that ends there.
fn advance(from: &Places, child: Child<'_>, rules: &Rules, places: &mut Places) -> Option<usize> {
    let mut found = None;
    let mut on = Vec::new();
    for (number, place) in from {
        let Some((path, rule)) = rules.paths.get(*number) else { continue };
        on.clear();
        if path.advance(*place, child, &mut on) {
            found = found.or(Some(*rule));
        }
        places.extend(on.iter().map(|place| (*number, *place)));
    }
    // `$..*..*` comes to a place in several ways.
    places.sort_unstable();
    places.dedup();
    found
}

/// Reads to the end of a container that was opened.
fn skip(scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
    let depth = scanner.depth();
    while scanner.depth() >= depth {
        scanner.next().ok_or(Malformed)??;
    }
    Ok(())
}

/// Copies a string as it is spelled, unless something in it is masked.
fn string(spelled: &str, text: &str, text_of: &impl for<'a> Fn(&'a str) -> Cow<'a, str>, out: &mut String) {
    match text_of(text) {
        masked if masked == text => out.push_str(spelled),
        masked => quote(&masked, out),
    }
}

fn quote(text: &str, out: &mut String) {
    let mut quoted = Vec::new();
    // A buffer takes everything, and what is written is UTF-8.
    let _ = json::write_string(&mut quoted, text);
    out.push_str(&String::from_utf8(quoted).unwrap_or_default());
}
