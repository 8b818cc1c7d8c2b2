//! Draws the exchange that was opened.

use ratatui::layout::{Position, Rect};

use crate::base::{harmless, units};
use crate::tui::pen::{Hit, Pane, Pen};
use crate::tui::table;
use crate::tui::theme::Role;
use crate::tui::views::reader::MASK;

use super::super::columns;
use super::timeline::Stage;
use super::{Detail, Tab, pages};

/// Columns of the parts of a stage beside its bar.
const NAME: u16 = 13;
const TIME: u16 = 9;
const PACKETS: u16 = 13;

impl Detail {
    /// Draws it into `area`.
    pub(in super::super) fn draw(&self, area: Rect, focused: bool, pen: &mut Pen<'_>) {
        if area.height < 4 {
            return;
        }
        let line = |y| Rect { y, height: 1, ..area };
        self.draw_title(line(area.y), pen);
        self.draw_tabs(line(area.y + 1), focused, pen);
        let body = Rect { y: area.y + 2, height: area.height - 2, ..area };
        if let Some(failed) = &self.failed {
            pen.line(body, &[(Role::Bad, failed)]);
            return;
        }
        match self.tab {
            Tab::Timeline => self.draw_timeline(body, focused, pen),
            Tab::Request => self.request.draw(body, focused, "the request was not kept", pen),
            Tab::Response => self.response.draw(body, focused, "no response was seen", pen),
            _ => self.draw_page(body, focused, pen),
        }
    }

    fn draw_title(&self, area: Rect, pen: &mut Pen<'_>) {
        let exchange = &self.exchange;
        let (role, status, total) = if self.is_open {
            let since = columns::pending(exchange, pen.world.now());
            (Role::Pending, "pending".to_owned(), units::duration(since))
        } else {
            let total = exchange.total_ns().map_or(String::new(), units::duration);
            let symbol = pen.symbols().status(exchange.status);
            (Role::of(exchange.status), format!("{symbol} {}", columns::status_word(exchange)), total)
        };
        let name = exchange.name.as_deref().unwrap_or_default();
        let id = pen.private(&exchange.id.json()).into_owned();
        let rest = format!(
            "  #{} id {id}, {}, {}",
            exchange.n,
            columns::session(&exchange.session),
            exchange.protocol_version.as_deref().unwrap_or("revision not known"),
        );
        pen.line(
            area,
            &[
                (Role::Text, &exchange.method),
                (Role::Text, " "),
                (Role::Strong, name),
                (Role::Text, "  "),
                (role, &status),
                (Role::Text, " "),
                (Role::Strong, &total),
                (Role::Faint, &rest),
            ],
        );
    }

    fn draw_tabs(&self, area: Rect, focused: bool, pen: &mut Pen<'_>) {
        let mut x = area.x;
        for (index, (tab, title)) in Tab::ALL.into_iter().enumerate() {
            let role = match (tab == self.tab, focused) {
                (true, true) => Role::Selected,
                (true, false) => Role::Title,
                (false, _) => Role::Faint,
            };
            let room = area.right().saturating_sub(x);
            let columns = pen.text(Position::new(x, area.y), room, role, &format!(" {title} "));
            pen.hit(Rect { x, width: columns, ..area }, Hit::Tab(index));
            x += columns;
        }
    }

    fn draw_timeline(&self, area: Rect, focused: bool, pen: &mut Pen<'_>) {
        let now = pen.world.now().since(self.exchange.request.span.start.time);
        let ends = self.stages.iter().flat_map(|stage| [stage.from, stage.to.unwrap_or(now)]);
        let (first, last) = ends.fold((0, 1), |(first, last), at| (first.min(at), last.max(at)));
        pen.pane(Pane::Detail, area);
        let list = self.list();
        let top = list.top(area.height.into(), self.stages.len());
        let notes = self.stages.iter().map(|stage| harmless::width(&stage.note) as u16).max().unwrap_or(0);
        let note = if notes == 0 { 0 } else { (area.width / 4).min(notes + 1) };
        for (y, (index, stage)) in (area.y..area.bottom()).zip(self.stages.iter().enumerate().skip(top)) {
            let line = Rect { y, height: 1, ..area };
            draw_stage((stage, note), line, (first, last, now), pen);
            if index == list.selected && focused {
                pen.text(line.as_position(), 1, Role::Key, pen.symbols().pointer);
            }
            pen.hit(line, Hit::Row(Pane::Detail, index));
        }
        table::scroll_bar(pen, area, top, self.stages.len());
    }

    fn draw_page(&self, area: Rect, focused: bool, pen: &mut Pen<'_>) {
        let page = self.page();
        pen.pane(Pane::Detail, area);
        if page.is_empty() {
            let text = if self.tab == Tab::Events {
                "no events: the answer was a body of its own"
            } else {
                "nothing"
            };
            pen.line(area, &[(Role::Faint, text)]);
        }
        let list = self.list();
        let top = list.top(area.height.into(), page.len());
        for (y, (index, parts)) in (area.y..area.bottom()).zip(page.iter().enumerate().skip(top)) {
            let line = Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 };
            let of_head = self.tab == Tab::Http && pages::names_a_session(parts);
            let masked = pen.world.private && (self.tab == Tab::Events || of_head);
            let kept = match masked {
                true if of_head => 1,
                true => parts.len().saturating_sub(1),
                false => parts.len(),
            };
            let mut shown: Vec<(Role, &str)> =
                parts.iter().take(kept).map(|(role, text)| (*role, text.as_str())).collect();
            if masked {
                shown.push((Role::Faint, MASK));
            }
            pen.line(line, &shown);
            if index == list.selected && focused {
                pen.text(Position::new(area.x, y), 1, Role::Key, pen.symbols().pointer);
            }
            pen.hit(Rect { x: area.x, ..line }, Hit::Row(Pane::Detail, index));
        }
        table::scroll_bar(pen, area, top, page.len());
    }
}

/// A stage: its name, its bar between the first and the last time of all, its duration, its packets, its note.
fn draw_stage(
    (stage, note): (&Stage, u16),
    line: Rect,
    (first, last, now): (i64, i64, i64),
    pen: &mut Pen<'_>,
) {
    let to = stage.to.unwrap_or(now);
    let name = Rect { x: line.x + 1, width: NAME.min(line.width), ..line };
    pen.line(name, &[(stage.role, &stage.name)]);
    let room = line.width.saturating_sub(NAME + TIME + PACKETS + note + 4);
    let chart = Rect { x: name.right() + 1, width: room, ..line };
    draw_span(stage, chart, (first, last, to), pen);
    let time = Rect { x: chart.right(), width: TIME, ..line };
    // A wait may be negative: it is said as it is.
    pen.right(time, Role::Strong, &units::cell(to.saturating_sub(stage.from)));
    let packets = Rect { x: time.right() + 1, width: PACKETS, ..line };
    pen.line(packets, &[(Role::Faint, &stage.packets)]);
    let rest = Rect { x: packets.right(), width: line.right().saturating_sub(packets.right()), ..line };
    pen.line(rest, &[(Role::Warn, &stage.note)]);
}

fn draw_span(stage: &Stage, chart: Rect, (first, last, to): (i64, i64, i64), pen: &mut Pen<'_>) {
    if chart.width == 0 {
        return;
    }
    let whole = (last.saturating_sub(first)).max(1) as f64;
    let at = |time: i64| {
        let part = (time.saturating_sub(first)) as f64 / whole;
        (part * f64::from(chart.width)).floor().clamp(0.0, f64::from(chart.width - 1)) as u16
    };
    let (from, until) = (at(stage.from.min(to)), at(stage.from.max(to)));
    let symbols = pen.symbols();
    let track = symbols.track.repeat(chart.width.into());
    pen.text(chart.as_position(), chart.width, Role::Border, &track);
    let bar = symbols.bar[7].repeat((until - from + 1).into());
    pen.text(Position::new(chart.x + from, chart.y), until - from + 1, stage.role, &bar);
}
