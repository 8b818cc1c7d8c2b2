//! Drawing of an open exchange.

use ratatui::layout::{Position, Rect};

use crate::base::{sanitize, units};
use crate::ledger::Cause;
use crate::tui::frame_info::{Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::table;
use crate::tui::theme::MASK;
use crate::tui::theme::Role;
use crate::tui::views::format;
use crate::tui::views::wrap::wrap_columns;

use super::open_exchange::OpenExchange;
use super::tab::{Line, Tab};
use super::timeline::TimelineStage;
use super::{events, pages, parts, why};

/// Widths of the columns beside the bar of a timeline stage.
const NAME_WIDTH: u16 = 13;
const TIME_WIDTH: u16 = 10;
const PACKETS_WIDTH: u16 = 13;
/// The same for packets with the names of several files, at most.
const MAX_PACKETS_WIDTH: u16 = 40;

impl OpenExchange {
    /// Draws the exchange into `area`.
    pub(in super::super) fn draw(&self, model: &Model, area: Rect, focused: bool, painter: &mut Painter<'_>) {
        if area.height < 4 {
            return;
        }
        let line = |y| Rect { y, height: 1, ..area };
        self.draw_title(model, line(area.y), painter);
        self.draw_tabs(line(area.y + 1), focused, painter);
        let body = Rect { y: area.y + 2, height: area.height - 2, ..area };
        if let Some(failed) = &self.failed {
            painter.draw_spans(body, &[(Role::Bad, failed)]);
            return;
        }
        match self.tab {
            Tab::Timeline => self.draw_timeline(model, body, focused, painter),
            Tab::Request => self.request.draw(body, focused, "the request was not stored", painter),
            Tab::Response => self.response.draw(body, focused, "no response was captured", painter),
            Tab::Events => self.draw_events(body, focused, painter),
            _ => self.draw_page(body, focused, painter),
        }
    }

    /// Draws the list of events, or the open event.
    fn draw_events(&self, area: Rect, focused: bool, painter: &mut Painter<'_>) {
        let Some(event) = &self.event else { return self.draw_page(area, focused, painter) };
        painter.draw_rule(Rect { height: 1, ..area }, &event.title);
        let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        event.reader.draw(body, focused, "the event has no data", painter);
    }

    fn draw_title(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let exchange = &self.exchange;
        let cause = exchange.cause.map_or_else(String::new, |cause| {
            let at = format::ended_at(exchange, model.files());
            // The status says that it was cancelled.
            let is_said = cause == Cause::Cancelled && !self.is_open;
            let cause = if is_said { String::new() } else { format!(" {}", format::cause_text(cause)) };
            format!("{cause}{at}")
        });
        let (role, status, total) = if self.is_open {
            let since = format::pending_ns(exchange, model.now());
            let (role, status) =
                if cause.is_empty() { (Role::Pending, "pending") } else { (Role::Warn, cause.trim_start()) };
            (role, status.to_owned(), units::duration(since))
        } else {
            let waited = || exchange.waited_ns().map(|ns| format!("after {}", units::duration(ns)));
            let total = exchange.unanswered_ns().is_none().then(|| exchange.total_ns()).flatten();
            let total = total.map(units::duration).or_else(waited).unwrap_or_default();
            let symbol = painter.symbols().status(exchange.status);
            let answered = exchange.http_status.filter(|_| exchange.cause == Some(Cause::HttpError));
            let why = if answered.is_some() { "" } else { cause.as_str() };
            (
                Role::of(exchange),
                format!("{symbol} {}", format::status_text(exchange)),
                format!("{total}{why}"),
            )
        };
        let name = model.display_name(exchange).unwrap_or_default();
        let id = painter.mask(&exchange.id.json()).to_owned();
        let user = match exchange.asked.requests {
            0 => String::new(),
            _ => format!(", of it user {}", units::duration(exchange.asked.client_ns)),
        };
        let server = format!("  {}", format::server_name(exchange));
        let rest = format!(
            "  #{} id {id}, {}, {}{}",
            exchange.n,
            format::session_name(exchange.session.number),
            exchange.protocol_version.as_deref().unwrap_or("revision unknown"),
            format::protocols(&exchange.protocols).map(|text| format!(", {text}")).unwrap_or_default(),
        );
        painter.draw_spans(
            area,
            &[
                (Role::Text, &exchange.method),
                (Role::Text, " "),
                (Role::Strong, name),
                (Role::Text, "  "),
                (role, &status),
                (Role::Text, " "),
                (Role::Strong, &total),
                (Role::User, &user),
                (Role::Title, &server),
                (Role::Faint, &rest),
            ],
        );
    }

    fn draw_tabs(&self, area: Rect, focused: bool, painter: &mut Painter<'_>) {
        let mut x = area.x;
        for (index, (tab, title)) in Tab::ALL.into_iter().enumerate() {
            let role = match (tab == self.tab, focused) {
                (true, true) => Role::Selected,
                (true, false) => Role::Title,
                (false, _) => Role::Faint,
            };
            let room = area.right().saturating_sub(x);
            let columns = painter.draw_text(Position::new(x, area.y), room, role, &format!(" {title} "));
            painter.add_hit(Rect { x, width: columns, ..area }, Hit::Tab(index));
            x += columns;
        }
    }

    fn draw_timeline(&self, model: &Model, area: Rect, focused: bool, painter: &mut Painter<'_>) {
        let now = model.now().since(self.exchange.request.span.start.time);
        let ends = self.stages.iter().flat_map(|stage| [stage.from, stage.to.unwrap_or(now)]);
        let (first, last) = ends.fold((0, 1), |(first, last), at| (first.min(at), last.max(at)));
        let axis = TimeAxis { first, last, now };
        let widest = |text: fn(&TimelineStage) -> &String| {
            self.stages.iter().map(|stage| sanitize::width(text(stage))).max()
        };
        let layout = TimelineLayout::of(area, widest(|stage| &stage.packets), widest(|stage| &stage.note));
        layout.draw_axis(axis, Rect { height: 1, ..area }, painter);
        let list = self.list();
        // The note of the selected stage is shown in full below if its column is too narrow.
        let full_text = match self.stages.get(list.selected) {
            Some(stage) if stage.quotes_traffic && painter.is_private() => Vec::new(),
            Some(stage) if sanitize::width(&stage.note) > layout.note.into() => {
                full_text("in full", &stage.note, area)
            }
            _ => Vec::new(),
        };
        let height = (area.height - 1).saturating_sub(full_text.len() as u16);
        let body = Rect { y: area.y + 1, height, ..area };
        painter.add_pane(Pane::Detail, body);
        let top = list.top(body.height.into(), self.stages.len());
        for (y, (index, stage)) in (body.y..body.bottom()).zip(self.stages.iter().enumerate().skip(top)) {
            let line = Rect { y, height: 1, ..body };
            layout.draw_stage(stage, axis, line, painter);
            if index == list.selected && focused {
                painter.draw_text(line.as_position(), 1, Role::Key, painter.symbols().pointer);
            }
            painter.add_hit(line, Hit::Row(Pane::Detail, index));
        }
        table::scroll_bar(painter, body, top, self.stages.len());
        draw_full_text(&full_text, area, painter);
    }

    fn draw_page(&self, area: Rect, focused: bool, painter: &mut Painter<'_>) {
        let rows = self.rows();
        if rows == 0 {
            let text = if self.tab == Tab::Events {
                "no events: the response is a single HTTP body"
            } else {
                "nothing"
            };
            painter.draw_spans(area, &[(Role::Faint, text)]);
        }
        let list = self.list();
        let full_text = self.full_text(list.selected, area, painter);
        let body = Rect { height: area.height - full_text.len() as u16, ..area };
        painter.add_pane(Pane::Detail, body);
        let top = list.top(body.height.into(), rows);
        for (y, index) in (body.y..body.bottom()).zip(top..rows) {
            let line = Rect { x: body.x + 1, y, width: body.width.saturating_sub(2), height: 1 };
            let parts = self.page_line(index, painter);
            let parts: Vec<(Role, &str)> = parts.iter().map(|(role, text)| (*role, text.as_str())).collect();
            painter.draw_spans(line, &parts);
            if index == list.selected && focused {
                painter.draw_text(Position::new(body.x, y), 1, Role::Key, painter.symbols().pointer);
            }
            painter.add_hit(Rect { x: body.x, ..line }, Hit::Row(Pane::Detail, index));
        }
        table::scroll_bar(painter, body, top, rows);
        draw_full_text(&full_text, area, painter);
    }

    /// Returns the selected row in full if it is wider than the area; empty otherwise.
    fn full_text(&self, row: usize, area: Rect, painter: &Painter<'_>) -> Vec<String> {
        let parts = self.page_line(row, painter);
        let text: String = parts.iter().map(|(_, text)| text.as_str()).collect();
        if sanitize::width(&sanitize::clean(&text)) <= usize::from(area.width.saturating_sub(2)) {
            return Vec::new();
        }
        full_text(if self.tab == Tab::Events { "enter opens it" } else { "in full" }, text.trim(), area)
    }

    /// Returns the parts of a row of a page. In privacy mode, those that quote traffic are masked.
    fn page_line(&self, index: usize, painter: &Painter<'_>) -> Line {
        let mut parts = if self.tab == Tab::Events {
            events::line(&self.exchange, &self.events, index, &self.times, painter.files())
        } else {
            self.page().get(index).cloned().unwrap_or_default()
        };
        let of_head = self.tab == Tab::Http && pages::may_identify(&parts);
        let of_part = self.tab == Tab::Packets && parts::may_name_session(&parts);
        let shown = match painter.is_private() {
            true if of_head => 1,
            true if self.tab == Tab::Why && why::quotes_traffic(&parts) => 1,
            // The detail of a finding quotes the traffic; its code does not.
            true if self.tab == Tab::Findings => parts.len().min(1),
            true if of_part || self.tab == Tab::Events => parts.len().saturating_sub(1),
            _ => parts.len(),
        };
        if shown < parts.len() {
            parts.truncate(shown);
            parts.push((Role::Faint, MASK.to_owned()));
        }
        parts
    }
}

/// Returns a title and the wrapped lines of a text, at most a third of the area.
fn full_text(title: &str, text: &str, area: Rect) -> Vec<String> {
    let most = usize::from(area.height / 3).saturating_sub(1);
    if most == 0 {
        return Vec::new();
    }
    let columns = usize::from(area.width.saturating_sub(2));
    let mut full_text = vec![title.to_owned()];
    // Redact before wrapping: a credential that is split across lines would not be recognized.
    full_text.extend(wrap_columns(&sanitize::redact(text), columns, most));
    full_text
}

/// Draws a title and lines at the bottom of an area.
fn draw_full_text(full_text: &[String], area: Rect, painter: &mut Painter<'_>) {
    let top = area.bottom().saturating_sub(full_text.len() as u16);
    for (index, (y, text)) in (top..area.bottom()).zip(full_text).enumerate() {
        let line = Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 };
        if index == 0 {
            painter.draw_rule(Rect { y, height: 1, ..area }, text);
        } else {
            painter.draw_spans(line, &[(Role::Text, text)]);
        }
    }
}

/// Times of the timeline, in nanoseconds after the start of the request.
#[derive(Clone, Copy, Debug)]
struct TimeAxis {
    /// Start of the first stage.
    first: i64,
    /// End of the last stage.
    last: i64,
    /// Current capture time: the end of stages that are not over.
    now: i64,
}

/// Widths of the timeline's bars and notes.
#[derive(Clone, Copy, Debug)]
struct TimelineLayout {
    chart: u16,
    packets: u16,
    note: u16,
}

impl TimelineLayout {
    /// Divides the width of an area. `packets` and `notes` are the widths of the widest ones.
    fn of(area: Rect, packets: Option<usize>, notes: Option<usize>) -> Self {
        let packets = packets.and_then(|width| u16::try_from(width).ok()).unwrap_or(0);
        let packets = packets.clamp(PACKETS_WIDTH, MAX_PACKETS_WIDTH);
        let notes = notes.unwrap_or(0).min(usize::from(area.width)) as u16;
        let room = area.width.saturating_sub(NAME_WIDTH + TIME_WIDTH + packets + 5);
        // Notes are text to read, so they get up to two thirds of the space.
        let note = if notes == 0 { 0 } else { (notes + 1).min(room * 2 / 3) };
        Self { chart: room - note, packets, note }
    }

    /// Returns the part of a line in which the bars are drawn.
    fn chart(self, line: Rect) -> Rect {
        Rect { x: line.x + NAME_WIDTH + 2, width: self.chart, ..line }.intersection(line)
    }

    /// Draws the times at both ends and in the middle of the bars, and the column titles.
    fn draw_axis(self, axis: TimeAxis, line: Rect, painter: &mut Painter<'_>) {
        let chart = self.chart(line);
        let half = axis.first.saturating_add(axis.last.saturating_sub(axis.first) / 2);
        painter.draw_text(Position::new(line.x + 1, line.y), NAME_WIDTH, Role::Title, "stage");
        painter.draw_spans(chart, &[(Role::Faint, &units::cell(axis.first))]);
        if chart.width >= 30 {
            let middle = Rect { x: chart.x + chart.width / 2, width: chart.width / 4, ..chart };
            painter.draw_spans(middle, &[(Role::Faint, &units::cell(half))]);
        }
        if chart.width >= 10 {
            painter.draw_right(chart, Role::Faint, &units::cell(axis.last));
        }
        let time = Rect { x: chart.right(), width: TIME_WIDTH, ..line }.intersection(line);
        painter.draw_right(time, Role::Title, "took");
        let packets = Rect { x: time.right() + 1, width: self.packets, ..line }.intersection(line);
        painter.draw_spans(packets, &[(Role::Title, "packets")]);
    }

    /// Draws a stage: name, bar, duration, packets and note.
    fn draw_stage(self, stage: &TimelineStage, axis: TimeAxis, line: Rect, painter: &mut Painter<'_>) {
        let to = stage.to.unwrap_or(axis.now);
        let name = Rect { x: line.x + 1, width: NAME_WIDTH.min(line.width), ..line };
        painter.draw_spans(name, &[(stage.role, &stage.name)]);
        let chart = self.chart(line);
        draw_bar(stage, axis, chart, painter);
        let time = Rect { x: chart.right(), width: TIME_WIDTH, ..line }.intersection(line);
        // A negative wait is printed as such. A stage without duration shows when it happened.
        let took = to.saturating_sub(stage.from);
        if took == 0 {
            painter.draw_right(time, Role::Faint, &format!("at {}", units::cell(stage.from)));
        } else {
            painter.draw_right(time, Role::Strong, &units::cell(took));
        }
        let packets = Rect { x: time.right() + 1, width: self.packets, ..line }.intersection(line);
        painter.draw_spans(packets, &[(Role::Faint, &stage.packets)]);
        let rest = Rect { x: packets.right() + 1, width: self.note, ..line }.intersection(line);
        let is_problem = matches!(stage.role, Role::Warn | Role::Bad);
        let role = if is_problem { stage.role } else { Role::Faint };
        let note = if stage.quotes_traffic && painter.is_private() { MASK } else { &stage.note };
        painter.draw_spans(rest, &[(role, note)]);
    }
}

/// Draws the bar of a stage.
fn draw_bar(stage: &TimelineStage, axis: TimeAxis, chart: Rect, painter: &mut Painter<'_>) {
    if chart.width == 0 {
        return;
    }
    let to = stage.to.unwrap_or(axis.now);
    let range = axis.last.saturating_sub(axis.first).max(1) as f64;
    let at = |time: i64| {
        let part = time.saturating_sub(axis.first) as f64 / range;
        (part * f64::from(chart.width)).floor().clamp(0.0, f64::from(chart.width - 1)) as u16
    };
    let (from, until) = (at(stage.from.min(to)), at(stage.from.max(to)));
    let symbols = painter.symbols();
    let track = symbols.track.repeat(chart.width.into());
    painter.draw_text(chart.as_position(), chart.width, Role::Border, &track);
    let bar = symbols.bar[7].repeat((until - from + 1).into());
    painter.draw_text(Position::new(chart.x + from, chart.y), until - from + 1, stage.role, &bar);
}
