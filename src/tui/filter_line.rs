//! The filter line and the menu of completions below it.

use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::app::{App, Mode};
use super::frame_info::Hit;
use super::occurring_values::occurring_values;
use super::painter::Painter;
use super::theme::Role;
use super::typed_text::TypedText;
use crate::base::sanitize;

/// Draws the filter line: the current filter, or the typed one with its error marked. Returns the
/// position of the cursor; `None` if no filter is typed.
pub(super) fn draw(app: &App, area: Rect, painter: &mut Painter<'_>) -> Option<Position> {
    painter.add_hit(area, Hit::Action(Action::Filter));
    let key = app.config.keys.keys(Action::Filter).first().map(ToString::to_string).unwrap_or_default();
    let label = painter.draw_spans(area, &[(Role::Key, &key), (Role::Faint, " filter ")]);
    let field = Rect { x: area.x + label, width: area.width - label, ..area };
    if matches!(app.mode, Mode::Filter) {
        return Some(draw_typed(app, field, painter));
    }
    draw_applied(app, field, painter);
    None
}

/// Draws the current filter and the number of exchanges that match it.
fn draw_applied(app: &App, field: Rect, painter: &mut Painter<'_>) {
    let filter = app.model.filter();
    if filter.is_empty() {
        return;
    }
    let (matching, all) = (app.model.exchanges().len(), app.model.store().len());
    let scanned = app.model.exchanges().scanned();
    let count = if scanned < all {
        format!("  {matching} of {all}, {} % scanned", scanned * 100 / all.max(1))
    } else {
        format!("  {matching} of {all}")
    };
    let used = painter.draw_spans(field, &[(Role::Strong, filter.text())]).min(field.width);
    let rest = Rect { x: field.x + used, width: field.width - used, ..field };
    painter.draw_spans(rest, &[(Role::Faint, &count)]);
}

/// Draws the typed filter. Returns the position of the cursor.
fn draw_typed(app: &App, field: Rect, painter: &mut Painter<'_>) -> Position {
    let typed = TypedText::of(&app.filter);
    match app.filter.filter() {
        Ok(_) => typed.draw(Role::Good, field, painter),
        Err(error) => {
            let cursor = typed.draw(Role::Bad, field, painter);
            // The footer shows the error message.
            typed.mark_error(error.at, field, painter);
            cursor
        }
    }
}

/// Draws the completions below the filter line.
pub(super) fn draw_completions(app: &App, area: Rect, cursor: Option<Position>, painter: &mut Painter<'_>) {
    const MAX_SHOWN: usize = 8;
    let occurring = |field: &str, typed: &str| occurring_values(&app.model, field, typed);
    let (found, chosen) = app.filter.completions(occurring);
    if found.is_empty() {
        return;
    }
    let from = chosen.map_or(0, |at| at.saturating_sub(MAX_SHOWN - 1));
    let shown = found.iter().enumerate().skip(from).take(MAX_SHOWN);
    let texts: Vec<(bool, String, &str)> = shown
        .map(|(index, completion)| (Some(index) == chosen, completion.insert.clone(), completion.note))
        .collect();
    let widest = texts.iter().map(|(_, insert, _)| sanitize::width(insert)).max().unwrap_or(0).min(30) as u16;
    let notes = texts.iter().map(|(.., note)| sanitize::width(note)).max().unwrap_or(0) as u16;
    let width = (widest + notes + 6).min(area.width);
    // Below the position at which the completion would be inserted.
    let x = cursor.map_or(area.x, |cursor| cursor.x.saturating_sub(2)).min(area.right() - width);
    let height = (texts.len() as u16 + 2).min(area.height.saturating_sub(3));
    let inner = painter.draw_frame(Rect { x, y: area.y + 2, width, height }, "");
    for (y, (is_chosen, insert, note)) in (inner.y..inner.bottom()).zip(&texts) {
        let line = Rect { y, height: 1, ..inner };
        painter.draw_text(Position::new(line.x + 1, y), widest, Role::Key, insert);
        let at = line.x + widest + 3;
        painter.draw_text(Position::new(at, y), line.right().saturating_sub(at), Role::Faint, note);
        if *is_chosen {
            painter.set_role(line, Role::Selected);
        }
    }
}
