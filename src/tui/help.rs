//! The help: what the view shows, its keys, and the language of the filter; of the tables that make these work.

use ratatui::layout::{Position, Rect};

use super::action::{ACTIONS, Action, Place};
use super::app::App;
use super::list::List;
use super::pen::{Pane, Pen};
use super::table;
use super::theme::Role;
use crate::ledger::query;

/// Lines with their parts.
pub(super) fn lines(app: &App) -> Vec<Vec<(Role, String)>> {
    let mut lines = Vec::new();
    let title = app.view().map(|view| view.name().title()).unwrap_or_default();
    head(&mut lines, title);
    for line in app.view().map(|view| view.help()).unwrap_or_default() {
        lines.push(vec![(Role::Text, format!("  {line}"))]);
    }
    head(&mut lines, "Keys");
    for info in ACTIONS {
        let keys: Vec<String> = app.config.keys.keys(info.action).iter().map(ToString::to_string).collect();
        let place = match info.place {
            Place::Anywhere => "",
            Place::List => " (lists)",
            Place::Detail => " (what is opened)",
        };
        lines.push(vec![
            (Role::Key, format!("  {:<22}", keys.join(" "))),
            (Role::Text, info.help.to_owned()),
            (Role::Faint, place.to_owned()),
        ]);
    }
    head(&mut lines, "The language of the filter");
    for (form, meaning) in query::SYNTAX {
        lines.push(vec![(Role::Key, format!("  {form:<22}")), (Role::Text, format!(" {meaning}"))]);
    }
    head(&mut lines, "Its fields");
    for row in query::help() {
        lines.push(vec![
            (Role::Key, format!("  {:<22}", row.name)),
            (Role::Text, format!(" {}", row.meaning)),
        ]);
        let values = format!("{:<23}{}", "", row.values);
        lines.push(vec![(Role::Faint, values), (Role::Faint, format!("  as in {}", row.example))]);
    }
    lines
}

/// Scrolls by the keys of lists; false for any other action.
pub(super) fn scroll(list: &mut List, action: Action, lines: usize, rows: usize) -> bool {
    let by = match action {
        Action::Up | Action::Down => 1,
        Action::PageUp | Action::PageDown => lines.saturating_sub(1).max(1),
        Action::Home | Action::End => rows,
        _ => return false,
    };
    let down = matches!(action, Action::Down | Action::PageDown | Action::End);
    list.scroll(down, by, lines, rows);
    true
}

/// Draws the help over the view.
pub(super) fn draw(app: &App, list: List, area: Rect, pen: &mut Pen<'_>) {
    pen.clear(area);
    pen.rule(Rect { height: 1, ..area }, "Help");
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    pen.pane(Pane::Detail, body);
    let lines = lines(app);
    let top = list.top.min(lines.len().saturating_sub(body.height.into()));
    for (line, parts) in (body.y..body.bottom()).zip(lines.iter().skip(top)) {
        let mut x = body.x + 1;
        for (role, text) in parts {
            x += pen.text(Position::new(x, line), body.right().saturating_sub(x + 1), *role, text);
        }
    }
    table::scroll_bar(pen, body, top, lines.len());
}

fn head(lines: &mut Vec<Vec<(Role, String)>>, title: &str) {
    if !lines.is_empty() {
        lines.push(Vec::new());
    }
    lines.push(vec![(Role::Title, format!(" {title}"))]);
}
