//! Pages: as many rows as fit, and a cursor for the next ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::text;

/// Bytes of an answer if the question names no limit: about 6000 tokens.
const BYTES: usize = 24_000;

/// Limits that a question may name.
const LEAST_BYTES: usize = 2_000;
const MOST_BYTES: usize = 200_000;

/// Rows of a page if the question names no limit, and at most.
const ROWS: usize = 20;
const MOST_ROWS: usize = 200;

/// How much of an answer is wanted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    /// Rows of a page, 1 to 200 (default 20)
    pub(super) limit: Option<usize>,
    /// The `next_cursor` of the page before. All other arguments stay as they were
    pub(super) cursor: Option<String>,
    /// Bytes of the text of an answer, and of its structure, 2000 to 200000 (default 24000)
    pub(super) max_bytes: Option<usize>,
}

/// Returns the limit of a list in rows.
pub(super) fn rows(wanted: Option<usize>) -> usize {
    wanted.unwrap_or(ROWS).clamp(1, MOST_ROWS)
}

/// Returns the limit of an answer in bytes.
pub(super) fn bytes(wanted: Option<usize>) -> usize {
    wanted.unwrap_or(BYTES).clamp(LEAST_BYTES, MOST_BYTES)
}

/// Bytes of text and of structure: of a part of an answer, or what is left for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    text: usize,
    structure: usize,
}

impl Size {
    /// Returns the limit of an answer, as [`bytes()`].
    pub(super) fn limit(wanted: Option<usize>) -> Self {
        let bytes = bytes(wanted);
        Self { text: bytes, structure: bytes }
    }

    /// Returns the size of a text and of a structure, with the comma after it.
    pub(super) fn of(text: &str, structure: &impl Serialize) -> Self {
        // A structure of text and numbers can be written.
        let json = serde_json::to_vec(structure).map_or(0, |json| json.len());
        Self { text: text.len(), structure: json + 1 }
    }

    /// Returns the sum of both.
    pub(super) fn plus(self, other: Self) -> Self {
        Self { text: self.text + other.text, structure: self.structure + other.structure }
    }

    /// Returns what is left without `other`.
    pub(super) fn minus(self, other: Self) -> Self {
        let text = self.text.saturating_sub(other.text);
        Self { text, structure: self.structure.saturating_sub(other.structure) }
    }

    /// Returns one of `parts` equal parts.
    pub(super) fn part(self, parts: usize) -> Self {
        let parts = parts.max(1);
        Self { text: self.text / parts, structure: self.structure / parts }
    }

    /// Whether `other` fits into this.
    pub(super) fn holds(self, other: Self) -> bool {
        other.text <= self.text && other.structure <= self.structure
    }
}

/// What of a list is in an answer.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub(super) struct Paging {
    /// Rows in this answer
    pub(super) returned: usize,
    /// Rows in all
    pub(super) total: usize,
    /// Rows after this page
    pub(super) left_out: usize,
    /// Argument `cursor` for the next page; null on the last
    pub(super) next_cursor: Option<String>,
}

impl Paging {
    /// Says in words what is left out.
    pub(super) fn describe(&self, noun: &str) -> String {
        let Self { returned, total, left_out, next_cursor } = self;
        match next_cursor {
            None => format!("{returned} of {total} {noun}; no more follow"),
            Some(cursor) => {
                format!(
                    "{returned} of {total} {noun}; {left_out} more follow: repeat the call with cursor \"{cursor}\""
                )
            }
        }
    }
}

/// A cursor: a position in a list, and a hash of the question that it belongs to.
pub(super) fn cursor(position: u64, question: &str) -> String {
    format!("{position}-{:x}", text::hash(question) & 0xffff_ffff)
}

/// Returns the position of a cursor; 0 without one.
///
/// # Errors
/// It is no cursor, or belongs to another question.
pub(super) fn position(given: Option<&str>, question: &str) -> Result<u64, String> {
    let Some(given) = given else { return Ok(0) };
    let position = given.split_once('-').and_then(|(position, _)| position.parse().ok());
    match position.filter(|position| cursor(*position, question) == given) {
        Some(position) => Ok(position),
        None => Err("this cursor belongs to other arguments: repeat those that it came with".to_owned()),
    }
}

/// Takes rows while there is room: for text and structure each.
pub(super) struct Filling<R> {
    rows: Vec<R>,
    text: String,
    left: Size,
    rows_left: usize,
    /// Whether the first row is added though it has no room.
    is_never_empty: bool,
}

impl<R: Serialize> Filling<R> {
    /// Creates an empty page, whose first row always has room.
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self { is_never_empty: true, ..Self::within(Size::limit(wanted.max_bytes), rows(wanted.limit)) }
    }

    /// Creates an empty list of at most `rows` rows within `left`, in which a row may have no room.
    pub(super) fn within(left: Size, rows: usize) -> Self {
        Self { rows: Vec::new(), text: String::new(), left, rows_left: rows, is_never_empty: false }
    }

    /// Adds a row and its text, which ends in a line end. Returns false if there is no room for it.
    pub(super) fn push(&mut self, row: R, text: &str) -> bool {
        self.push_with(row, text, Size::default())
    }

    /// Adds a row that takes `beside` elsewhere in the answer.
    pub(super) fn push_with(&mut self, row: R, text: &str, beside: Size) -> bool {
        let size = Size::of(text, &row).plus(beside);
        let has_room = self.left.holds(size) || self.is_never_empty && self.rows.is_empty();
        if self.rows_left == 0 || !has_room {
            return false;
        }
        self.left = self.left.minus(size);
        self.rows_left -= 1;
        self.text.push_str(text);
        self.rows.push(row);
        true
    }

    /// Returns the rows and their text.
    pub(super) fn finish(self) -> (Vec<R>, String) {
        (self.rows, self.text)
    }
}

/// Makes a page of a list: the rows from the cursor's position on that fit.
///
/// # Errors
/// As [`position`].
pub(super) fn page<T, R: Serialize>(
    list: &[T],
    wanted: &Wanted,
    question: &str,
    row: impl Fn(&T) -> (R, String),
) -> Result<(Vec<R>, String, Paging), String> {
    page_with(list, wanted, question, |item| {
        let (row, text) = row(item);
        (row, text, Size::default())
    })
}

/// Makes a page of rows that take more elsewhere in the answer: the third value of `row`.
///
/// # Errors
/// As [`position`].
pub(super) fn page_with<T, R: Serialize>(
    list: &[T],
    wanted: &Wanted,
    question: &str,
    mut row: impl FnMut(&T) -> (R, String, Size),
) -> Result<(Vec<R>, String, Paging), String> {
    let start = position(wanted.cursor.as_deref(), question)?;
    let start = usize::try_from(start).unwrap_or(usize::MAX).min(list.len());
    let mut filling = Filling::new(wanted);
    for item in list.iter().skip(start) {
        let (row, text, beside) = row(item);
        if !filling.push_with(row, &text, beside) {
            break;
        }
    }
    let (rows, text) = filling.finish();
    let end = start + rows.len();
    let left_out = list.len() - end;
    let next_cursor = (left_out > 0).then(|| cursor(end as u64, question));
    Ok((rows, text, Paging { returned: end - start, total: list.len(), left_out, next_cursor }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_a_list_once() {
        let list: Vec<u32> = (0..57).collect();
        let mut wanted = Wanted { limit: Some(10), ..Wanted::default() };
        let mut seen = Vec::new();
        loop {
            let (rows, text, paging) =
                page(&list, &wanted, "q", |item| (*item, format!("{item}\n"))).unwrap();
            assert_eq!((rows.len(), text.lines().count()), (paging.returned, paging.returned));
            assert_eq!((paging.total, paging.left_out), (57, 57 - seen.len() - rows.len()));
            seen.extend(rows);
            wanted.cursor = paging.next_cursor;
            if wanted.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, list);
    }

    #[test]
    fn a_page_is_bounded_and_never_empty() {
        let list = vec!["x".repeat(3_000); 9];
        let wanted = Wanted { max_bytes: Some(1), ..Wanted::default() };
        let row = |item: &String| (item.clone(), format!("{item}\n"));
        assert_eq!(page(&list, &wanted, "q", row).unwrap().0.len(), 1);
        let wanted = Wanted { max_bytes: Some(10_000), ..Wanted::default() };
        assert_eq!(page(&list, &wanted, "q", row).unwrap().0.len(), 3);
    }

    #[test]
    fn what_a_row_takes_elsewhere_is_counted() {
        let list = vec!["x".repeat(500); 9];
        let wanted = Wanted { max_bytes: Some(3_000), ..Wanted::default() };
        let row = |item: &String| (item.clone(), format!("{item}\n"), Size { text: 600, structure: 0 });
        assert_eq!(page_with(&list, &wanted, "q", row).unwrap().0.len(), 2);
        let row = |item: &String| (item.clone(), format!("{item}\n"), Size { text: 0, structure: 250 });
        assert_eq!(page_with(&list, &wanted, "q", row).unwrap().0.len(), 3);
    }

    #[test]
    fn a_list_within_a_limit_may_be_empty() {
        let mut list = Filling::within(Size::limit(Some(2_000)).part(4), 3);
        assert!(!list.push("x".repeat(500), ""));
        assert!((0..3).all(|row| list.push(row.to_string(), "")) && !list.push(String::new(), ""));
    }

    #[test]
    fn a_cursor_of_another_question_is_refused() {
        assert_eq!(position(Some(&cursor(7, "a")), "a"), Ok(7));
        for wrong in [cursor(7, "b"), "7".to_owned(), "x-1".to_owned(), String::new()] {
            assert!(position(Some(&wrong), "a").is_err(), "{wrong}");
        }
    }
}
