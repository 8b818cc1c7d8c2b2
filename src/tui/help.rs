//! The help: a description of the view, its keys, and the filter language, generated from the
//! tables that define them.

use ratatui::layout::{Position, Rect};

use super::action::{ACTIONS, Action, KeyContext};
use super::app::App;
use super::frame_info::Pane;
use super::list_state::ListState;
use super::painter::Painter;
use super::table;
use super::theme::Role;
use crate::base::sanitize;
use crate::ledger::query;

/// A line, as its spans.
type Line = Vec<(Role, String)>;

/// The column at which explanations begin.
const INDENT: usize = 26;

/// The maximum width of a line: longer lines are hard to read.
const MAX_WIDTH: usize = 110;

/// Returns the lines of the help, as wide as it was drawn last.
pub(super) fn lines(app: &App) -> Vec<Line> {
    make_lines(app, app.frame.area(Pane::Detail).map_or(MAX_WIDTH, |area| area.width.into()))
}

/// Returns the lines of the help, none wider than `columns`.
fn make_lines(app: &App, columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let columns = columns.saturating_sub(3).min(MAX_WIDTH);
    let title = app.current_view().map(|view| view.name().title()).unwrap_or_default();
    push_heading(&mut lines, title);
    // The line breaks of the views do not matter: an empty line ends a paragraph.
    let text = app.current_view().map(|view| view.help()).unwrap_or_default();
    for (number, paragraph) in text.split(|line| line.is_empty()).enumerate() {
        lines.extend((number > 0).then(Vec::new));
        push_wrapped(
            &mut lines,
            Vec::new(),
            &[(Role::Text, &paragraph.join(" "))],
            Margins { indent: 2, columns },
        );
    }
    push_heading(&mut lines, "Keys");
    let is_supported = |action| app.current_view().is_none_or(|view| view.supports(action));
    for info in ACTIONS.iter().filter(|info| is_supported(info.action)) {
        let keys: Vec<String> = app.config.keys.keys(info.action).iter().map(ToString::to_string).collect();
        let context = match info.context {
            KeyContext::Anywhere => "",
            KeyContext::List => "(in lists)",
            KeyContext::Detail => "(in an opened item)",
        };
        push_entry(&mut lines, &keys.join(" "), &[(Role::Text, info.help), (Role::Faint, context)], columns);
    }
    push_heading(&mut lines, "Filter language");
    for (form, meaning) in query::SYNTAX {
        push_entry(&mut lines, form, &[(Role::Text, meaning)], columns);
    }
    push_heading(&mut lines, "Filter fields");
    for row in query::help() {
        push_entry(&mut lines, &row.name, &[(Role::Text, row.meaning)], columns);
        let example = format!("for example {}", row.example);
        push_entry(&mut lines, "", &[(Role::Faint, &row.values), (Role::Faint, &example)], columns);
    }
    lines
}

/// Scrolls by the keys of lists. Returns false for any other action.
pub(super) fn scroll(list: &mut ListState, action: Action, lines: usize, rows: usize) -> bool {
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
pub(super) fn draw(app: &App, list: ListState, area: Rect, painter: &mut Painter<'_>) {
    painter.clear(area);
    painter.draw_rule(Rect { height: 1, ..area }, "Help");
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    painter.add_pane(Pane::Detail, body);
    let lines = make_lines(app, body.width.into());
    let top = list.top.min(lines.len().saturating_sub(body.height.into()));
    for (line, parts) in (body.y..body.bottom()).zip(lines.iter().skip(top)) {
        let mut x = body.x + 1;
        for (role, text) in parts {
            x += painter.draw_text(Position::new(x, line), body.right().saturating_sub(x + 1), *role, text);
        }
    }
    table::scroll_bar(painter, body, top, lines.len());
}

fn push_heading(lines: &mut Vec<Line>, title: &str) {
    if !lines.is_empty() {
        lines.push(Vec::new());
    }
    lines.push(vec![(Role::Title, title.to_owned())]);
}

/// Adds a term and its explanation.
fn push_entry(lines: &mut Vec<Line>, term: &str, meaning: &[(Role, &str)], columns: usize) {
    let term = format!("  {term:<width$} ", width = INDENT - 3);
    push_wrapped(lines, vec![(Role::Key, term)], meaning, Margins { indent: INDENT, columns });
}

/// The margins of wrapped text, in columns of the screen.
#[derive(Clone, Copy)]
struct Margins {
    /// The column at which the text begins.
    indent: usize,
    /// The width of a line, the indentation included.
    columns: usize,
}

/// Breaks text between words into lines of at most `columns`. The lines after the first are
/// indented.
fn push_wrapped(
    lines: &mut Vec<Line>,
    front: Line,
    text: &[(Role, &str)],
    Margins { indent, columns }: Margins,
) {
    let mut line = front;
    let mut used: usize = line.iter().map(|(_, text)| sanitize::width(text)).sum();
    let mut is_fresh = true;
    for (role, word) in text.iter().flat_map(|(role, text)| text.split_whitespace().map(|word| (*role, word)))
    {
        let wide = sanitize::width(word);
        if !is_fresh && used + 1 + wide > columns {
            lines.push(std::mem::take(&mut line));
            (used, is_fresh) = (0, true);
        }
        let blanks = if is_fresh { indent.saturating_sub(used) } else { 1 };
        match line.last_mut() {
            Some((last, text)) if *last == role => text.extend([" ".repeat(blanks).as_str(), word]),
            _ => line.push((role, format!("{}{word}", " ".repeat(blanks)))),
        }
        used += blanks + wide;
        is_fresh = false;
    }
    lines.push(line);
}
