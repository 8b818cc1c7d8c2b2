//! A compiled filter.

use std::sync::Arc;

use super::error::Error;
use super::eval::Expr;
use super::parse;
use super::subject::Subject;
use crate::ledger::Views;

/// Compiled filter expression. Cloning it copies two pointers.
#[derive(Clone, Debug)]
pub struct Filter {
    text: Arc<str>,
    /// `None` if the text is blank: every record matches.
    root: Option<Arc<Expr>>,
}

impl Default for Filter {
    /// Returns the filter that matches everything.
    fn default() -> Self {
        Self { text: "".into(), root: None }
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
        Ok(Self { text: text.into(), root: parse::expression(text)?.map(Arc::new) })
    }

    /// Whether the filter matches every record: its text is empty or blank.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Whether a record matches. Does not allocate.
    #[must_use]
    pub fn matches(&self, subject: Subject<'_>) -> bool {
        self.root.as_ref().is_none_or(|root| root.matches(subject))
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
