//! The findings: a row per code, the most severe first; below, what the selected code means and
//! where it was found.

use ratatui::layout::Rect;

use super::view::View;
use super::wrap::wrap_words;
use super::{empty, format, wireshark};
use crate::base::{Code, Finding, Severity, units};
use crate::ledger::FindingRow;
use crate::tui::action::{Action, KeyContext};
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::list_state::ListState;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, ListLayout, SortKey, SortedList};
use crate::tui::table::{Cell, Column, First, Table};
use crate::tui::theme::MASK;
use crate::tui::theme::{Role, Symbols};
use crate::tui::view_name::ViewName;

const COLUMNS: [Column; 4] = [
    Column::new("Severity", 10).sorts(First::Largest),
    Column::new("Count", 7).right().sorts(First::Largest),
    Column::new("Code", 26).sorts(First::Least),
    Column::new("What it means", 24).grows(),
];

const FINDING_COLUMNS: [Column; 5] = [
    Column::new("Packet", 8).right(),
    Column::new("Time", 12),
    Column::new("Sess", 5),
    Column::new("Exch", 6).right(),
    Column::new("Detail", 24).grows(),
];

/// Minimum height of a pane: its header and two rows.
const MIN_PANE_HEIGHT: u16 = 3;

/// View of the findings.
#[derive(Debug)]
pub(super) struct Findings {
    list: SortedList<Code>,
    /// Position among the findings of the selected code.
    findings: ListState,
    /// Code that `findings` refers to.
    findings_of: Option<Code>,
    /// Whether keys go to the findings of the selected code.
    is_below: bool,
}

impl View for Findings {
    fn new(_: &Config, _: &Model) -> Self {
        Self {
            list: SortedList::new(&COLUMNS),
            findings: ListState::default(),
            findings_of: None,
            is_below: false,
        }
    }

    fn name(&self) -> ViewName {
        ViewName::Findings
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let items = CodeItems::of(model, painter.symbols());
        let Some(row) = self.row(model) else {
            let any = items.rows.len() < model.all().summary().findings.len();
            let (role, text) = match (any, model.has_ended()) {
                (true, _) => (Role::Faint, "no finding matches the filter; esc clears it"),
                (false, true) => (Role::Good, "no findings in this capture"),
                (false, false) => (Role::Good, "no findings so far"),
            };
            return empty::draw_lines(&[text.to_owned()], role, area, painter);
        };
        let wanted = u16::try_from(self.list.len() + 1).unwrap_or(u16::MAX);
        let above =
            Rect { height: wanted.clamp(MIN_PANE_HEIGHT, (area.height / 2).max(MIN_PANE_HEIGHT)), ..area };
        let layout = ListLayout { columns: &COLUMNS, is_focused: !self.is_below };
        self.list.draw(&items, layout, above, painter);
        let below = Rect { y: above.bottom(), height: area.height.saturating_sub(above.height), ..area };
        self.draw_code(model, row, below, painter);
    }

    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        match action {
            Action::Back if self.is_below => self.is_below = false,
            Action::NextPane => self.is_below = !self.is_below && self.list.len() > 0,
            Action::Open if self.is_below => {
                return Some(vec![self.target(model)]);
            }
            Action::Open | Action::Right if self.list.len() > 0 => self.is_below = true,
            Action::Left if self.is_below => self.is_below = false,
            _ if self.is_below => {
                let rows = self.row(model).map_or(0, |row| row.first.len());
                return self
                    .findings
                    .handle_action(action, frame.visible_rows(Pane::Detail), rows)
                    .then(Vec::new);
            }
            _ => {
                let items = CodeItems::of(model, NO_SYMBOLS);
                let moved = self.list.handle_action(action, &items, frame.visible_rows(Pane::List));
                self.update_position(model);
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn handle_click(&mut self, hit: Hit, model: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        if let Hit::Row(Pane::Detail, row) = hit {
            self.is_below = true;
            self.findings.select(row, self.row(model).map_or(0, |row| row.first.len()));
        } else {
            self.is_below = false;
            self.list.handle_click(hit, Pane::List, &CodeItems::of(model, NO_SYMBOLS));
            self.update_position(model);
        }
        Vec::new()
    }

    fn handle_wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        if pane == Pane::Detail {
            let rows = self.row(model).map_or(0, |row| row.first.len());
            self.findings.scroll(down, 3, frame.visible_rows(Pane::Detail), rows);
        } else {
            self.list.handle_wheel(down, &CodeItems::of(model, NO_SYMBOLS), frame.visible_rows(Pane::List));
            self.update_position(model);
        }
    }

    fn refresh(&mut self, model: &mut Model) {
        self.list.refresh(&CodeItems::of(model, NO_SYMBOLS));
        self.update_position(model);
    }

    fn uses_filter(&self) -> bool {
        true
    }

    fn supports(&self, action: Action) -> bool {
        match action {
            Action::Sort => !self.is_below,
            action => !matches!(action, Action::Follow | Action::Search | Action::Fold | Action::Bytes),
        }
    }

    fn key_context(&self) -> KeyContext {
        if self.is_below { KeyContext::Detail } else { KeyContext::List }
    }

    fn copy_menu(&self, model: &mut Model) -> CopyMenu {
        let Some(finding) = self.selected(model) else { return CopyMenu::default() };
        let menu =
            CopyMenu::default().with('t', "text", format!("{}: {}", finding.code.name(), finding.detail));
        match finding.at {
            Some(at) => wireshark::packet(at.packet, model.files()).in_menu(menu, 'w', "Wireshark filter"),
            None => menu,
        }
    }

    fn status(&self, model: &Model) -> String {
        let rows = &model.totals().summary().findings;
        let count = |severity: Severity| -> u64 {
            rows.iter().filter(|row| row.code.severity() == severity).map(|row| row.count).sum()
        };
        let worst_first = [Severity::Error, Severity::Warning, Severity::Notice, Severity::Info];
        let counts = worst_first.map(|severity| (severity, count(severity)));
        let counts = counts.into_iter().filter(|(_, count)| *count > 0).map(|(severity, count)| {
            if severity == Severity::Info {
                return format!("{count} info");
            }
            units::several(count, severity.name())
        });
        let counts: Vec<String> = counts.collect();
        if counts.is_empty() { "no finding".to_owned() } else { counts.join(", ") }
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "A row is a kind of finding, the most severe first: error, warning, notice, info. Below is what the",
            "selected kind means, what to do about it, and the first hundred findings with their packets.",
            "Enter goes to them; enter again opens the exchange of the selected finding, or else the head,",
            "body or event in its packet, or else shows its connection.",
            "",
            "With a filter: findings of the exchanges that match it and of their sessions.",
        ]
    }
}

impl Findings {
    /// What the selected finding is about: its exchange, else what its packet carries, else its
    /// connection.
    fn target(&self, model: &mut Model) -> Effect {
        let Some(finding) = self.selected(model) else { return Effect::Bell };
        if let Some(n) = finding.exchange {
            return Effect::OpenExchange(n);
        }
        let Some(tcp_stream) = finding.tcp_stream else {
            return Effect::ShowMessage(
                "this finding is about the capture, not about a connection".to_owned(),
            );
        };
        let Some(at) = finding.at else { return Effect::ShowConnection(tcp_stream) };
        match model.store_mut().transaction_at(tcp_stream, at.packet) {
            Ok(Some(_)) => Effect::OpenPacket(tcp_stream, at.packet),
            Ok(None) if model.matching().is_some_and(|matching| !matching.has_connection(tcp_stream)) => {
                let connection = model.files().connection(tcp_stream, at.packet);
                Effect::ShowMessage(format!("the filter hides connection {connection}"))
            }
            Ok(None) => Effect::ShowConnection(tcp_stream),
            Err(error) => Effect::ShowMessage(format!("its bytes could not be stored: {error}")),
        }
    }

    /// Returns the selected row.
    fn row<'m>(&self, model: &'m Model) -> Option<&'m FindingRow> {
        model.totals().summary().findings.get(self.list.selected()?)
    }

    /// Returns the selected finding of the selected code.
    fn selected<'m>(&self, model: &'m Model) -> Option<&'m Finding> {
        self.row(model)?.first.get(self.findings.selected)
    }

    /// Starts at the first finding after another code was selected.
    fn update_position(&mut self, model: &Model) {
        let row = self.row(model);
        let (of, rows) = (row.map(|row| row.code), row.map_or(0, |row| row.first.len()));
        if self.findings_of != of {
            (self.findings_of, self.findings) = (of, ListState::default());
        }
        self.findings.clamp_to(rows);
        self.is_below &= rows > 0;
    }

    /// Draws the meaning of a code and its findings.
    fn draw_code(&self, model: &Model, row: &FindingRow, area: Rect, painter: &mut Painter<'_>) {
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
            for (at, line) in
                wrap_words(text, usize::from(inner.width.saturating_sub(6))).into_iter().enumerate()
            {
                let place = Rect { y, height: 1, ..inner };
                if y + MIN_PANE_HEIGHT < area.bottom() {
                    let label = if at == 0 { label } else { "      " };
                    painter.draw_spans(place, &[(Role::Faint, label), (role, line)]);
                    y += 1;
                }
            }
        }
        let is_shown = self.is_below && !painter.is_private();
        let lines = match self.selected(model) {
            Some(finding) if is_shown => wrap_words(&finding.detail, inner.width.into()),
            _ => Vec::new(),
        };
        // The selected finding is shown in full below if it does not fit into its row.
        let fits = lines.iter().map(|line| line.len()).sum::<usize>() + 40 < usize::from(inner.width);
        let most = (area.bottom().saturating_sub(y) / 3).saturating_sub(1);
        let foot = if fits || most == 0 { 0 } else { most.min(lines.len() as u16) + 1 };
        let table = Rect { y, height: area.bottom().saturating_sub(y + foot), ..area };
        self.draw_findings(model, row, table, painter);
        if foot > 0 {
            let left: u64 = row.first.iter().map(|finding| finding.count).sum();
            let title =
                if left < row.count { format!("the first {left} of {}", row.count) } else { String::new() };
            painter.draw_rule(Rect { y: table.bottom(), height: 1, ..area }, &title);
            for (y, line) in (table.bottom() + 1..area.bottom()).zip(lines) {
                painter.draw_spans(Rect { y, height: 1, ..inner }, &[(Role::Text, line)]);
            }
        }
    }

    fn draw_findings(&self, model: &Model, row: &FindingRow, area: Rect, painter: &mut Painter<'_>) {
        let mut columns = FINDING_COLUMNS;
        columns[0].width += format::file_width(model.files());
        let table = Table {
            columns: &columns,
            sorted: None,
            rows: row.first.len(),
            list: self.findings,
            focused: self.is_below,
            pane: Pane::Detail,
        };
        let private = painter.is_private();
        table.draw(area, painter, |at| {
            row.first.get(at).map(|finding| finding_cells(finding, private, model)).unwrap_or_default()
        });
    }
}

/// The codes with findings, as list items.
struct CodeItems<'m> {
    rows: &'m [FindingRow],
    version: u64,
    /// [`Model::filter_version`].
    filter_version: u64,
    symbols: Option<Symbols>,
}

/// For lists that are not drawn.
const NO_SYMBOLS: Option<Symbols> = None;

impl<'m> CodeItems<'m> {
    fn of(model: &'m Model, symbols: impl Into<Option<Symbols>>) -> Self {
        let totals = model.totals();
        Self {
            rows: &totals.summary().findings,
            version: totals.version(),
            filter_version: model.filter_version(),
            symbols: symbols.into(),
        }
    }
}

impl Items for CodeItems<'_> {
    type Id = Code;

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// Another filter selects other totals, whose versions are counted on their own.
    fn settled_version(&self) -> u64 {
        self.filter_version
    }

    fn id_at(&self, index: usize) -> Option<Code> {
        self.rows.get(index).map(|row| row.code)
    }

    fn sort_key(&self, index: usize, column: usize) -> SortKey {
        let Some(row) = self.rows.get(index) else { return SortKey::Missing };
        match column {
            // Within a severity, by count.
            0 => SortKey::count(((row.code.severity() as u64) << 40) + row.count.min((1 << 40) - 1)),
            1 => SortKey::count(row.count),
            _ => SortKey::text(row.code.name()),
        }
    }

    fn cells(&self, index: usize) -> Vec<Cell> {
        let Some(row) = self.rows.get(index) else { return Vec::new() };
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

fn finding_cells(finding: &Finding, private: bool, model: &Model) -> Vec<Cell> {
    let or_none = |text: Option<String>| Cell::text(Role::Faint, text.unwrap_or_else(|| "-".to_owned()));
    let detail = if private { MASK } else { finding.detail.as_str() };
    vec![
        match finding.at {
            Some(at) => {
                let packet = model.files().packet(at.packet).to_string();
                format::numbers_cell(Role::Faint, packet, model.files())
            }
            None => or_none(None),
        },
        or_none(finding.at.map(|at| model.time_text(at.time))),
        or_none(finding.session.map(format::session_name)),
        or_none(finding.exchange.map(|n| format!("#{n}"))),
        Cell::text(Role::Text, detail.to_owned()),
    ]
}
