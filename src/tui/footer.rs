//! The footer: a message or the available keys, and the status of the view.

use ratatui::layout::Rect;

use super::action::{ACTIONS, Action, ActionInfo, KeyContext};
use super::app::{App, Mode};
use super::frame_info::Hit;
use super::painter::Painter;
use super::theme::Role;
use crate::base::sanitize;
use crate::ledger::query;

/// Draws the footer: a message, or the available keys; on the right the status of the view.
pub(super) fn draw(app: &App, area: Rect, painter: &mut Painter<'_>) {
    if let Mode::Filter = app.mode {
        let hint = "enter: apply, esc: cancel, tab: complete, up/down: history";
        match app.filter.filter() {
            Err(error) => painter.draw_spans(area, &[(Role::Bad, &error_message(app.filter.text(), &error))]),
            Ok(_) => painter.draw_spans(area, &[(Role::Faint, hint)]),
        };
        return;
    }
    let status = app.current_view().map(|view| view.status(&app.model)).unwrap_or_default();
    let columns = sanitize::width(&status).min(area.width.into()) as u16;
    let left = Rect { width: area.width.saturating_sub(columns + 2), ..area };
    let notice = app.message.as_deref().or(app.model.progress().failure());
    let hint = match app.mode {
        Mode::Help(_) => Some("up/down: scroll, esc: close"),
        Mode::Copy(_) => Some("letter: copy, esc: close"),
        Mode::Save(_) => Some("letter: save to the working directory, esc: close"),
        _ => None,
    };
    match (notice, hint) {
        (Some(notice), None) => {
            painter.draw_spans(left, &[(Role::Warn, notice)]);
        }
        // A notice may come while something is open: how to close it stays there.
        (Some(notice), Some(_)) => {
            painter.draw_spans(left, &[(Role::Faint, "esc: close  "), (Role::Warn, notice)]);
        }
        (None, Some(hint)) => {
            painter.draw_spans(left, &[(Role::Faint, hint)]);
        }
        (None, None) => draw_keys(app, left, painter),
    }
    painter.draw_right(area, Role::Faint, &status);
}

/// Returns the message of a filter error, with its column in characters from 1.
fn error_message(text: &str, error: &query::Error) -> String {
    let column = text.get(..error.at).unwrap_or(text).chars().count() + 1;
    let hint = error.hint.as_ref().map_or(String::new(), |hint| format!(": {hint}"));
    format!("{} (at column {column}){hint}", error.message)
}

/// Draws the available keys, as many as fit. Help and quit are the last to be left out.
fn draw_keys(app: &App, area: Rect, painter: &mut Painter<'_>) {
    let current = app.key_context();
    let is_available = |info: &&ActionInfo| {
        (info.context == KeyContext::Anywhere || info.context == current)
            && app.current_view().is_some_and(|view| view.supports(info.action))
    };
    let mut all: Vec<(Action, String, String)> = ACTIONS
        .iter()
        .filter(|info| !info.short.is_empty())
        .filter(is_available)
        .filter_map(|info| {
            let key = app.config.keys.keys(info.action).first()?;
            Some((info.action, key.to_string(), format!(" {}  ", info.short)))
        })
        .collect();
    let width = |(_, key, short): &(Action, String, String)| sanitize::width(key) + sanitize::width(short);
    // The two blanks after the last key may be cut.
    while all.iter().map(width).sum::<usize>() > usize::from(area.width) + 2 {
        let last = all.iter().rposition(|(action, ..)| ![Action::Help, Action::Quit].contains(action));
        all.remove(last.unwrap_or(all.len().saturating_sub(1)));
    }
    let mut x = area.x;
    for (action, key, short) in &all {
        let left = Rect { x, width: area.right().saturating_sub(x), ..area };
        let columns = painter.draw_spans(left, &[(Role::Key, key), (Role::Faint, short.trim_end())]);
        painter.add_hit(Rect { width: columns, ..left }, Hit::Action(*action));
        x += columns + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_column_is_counted_in_characters() {
        let text = "name:名 dur>>";
        let error = query::Filter::parse(text).unwrap_err();
        let column = text.chars().position(|c| c == '>').unwrap() + 2;
        assert!(
            error_message(text, &error).contains(&format!("(at column {column})")),
            "{}",
            error_message(text, &error)
        );
    }
}
