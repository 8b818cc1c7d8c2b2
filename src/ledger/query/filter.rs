//! A compiled filter.

use std::sync::Arc;

use super::contents::{Contents, Found, MAX_TESTS};
use super::error::Error;
use super::eval::Expr;
use super::parse;
use super::subject::Subject;
use crate::base::Files;
use crate::ledger::Views;

/// Compiled filter expression. Cloning it copies pointers.
#[derive(Clone, Debug)]
pub struct Filter {
    text: Arc<str>,
    /// `None` if the text is blank: every record matches.
    root: Option<Arc<Expr>>,
    contents: Contents,
    files: Files,
}

impl Default for Filter {
    /// Returns the filter that matches everything.
    fn default() -> Self {
        Self { text: "".into(), root: None, contents: Contents::default(), files: Files::default() }
    }
}

impl Filter {
    /// Compiles an expression. An empty or blank one matches everything.
    ///
    /// # Errors
    /// The text is not an expression, names an unknown field, or compares a field with a value that
    /// it cannot have. Its length, its nesting and its number of regexes are limited too. The error
    /// points at the character.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut root = parse::expression(text)?;
        let mut tests = Vec::new();
        if root.as_mut().is_some_and(|root| !root.number_contents(&mut tests)) {
            let error = Error::new(0, format!("more than {MAX_TESTS} tests of bodies and headers"));
            return Err(error.hint("combine them: body~'a|b'"));
        }
        Ok(Self {
            text: text.into(),
            root: root.map(Arc::new),
            contents: Contents(tests.into()),
            files: Files::default(),
        })
    }

    /// Sets the files of the records, for the fields `file` and `packet`.
    #[must_use]
    pub fn on_files(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// Returns the files of the records.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Returns the tests of the messages of an exchange. If there are some, exchanges have to be
    /// asked for with [`Filter::matches_with`].
    #[must_use]
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Whether the filter matches every record: its text is empty or blank.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether a record matches of whose payloads nothing is known: no test of contents finds
    /// something. Does not allocate.
    #[must_use]
    pub fn matches(&self, subject: Subject<'_>) -> bool {
        self.matches_with(subject, Found::NONE)
    }

    /// Whether a record matches, in whose payloads the tests of contents found `found`. Does not
    /// allocate.
    #[must_use]
    pub fn matches_with(&self, subject: Subject<'_>, found: Found) -> bool {
        self.root.as_ref().is_none_or(|root| root.matches(subject, found, &self.files))
    }

    /// Returns which views of a call count under the filter: all if it selects servers, sessions or
    /// addresses, because it may select the leg behind a proxy alone.
    #[must_use]
    pub fn views(&self) -> Views {
        let selects_legs = self.root.as_ref().is_some_and(|root| root.selects_legs());
        if selects_legs { Views::All } else { Views::Front }
    }

    /// Returns the text of a filter for records that match this one and `other`. This one is put in
    /// parentheses if it has to be.
    #[must_use]
    pub fn and(&self, other: &str) -> String {
        let text = self.text.trim();
        match self.root.as_deref() {
            None => other.to_owned(),
            Some(Expr::Or(_)) => format!("({text}) {other}"),
            Some(_) => format!("{text} {other}"),
        }
    }

    /// Returns the expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
