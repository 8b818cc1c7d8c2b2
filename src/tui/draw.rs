//! Draws a frame: tabs, filter line, view, footer, menus. Takes only `&`; the layout is
//! returned as [`FrameInfo`].

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::app::{App, Mode};
use super::effect::CopyMenu;
use super::frame_info::FrameInfo;
use super::painter::Painter;
use super::theme::Role;
use super::typed_text::TypedText;
use super::{filter_line, footer, header, help};
use crate::base::sanitize;

/// The smallest screen that is drawn, in columns and lines.
const MIN_SIZE: (u16, u16) = (60, 15);

/// Draws a frame. Returns its layout.
#[must_use]
pub fn draw(app: &App, frame: &mut Frame<'_>) -> FrameInfo {
    let area = frame.area();
    let (info, cursor) = draw_cells(app, area, frame.buffer_mut());
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    info
}

/// Draws into cells. Also returns the position of the cursor; `None` if nothing is typed.
fn draw_cells(app: &App, area: Rect, cells: &mut Buffer) -> (FrameInfo, Option<Position>) {
    let painter = Painter::new(&app.config.theme, cells, app.model.is_private());
    let mut painter = painter.with_files(app.model.files().clone());
    painter.set_role(area, Role::Text);
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        draw_too_small(area, &mut painter);
        return (painter.finish(), None);
    }
    let line = |y| Rect { y, height: 1, ..area };
    header::draw(app, line(area.y), &mut painter);
    let mut cursor = filter_line::draw(app, line(area.y + 1), &mut painter);
    let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    if let Some(view) = app.current_view() {
        view.draw(&app.model, body, &mut painter);
    }
    let foot = line(area.bottom() - 1);
    match &app.mode {
        Mode::Search => cursor = Some(draw_search_line(app, foot, &mut painter)),
        _ => footer::draw(app, foot, &mut painter),
    }
    match &app.mode {
        Mode::Filter => filter_line::draw_completions(app, area, cursor, &mut painter),
        Mode::Help(list) => help::draw(app, *list, body, &mut painter),
        Mode::Copy(menu) => draw_menu("Copy", menu, body, &mut painter),
        Mode::Save(menu) => draw_menu("Save", menu, body, &mut painter),
        Mode::View | Mode::Search => {}
    }
    (painter.finish(), cursor)
}

fn draw_too_small(area: Rect, painter: &mut Painter<'_>) {
    let (columns, lines) = MIN_SIZE;
    let texts = [
        "the terminal is too small".to_owned(),
        format!("minimum: {columns}x{lines}"),
        format!("current: {}x{}", area.width, area.height),
    ];
    let top = area.y + area.height.saturating_sub(texts.len() as u16) / 2;
    for (line, text) in (top..area.bottom()).zip(&texts) {
        let left = area.width.saturating_sub(sanitize::width(text) as u16) / 2;
        painter.draw_text(Position::new(area.x + left, line), area.width - left, Role::Warn, text);
    }
}

/// Draws the search line in place of the footer. Returns the position of the cursor.
fn draw_search_line(app: &App, area: Rect, painter: &mut Painter<'_>) -> Position {
    let label = painter.draw_spans(area, &[(Role::Key, "search ")]);
    let field = Rect { x: area.x + label, width: area.width - label, ..area };
    let cursor = TypedText::of(&app.search).draw(Role::Strong, field, painter);
    if let Some(message) = &app.message {
        painter.draw_right(area, Role::Faint, message);
    }
    cursor
}

fn draw_menu(title: &str, menu: &CopyMenu, area: Rect, painter: &mut Painter<'_>) {
    let height = (menu.choices.len() as u16 + 2).min(area.height);
    let width = 76.min(area.width);
    let popup = Rect { x: area.x + (area.width - width) / 2, y: area.bottom() - height, width, height };
    let inner = painter.draw_frame(popup, title);
    let names = menu.choices.iter().map(|choice| sanitize::width(&choice.name));
    let name_width = names.max().unwrap_or(0).max(17) + 1;
    for (y, choice) in (inner.y..inner.bottom()).zip(&menu.choices) {
        let key = choice.key.to_string();
        let name = format!("  {:<name_width$}", choice.name);
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
        painter.draw_spans(line, &[(Role::Key, &key), (Role::Strong, &name), (Role::Faint, &choice.text)]);
    }
}
