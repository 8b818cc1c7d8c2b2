//! Findings that do not fail the check: those of a baseline, and those that the user leaves out.
//!
//! Both are patterns, one a line: `CODE [METHOD [NAME]]`, where `*` stands for any text. Text after
//! `#` is a comment.

use std::fmt;
use std::str::FromStr;

/// The findings that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    code: Box<str>,
    /// `None`: any method, and findings about no call.
    method: Option<Box<str>>,
    /// `None`: any tool, prompt or resource.
    name: Option<Box<str>>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern(String);

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidPattern {}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let mut words = text.trim().splitn(3, ' ').map(str::trim).filter(|word| !word.is_empty());
        let code = words.next().unwrap_or_default();
        let is_code = code == "*" || code.contains('.');
        if !is_code {
            return Err(InvalidPattern(format!(
                "{text:?}: a pattern begins with a code, such as mcp.unanswered or sse.*"
            )));
        }
        Ok(Self {
            code: code.into(),
            method: words.next().map(Into::into),
            name: words.next().map(Into::into),
        })
    }
}

impl Pattern {
    /// Whether it covers a finding with this code about this call.
    #[must_use]
    pub fn covers(&self, code: &str, method: Option<&str>, name: Option<&str>) -> bool {
        let is_of = |pattern: &Option<Box<str>>, text: Option<&str>| match (pattern.as_deref(), text) {
            (None, _) => true,
            (Some(pattern), Some(text)) => matches(pattern, text),
            (Some(pattern), None) => pattern == "*",
        };
        matches(&self.code, code) && is_of(&self.method, method) && is_of(&self.name, name)
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// Parses the lines of a baseline.
///
/// # Errors
/// A line is no pattern; the message has its number.
pub fn parse_baseline(text: &str) -> Result<Vec<Pattern>, InvalidPattern> {
    let mut patterns = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            let pattern = line
                .parse()
                .map_err(|InvalidPattern(why)| InvalidPattern(format!("line {}: {why}", number + 1)))?;
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_names() {
        let call = (Some("tools/call"), Some("search the web"));
        for (pattern, code, (method, name), expected) in [
            ("mcp.unanswered", "mcp.unanswered", call, true),
            ("mcp.unanswered", "mcp.unanswered", (None, None), true),
            ("mcp.unanswered", "mcp.no_stream", call, false),
            ("mcp.*", "mcp.no_stream", call, true),
            ("*", "tcp.gap", (None, None), true),
            ("* tools/call", "mcp.no_stream", call, true),
            ("* tools/call", "mcp.no_stream", (None, None), false),
            ("mcp.unanswered tools/call search the web", "mcp.unanswered", call, true),
            ("mcp.unanswered tools/call search*", "mcp.unanswered", call, true),
            ("mcp.unanswered tools/call *e*b", "mcp.unanswered", call, true),
            ("mcp.unanswered tools/call search", "mcp.unanswered", call, false),
        ] {
            let parsed: Pattern = pattern.parse().unwrap();
            assert_eq!(parsed.covers(code, method, name), expected, "{pattern}");
        }
    }

    #[test]
    fn a_baseline_has_comments_and_empty_lines() {
        let text = "# known\n\nmcp.batch\n  tcp.gap  # the mirror port\n* tools/call slow\n";
        assert_eq!(parse_baseline(text).unwrap().len(), 3);
        let error = parse_baseline("mcp.batch\nnonsense\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2:"), "{error}");
    }

    proptest::proptest! {
        /// A text is covered by itself, and by any part of it between stars.
        #[test]
        fn stars_stand_for_any_text(text in "[a-c]{0,12}", from in 0usize..12, len in 0usize..12) {
            proptest::prop_assert!(matches(&text, &text));
            let part: String = text.chars().skip(from).take(len).collect();
            let pattern = format!("*{part}*");
            proptest::prop_assert!(matches(&pattern, &text));
        }
    }
}
