//! HTML in which text from traffic cannot become markup.

use crate::base::sanitize;

/// A piece of HTML under construction.
///
/// Markup is `&'static str`: it comes from this program. Everything else goes through
/// [`Html::text`], which holds for content and for attribute values in quotation marks.
#[derive(Debug, Default)]
pub(super) struct Html {
    text: String,
}

impl Html {
    /// Appends markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Appends text, sanitized and escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        push_escaped(&sanitize::escape(&sanitize::redact(text)), &mut self.text);
        self
    }

    /// Appends the name of a file or an expression of the user: escaped, but not redacted.
    pub(super) fn own(&mut self, text: &str) -> &mut Self {
        push_escaped(&sanitize::escape(text), &mut self.text);
        self
    }

    /// Appends a number.
    pub(super) fn number(&mut self, number: impl Into<i128>) -> &mut Self {
        self.text.push_str(&number.into().to_string());
        self
    }

    /// Appends a cell of a table that is read by its digits.
    pub(super) fn number_cell(&mut self, text: &str) -> &mut Self {
        self.raw("<td class=\"n\">").text(text).raw("</td>")
    }

    /// Appends a cell with a number.
    pub(super) fn count_cell(&mut self, count: u64) -> &mut Self {
        self.raw("<td class=\"n\">").number(count).raw("</td>")
    }

    /// Appends a number of exchanges that failed: empty for 0.
    pub(super) fn failures_cell(&mut self, count: u64) -> &mut Self {
        match count {
            0 => self.raw("<td class=\"n\"></td>"),
            _ => self.raw("<td class=\"n bad\">").number(count).raw("</td>"),
        }
    }

    /// Appends a cell of text.
    pub(super) fn cell(&mut self, text: &str) -> &mut Self {
        self.raw("<td>").text(text).raw("</td>")
    }

    /// Appends a term and its description.
    pub(super) fn fact(&mut self, term: &'static str, text: &str) -> &mut Self {
        self.raw("<div><dt>").raw(term).raw("</dt><dd>").text(text).raw("</dd></div>")
    }

    /// Appends how many rows of a table are not shown, if some are not.
    pub(super) fn more(&mut self, all: u64, shown: usize) -> &mut Self {
        match all.saturating_sub(shown as u64) {
            0 => self,
            more => self
                .raw("<p class=\"more\">and ")
                .number(more)
                .raw(" more; <code>mcpdump report --format json</code> has all</p>"),
        }
    }

    /// Returns the HTML so far.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Appends text in which no character is markup, in content or in an attribute value in quotation
/// marks (WHATWG HTML section 13.3, serializing HTML fragments).
fn push_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        let mut html = Html::default();
        html.raw("<td title=\"").text("\"><script>alert('x')</script>&amp;\u{202e}").raw("\">");
        assert_eq!(
            html.as_str(),
            "<td title=\"&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;&lt;U+202E&gt;\">"
        );
    }

    #[test]
    fn credentials_are_masked() {
        let mut html = Html::default();
        html.text("https://joe:hunter2@example.com/?token=abc");
        assert!(!html.as_str().contains("hunter2") && !html.as_str().contains("abc"), "{}", html.as_str());
    }
}
