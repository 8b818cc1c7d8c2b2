//! What is odd, wrong or slow: by severity, with count; one opened shows what, where, why it matters.

use ratatui::layout::Rect;

use super::board::{Board, Row, Target};
use super::{View, ViewName};
use crate::base::{Code, Finding, Severity};
use crate::ledger::FindingRow;
use crate::tui::action::Action;
use crate::tui::effect::{Copies, Effect};
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::{Cell, Column};
use crate::tui::theme::Role;
use crate::tui::world::World;

const COLUMNS: [Column; 4] = [
    Column::new("Severity", 9),
    Column::new("Count", 7).right(),
    Column::new("Code", 26),
    Column::new("What it means", 24).grows(),
];

/// The view of the findings.
#[derive(Debug, Default)]
pub(in crate::tui) struct Findings {
    board: Board,
    /// The codes in the order of the rows, for [`Target::Own`].
    codes: Vec<Code>,
    /// The code whose findings are shown.
    opened: Option<Code>,
}

impl View for Findings {
    fn name(&self) -> ViewName {
        ViewName::Findings
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        if self.board.len() == 0 {
            let text = "nothing was noticed so far";
            let at = (area.x + area.width.saturating_sub(26) / 2, area.y + area.height / 3).into();
            pen.text(at, area.width, Role::Good, text);
            return;
        }
        self.board.draw(area, &COLUMNS, pen);
    }

    fn act(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        if action == Action::Back {
            self.opened.take()?;
            self.refresh(world);
            return Some(Vec::new());
        }
        if let (Action::Open, Target::Own(index)) = (action, self.board.target()) {
            let code = self.codes.get(index).copied();
            self.opened = if self.opened == code { None } else { code };
            self.refresh(world);
            return Some(Vec::new());
        }
        self.board.act(action, seen)
    }

    fn click(&mut self, hit: Hit, _: &mut World, _: &FrameInfo) -> Vec<Effect> {
        self.board.click(hit);
        Vec::new()
    }

    fn wheel(&mut self, _: Pane, down: bool, _: &mut World, seen: &FrameInfo) {
        self.board.wheel(down, seen);
    }

    fn refresh(&mut self, world: &mut World) {
        let mut rows = Vec::new();
        self.codes = world.summary.findings.iter().map(|row| row.code).collect();
        for (index, row) in world.summary.findings.iter().enumerate() {
            rows.push(head(row, index));
            if self.opened == Some(row.code) {
                rows.extend(inside(row));
            }
        }
        self.board.set(rows);
    }

    fn copies(&self, world: &mut World) -> Copies {
        let Some(finding) = self.selected(world) else { return Copies::default() };
        let copies =
            Copies::default().with('t', "text", format!("{}: {}", finding.code.name(), finding.detail));
        match finding.at {
            Some(at) => copies.with('w', "Wireshark filter", format!("frame.number == {}", at.packet)),
            None => copies,
        }
    }

    fn status(&self, world: &World) -> String {
        let all: u64 = world.summary.findings.iter().map(|row| row.count).sum();
        let bad = |row: &&FindingRow| row.code.severity() >= Severity::Warning;
        let bad: u64 = world.summary.findings.iter().filter(bad).map(|row| row.count).sum();
        format!("{all} findings, {bad} of them warnings or errors")
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "Each line is a kind of finding, the worst first: error, warning, notice, info. Enter shows",
            "what can be done about it and the first hundred of its kind, each with its packet; enter on",
            "one of these opens the exchange that it is about, where it is about one.",
        ]
    }
}

impl Findings {
    /// The finding of the selected row, where it is one.
    fn selected<'w>(&self, world: &'w World) -> Option<&'w Finding> {
        let code = self.opened?;
        let at = self.codes.iter().position(|known| *known == code)?;
        let row = world.summary.findings.get(at)?;
        row.first.get(self.board.selected().checked_sub(at + 2)?)
    }
}

fn head(row: &FindingRow, index: usize) -> Row {
    let role = Role::of_severity(row.code.severity());
    let cells = vec![
        Cell::text(role, row.code.severity().name()),
        Cell::text(Role::Strong, row.count.to_string()),
        Cell::text(role, row.code.name()),
        Cell::text(Role::Text, row.code.info().meaning),
    ];
    Row { cells, target: Target::Own(index) }
}

/// What can be done, then the findings that were kept.
fn inside(row: &FindingRow) -> impl Iterator<Item = Row> + '_ {
    let remedy = vec![
        Cell::Empty,
        Cell::Empty,
        Cell::text(Role::Faint, "what to do"),
        Cell::text(Role::Title, row.code.info().remedy),
    ];
    let remedy = Row { cells: remedy, target: Target::Nothing };
    std::iter::once(remedy).chain(row.first.iter().map(|finding| {
        let place = finding.at.map_or("the capture".to_owned(), |at| format!("packet {}", at.packet));
        let mut whose = String::new();
        if let Some(session) = finding.session {
            whose.push_str(&format!("s{session} "));
        }
        if let Some(n) = finding.exchange {
            whose.push_str(&format!("#{n} "));
        }
        let cells = vec![
            Cell::Empty,
            Cell::Empty,
            Cell::text(Role::Faint, place),
            Cell::Parts(vec![(Role::Faint, whose.into()), (Role::Text, finding.detail.clone().into())]),
        ];
        Row { cells, target: finding.exchange.map_or(Target::Nothing, Target::Exchange) }
    }))
}
