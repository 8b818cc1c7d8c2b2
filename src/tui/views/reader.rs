//! A document that is read: moved through, folded and searched.

use ratatui::layout::Rect;

use crate::base::harmless;
use crate::tui::action::Action;
use crate::tui::doc::Doc;
use crate::tui::effect::Effect;
use crate::tui::list::List;
use crate::tui::pen::{Hit, Pane, Pen};
use crate::tui::table;
use crate::tui::theme::Role;

/// What a mask looks like.
pub(super) const MASK: &str = "***";

/// A document, where one stands in it, and what is searched for.
#[derive(Debug, Default)]
pub(super) struct Reader {
    doc: Doc,
    list: List,
    needle: String,
    /// The lines in which what is searched for was found.
    found: Vec<usize>,
}

impl Reader {
    /// Another document in the same place.
    pub(super) fn set(&mut self, doc: Doc) {
        self.doc = doc;
        self.found = self.doc.find(&self.needle);
        self.list.selected = self.list.selected.min(self.doc.rows().saturating_sub(1));
    }

    /// The text of the document as it is.
    pub(super) fn text(&self) -> &str {
        self.doc.text()
    }

    /// Moves, folds, goes on to what was found; `None` for what is no business of a document.
    pub(super) fn act(&mut self, action: Action, lines: usize) -> Option<Vec<Effect>> {
        match action {
            Action::Open | Action::Fold => {
                let Some(row) = self.doc.toggle(self.list.selected) else { return Some(vec![Effect::Bell]) };
                self.list.selected = row;
            }
            Action::FoldAll | Action::UnfoldAll => {
                let line = self.doc.line_of(self.list.selected);
                if action == Action::FoldAll {
                    self.doc.fold_all();
                } else {
                    self.doc.unfold_all();
                }
                self.list.selected = self.doc.row_near(line);
            }
            Action::NextFound | Action::PreviousFound => {
                return Some(self.go_on(action == Action::NextFound));
            }
            _ => return self.list.act(action, lines, self.doc.rows()).then(Vec::new),
        }
        Some(Vec::new())
    }

    /// A row was clicked: a click on the selected one folds it.
    pub(super) fn click(&mut self, row: usize) {
        if row == self.list.selected {
            // Elsewhere than at a bracket nothing is to be done.
            self.list.selected = self.doc.toggle(row).unwrap_or(row);
        } else {
            self.list.selected = row.min(self.doc.rows().saturating_sub(1));
        }
    }

    pub(super) fn wheel(&mut self, down: bool, lines: usize) {
        self.list.scroll(down, 3, lines, self.doc.rows());
    }

    /// Looks for text from now on, and goes to the next place. Says how many lines have it.
    pub(super) fn search(&mut self, text: &str) -> usize {
        text.clone_into(&mut self.needle);
        self.found = self.doc.find(text);
        let from = self.doc.line_of(self.list.selected);
        if let Some(line) = self.found.iter().find(|line| **line >= from).or(self.found.first()) {
            self.list.selected = self.doc.reveal(*line);
        }
        self.found.len()
    }

    fn go_on(&mut self, next: bool) -> Vec<Effect> {
        let from = self.doc.line_of(self.list.selected);
        let to = if next {
            self.found.iter().find(|line| **line > from).or(self.found.first())
        } else {
            self.found.iter().rev().find(|line| **line < from).or(self.found.last())
        };
        let Some(line) = to.copied() else { return vec![Effect::Bell] };
        self.list.selected = self.doc.reveal(line);
        let at = self.found.iter().position(|found| *found == line).unwrap_or(0) + 1;
        vec![Effect::Say(format!("{at} of {}", self.found.len()))]
    }

    /// Draws it into `area`; `empty` is said where there is nothing to read.
    pub(super) fn draw(&self, area: Rect, focused: bool, empty: &str, pen: &mut Pen<'_>) {
        let rows = self.doc.rows();
        if rows == 0 {
            pen.line(area, &[(Role::Faint, empty)]);
            return;
        }
        let mask = pen.world.private.then_some(MASK);
        let value = if mask.is_none() { self.doc.value(self.list.selected) } else { String::new() };
        let lines = wrapped(&value, area);
        let body = Rect { height: area.height - lines.len() as u16, ..area };
        pen.pane(Pane::Detail, body);
        let top = self.list.top(body.height.into(), rows);
        let [open, folded] = { pen.symbols().fold };
        for (y, row) in (body.y..body.bottom()).zip(top..rows) {
            let line = Rect { y, height: 1, ..body };
            let sign = match self.doc.fold_of(row) {
                Some(true) => open,
                Some(false) => folded,
                None => " ",
            };
            let parts = self.doc.row(row, mask, &self.needle);
            let mut shown: Vec<(Role, &str)> =
                vec![(Role::Faint, " "), (Role::Border, sign), (Role::Faint, " ")];
            shown.extend(parts.iter().map(|(role, text)| (*role, text.as_str())));
            pen.line(Rect { width: line.width.saturating_sub(1), ..line }, &shown);
            if row == self.list.selected {
                pen.wash(line, if focused { Role::Selected } else { Role::Text });
            }
            pen.hit(line, Hit::Row(Pane::Detail, row));
        }
        table::scroll_bar(pen, body, top, rows);
        // A value that is longer than its line stands below, whole.
        for (y, text) in (body.bottom()..area.bottom()).zip(&lines) {
            let line = Rect { y, height: 1, ..area };
            match text {
                None => pen.rule(line, "value"),
                Some(text) => drop(pen.line(line, &[(Role::JsonString, text)])),
            }
        }
    }
}

/// The lines of a value that does not fit into one, at most a third of the area, below a rule (`None`).
fn wrapped(value: &str, area: Rect) -> Vec<Option<String>> {
    let columns = usize::from(area.width.saturating_sub(2)).max(1);
    let most = usize::from(area.height / 3).saturating_sub(1);
    let shortest = columns.saturating_sub(24);
    if value.len() <= shortest && !value.contains('\n') || most == 0 {
        return Vec::new();
    }
    let mut lines = vec![None];
    for text in value.lines() {
        let mut rest = text;
        loop {
            if lines.len() > most {
                return lines;
            }
            let mut used = 0;
            let end = rest
                .char_indices()
                .find(|(_, c)| {
                    let mut bytes = [0; 4];
                    used += harmless::width(&harmless::harmless(c.encode_utf8(&mut bytes)));
                    used > columns
                })
                .map_or(rest.len(), |(at, _)| at);
            let (front, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            lines.push(Some(front.to_owned()));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
    }
    lines
}
