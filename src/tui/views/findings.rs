//! The findings: a row per code, the most severe first; below, what the selected code means and
//! where it was found.

use ratatui::layout::Rect;

use super::store_items;
use super::view::View;
use crate::base::{Code, Finding, Severity, sanitize, units};
use crate::ledger::FindingRow;
use crate::tui::action::{Action, KeyContext};
use crate::tui::effect::{Copies, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, SortKey, SortedList};
use crate::tui::table::{Cell, Column, First, Table};
use crate::tui::theme::{Role, Symbols};
use crate::tui::view_name::ViewName;

const COLUMNS: [Column; 4] = [
    Column::new("Severity", 10).sorts(First::Largest),
    Column::new("Count", 7).right().sorts(First::Largest),
    Column::new("Code", 26).sorts(First::Least),
    Column::new("What it means", 24).grows(),
];

const PLACES: [Column; 5] = [
    Column::new("Packet", 8).right(),
    Column::new("Time", 12),
    Column::new("Sess", 5),
    Column::new("Exch", 6).right(),
    Column::new("What was noticed", 24).grows(),
];

/// Minimum height of a pane: its header and two rows.
const LEAST: u16 = 3;

/// View of the findings.
#[derive(Debug)]
pub(in crate::tui) struct Findings {
    listing: SortedList<Code>,
    /// Position among the findings of the selected code.
    places: ListState,
    /// Code that `places` refers to.
    of: Option<Code>,
    /// Whether keys go to the findings of the selected code.
    below: bool,
}

impl Default for Findings {
    fn default() -> Self {
        Self { listing: SortedList::new(&COLUMNS), places: ListState::default(), of: None, below: false }
    }
}

impl View for Findings {
    fn name(&self) -> ViewName {
        ViewName::Findings
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let kinds = Kinds::of(model, painter.symbols());
        let Some(row) = self.row(model) else {
            let any = kinds.rows.len() < model.all().summary().findings.len();
            let (role, text) = match (any, model.has_ended()) {
                (true, _) => (Role::Faint, "nothing was noticed of what passes the filter; esc clears it"),
                (false, true) => (Role::Good, "nothing was noticed: no finding in this capture"),
                (false, false) => (Role::Good, "nothing was noticed so far"),
            };
            return store_items::say(&[text.to_owned()], role, area, painter);
        };
        let wanted = u16::try_from(self.listing.len() + 1).unwrap_or(u16::MAX);
        let above = Rect { height: wanted.clamp(LEAST, (area.height / 2).max(LEAST)), ..area };
        self.listing.draw(above, (&kinds, &COLUMNS), !self.below, painter);
        let below = Rect { y: above.bottom(), height: area.height.saturating_sub(above.height), ..area };
        self.draw_kind(model, row, below, painter);
    }

    fn act(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        match action {
            Action::Back if self.below => self.below = false,
            Action::NextPane => self.below = !self.below && self.listing.len() > 0,
            Action::Open if self.below => {
                let n = self.selected(model).and_then(|finding| finding.exchange);
                return Some(vec![n.map_or_else(|| Effect::Say(NO_EXCHANGE.to_owned()), Effect::Open)]);
            }
            Action::Open | Action::Right if self.listing.len() > 0 => self.below = true,
            Action::Left if self.below => self.below = false,
            _ if self.below => {
                let rows = self.row(model).map_or(0, |row| row.first.len());
                return self.places.act(action, frame.visible_rows(Pane::Detail), rows).then(Vec::new);
            }
            _ => {
                let kinds = Kinds::of(model, SYMBOLLESS);
                let moved = self.listing.act(action, &kinds, frame.visible_rows(Pane::List));
                self.settle(model);
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn click(&mut self, hit: Hit, model: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        if let Hit::Row(Pane::Detail, row) = hit {
            self.below = true;
            self.places.select(row, self.row(model).map_or(0, |row| row.first.len()));
        } else {
            self.below = false;
            self.listing.click(hit, Pane::List, &Kinds::of(model, SYMBOLLESS));
            self.settle(model);
        }
        Vec::new()
    }

    fn wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        if pane == Pane::Detail {
            let rows = self.row(model).map_or(0, |row| row.first.len());
            self.places.scroll(down, 3, frame.visible_rows(Pane::Detail), rows);
        } else {
            self.listing.wheel(down, &Kinds::of(model, SYMBOLLESS), frame.visible_rows(Pane::List));
            self.settle(model);
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        self.listing.refresh(&Kinds::of(model, SYMBOLLESS));
        self.settle(model);
    }

    fn narrows(&self) -> bool {
        true
    }

    fn knows(&self, action: Action) -> bool {
        match action {
            Action::Sort => !self.below,
            action => !matches!(action, Action::Follow | Action::Search | Action::Fold | Action::Bytes),
        }
    }

    fn key_context(&self) -> KeyContext {
        if self.below { KeyContext::Detail } else { KeyContext::List }
    }

    fn copies(&self, model: &mut Model) -> Copies {
        let Some(finding) = self.selected(model) else { return Copies::default() };
        let copies =
            Copies::default().with('t', "text", format!("{}: {}", finding.code.name(), finding.detail));
        match finding.at {
            Some(at) => copies.with('w', "Wireshark filter", format!("frame.number == {}", at.packet)),
            None => copies,
        }
    }

    fn status(&self, model: &Model) -> String {
        let rows = &model.totals().summary().findings;
        let count = |severity: Severity| -> u64 {
            rows.iter().filter(|row| row.code.severity() == severity).map(|row| row.count).sum()
        };
        let worst_first = [Severity::Error, Severity::Warning, Severity::Notice, Severity::Info];
        let counts = worst_first.map(|severity| (severity, count(severity)));
        let told = counts.into_iter().filter(|(_, count)| *count > 0).map(|(severity, count)| {
            if severity == Severity::Info {
                return format!("{count} info");
            }
            units::several(count, severity.name())
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() { "no finding".to_owned() } else { told.join(", ") }
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "Each line is a kind of finding, the worst first: error, warning, notice, info. Below is what the",
            "selected kind means, what can be done about it, and the first hundred of its kind with their",
            "packets. Enter goes there; enter again opens the exchange that a finding is about.",
            "",
            "With a filter: the findings about exchanges that pass it, and those about their sessions.",
        ]
    }
}

const NO_EXCHANGE: &str = "this finding is about no exchange";

impl Findings {
    /// Returns the selected row.
    fn row<'w>(&self, model: &'w Model) -> Option<&'w FindingRow> {
        model.totals().summary().findings.get(self.listing.selected()?)
    }

    /// Returns the selected finding of the selected code.
    fn selected<'w>(&self, model: &'w Model) -> Option<&'w Finding> {
        self.row(model)?.first.get(self.places.selected)
    }

    /// Starts at the first finding after another code was selected.
    fn settle(&mut self, model: &Model) {
        let row = self.row(model);
        let (of, rows) = (row.map(|row| row.code), row.map_or(0, |row| row.first.len()));
        if self.of != of {
            (self.of, self.places) = (of, ListState::default());
        }
        self.places.hold(rows);
        self.below &= rows > 0;
    }

    /// Draws the meaning of a code and its findings.
    fn draw_kind(&self, model: &Model, row: &FindingRow, area: Rect, painter: &mut Painter<'_>) {
        let info = row.code.info();
        painter.draw_rule(Rect { height: 1.min(area.height), ..area }, info.name);
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let mut y = area.y + 1;
        let role = Role::of(info.severity);
        let texts = [
            ("what  ", role, info.title),
            ("why   ", Role::Text, info.why),
            ("do    ", Role::Text, info.remedy),
        ];
        for (label, role, text) in texts {
            for (at, line) in wrap(text, usize::from(inner.width.saturating_sub(6))).into_iter().enumerate() {
                let place = Rect { y, height: 1, ..inner };
                if y + LEAST < area.bottom() {
                    let label = if at == 0 { label } else { "      " };
                    painter.draw_spans(place, &[(Role::Faint, label), (role, line)]);
                    y += 1;
                }
            }
        }
        let is_shown = self.below && !painter.is_private();
        let whole = self.selected(model).filter(|_| is_shown).map(|finding| finding.detail.as_str());
        let lines = whole.map_or_else(Vec::new, |text| wrap(text, inner.width.into()));
        // The selected finding is shown in full below if it does not fit into its row.
        let fits = lines.iter().map(|line| line.len()).sum::<usize>() + 40 < usize::from(inner.width);
        let most = (area.bottom().saturating_sub(y) / 3).saturating_sub(1);
        let foot = if fits || most == 0 { 0 } else { most.min(lines.len() as u16) + 1 };
        let table = Rect { y, height: area.bottom().saturating_sub(y + foot), ..area };
        self.draw_places(row, table, painter);
        if foot > 0 {
            let left = row.first.len() as u64;
            let title =
                if left < row.count { format!("the first {left} of {}", row.count) } else { String::new() };
            painter.draw_rule(Rect { y: table.bottom(), height: 1, ..area }, &title);
            for (y, line) in (table.bottom() + 1..area.bottom()).zip(lines) {
                painter.draw_spans(Rect { y, height: 1, ..inner }, &[(Role::Text, line)]);
            }
        }
    }

    fn draw_places(&self, row: &FindingRow, area: Rect, painter: &mut Painter<'_>) {
        let table = Table {
            columns: &PLACES,
            sorted: None,
            rows: row.first.len(),
            list: self.places,
            focused: self.below,
            pane: Pane::Detail,
        };
        let private = painter.is_private();
        table.draw(area, painter, |at| {
            row.first.get(at).map(|finding| place(finding, private)).unwrap_or_default()
        });
    }
}

/// The codes with findings, as list items.
struct Kinds<'w> {
    rows: &'w [FindingRow],
    version: u64,
    symbols: Option<Symbols>,
}

/// For lists that are not drawn.
const SYMBOLLESS: Option<Symbols> = None;

impl<'w> Kinds<'w> {
    fn of(model: &'w Model, symbols: impl Into<Option<Symbols>>) -> Self {
        let totals = model.totals();
        Self {
            rows: &totals.summary().findings,
            version: totals.version() ^ model.filter_version().rotate_left(1),
            symbols: symbols.into(),
        }
    }
}

impl Items for Kinds<'_> {
    type Id = Code;

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn id(&self, place: usize) -> Option<Code> {
        self.rows.get(place).map(|row| row.code)
    }

    fn sort_key(&self, place: usize, column: usize) -> SortKey {
        let Some(row) = self.rows.get(place) else { return SortKey::Missing };
        match column {
            // Within a severity, by count.
            0 => SortKey::count(((row.code.severity() as u64) << 40) + row.count.min((1 << 40) - 1)),
            1 => SortKey::count(row.count),
            _ => SortKey::text(row.code.name()),
        }
    }

    fn cells(&self, place: usize) -> Vec<Cell> {
        let Some(row) = self.rows.get(place) else { return Vec::new() };
        let severity = row.code.severity();
        let role = Role::of(severity);
        let symbol = self.symbols.map_or("", |symbols| match severity {
            Severity::Error => symbols.bad,
            Severity::Warning => symbols.flag,
            Severity::Notice | Severity::Info => symbols.dot,
        });
        vec![
            Cell::text(role, format!("{symbol} {}", severity.name())),
            Cell::text(Role::Strong, row.count.to_string()),
            Cell::text(role, row.code.name()),
            Cell::text(Role::Text, row.code.info().title),
        ]
    }
}

fn place(finding: &Finding, private: bool) -> Vec<Cell> {
    let or_none = |text: Option<String>| Cell::text(Role::Faint, text.unwrap_or_else(|| "-".to_owned()));
    let detail = if private { super::reader::MASK } else { finding.detail.as_str() };
    vec![
        or_none(finding.at.map(|at| at.packet.to_string())),
        or_none(finding.at.map(|at| units::time_of_day(at.time))),
        or_none(finding.session.map(|session| format!("s{session}"))),
        or_none(finding.exchange.map(|n| format!("#{n}"))),
        Cell::text(Role::Text, detail.to_owned()),
    ]
}

/// Splits text into lines between words; a word longer than a line is not split.
fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let (mut start, mut end) = (0, 0);
        for word in line.split_inclusive(' ') {
            let next = end + word.len();
            let whole = line.get(start..next).unwrap_or_default().trim_end();
            if sanitize::width(&sanitize::escape(whole)) > columns && end > start {
                lines.push(line.get(start..end).unwrap_or_default().trim_end());
                start = end;
            }
            end = next;
        }
        lines.push(line.get(start..).unwrap_or_default());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_between_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("one two three", 3), ["one", "two", "three"]);
        assert_eq!(wrap("a\nb", 9), ["a", "b"]);
        assert!(wrap("", 9).is_empty());
    }
}
