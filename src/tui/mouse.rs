//! The mouse: click, double click to open, wheel.

use std::time::Duration;

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::action::Action;
use super::app::{App, Mode};
use super::effect::Effect;
use super::frame_info::{Hit, Pane};
use super::help;

/// The longest time between the clicks of a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);

impl App {
    pub(super) fn handle_mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        let at = Position::new(mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let is_down = mouse.kind == MouseEventKind::ScrollDown;
                self.handle_wheel(at, is_down);
                Vec::new()
            }
            MouseEventKind::Down(MouseButton::Left) => self.handle_click(at),
            _ => {
                // The screen does not react to movement.
                self.dirty = false;
                Vec::new()
            }
        }
    }

    fn handle_wheel(&mut self, at: Position, down: bool) {
        let rows = help::lines(self).len();
        let lines = self.frame.visible_rows(Pane::Detail);
        if let Mode::Help(list) = &mut self.mode {
            list.scroll(down, 3, lines, rows);
        } else if let Some(pane) = self.frame.pane_at(at) {
            self.with_view(|view, model, frame| view.handle_wheel(pane, down, model, frame));
        }
    }

    fn handle_click(&mut self, at: Position) -> Vec<Effect> {
        self.message = None;
        let has_asked = std::mem::take(&mut self.has_asked_to_quit);
        let now = self.model.uptime();
        let is_double = self
            .last_click
            .take()
            .is_some_and(|(then, x, y)| (x, y) == (at.x, at.y) && now.saturating_sub(then) <= DOUBLE_CLICK);
        self.last_click = (!is_double).then_some((now, at.x, at.y));
        let Some(hit) = self.frame.hit_at(at) else { return Vec::new() };
        match (hit, &self.mode) {
            (Hit::Action(Action::Quit), _) => return self.quit(has_asked),
            (Hit::Action(action), _) => return self.perform(action),
            (Hit::View(name), _) => return vec![Effect::ShowView(name)],
            (_, Mode::Help(_) | Mode::Copy(_) | Mode::Save(_)) => self.mode = Mode::View,
            _ => {
                let mut effects = self
                    .with_view(|view, model, frame| view.handle_click(hit, model, frame))
                    .unwrap_or_default();
                if is_double && matches!(hit, Hit::Row(..) | Hit::Cell(..)) {
                    effects.extend(self.handle_in_view(Action::Open).unwrap_or_default());
                }
                return effects;
            }
        }
        Vec::new()
    }
}
