//! Draws a frame: tabs, filter line, view, footer, menus. Takes only `&`; what it learned is
//! returned as [`FrameInfo`].

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::action::{ACTIONS, Action, ActionInfo, KeyContext};
use super::app::{App, Mode};
use super::effect::Copies;
use super::frame_info::{FrameInfo, Hit};
use super::painter::Painter;
use super::source::short_name;
use super::theme::Role;
use super::view_name::ViewName;
use super::{help, update};
use crate::base::{sanitize, units};
use crate::ledger::query;

/// The smallest screen that is drawn, in columns and lines.
const MIN_SIZE: (u16, u16) = (60, 15);

/// Draws a frame. Returns what it learned.
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
    let mut painter = Painter::new(&app.config.theme, cells, app.model.is_private());
    painter.set_role(area, Role::Text);
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        draw_too_small(area, &mut painter);
        return (painter.finish(), None);
    }
    let line = |y| Rect { y, height: 1, ..area };
    draw_header(app, line(area.y), &mut painter);
    let mut cursor = draw_filter_line(app, line(area.y + 1), &mut painter);
    let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    if let Some(view) = app.current_view() {
        view.draw(&app.model, body, &mut painter);
    }
    let foot = line(area.bottom() - 1);
    match &app.mode {
        Mode::Search => cursor = draw_search_line(app, foot, &mut painter),
        _ => draw_footer(app, foot, &mut painter),
    }
    match &app.mode {
        Mode::Filter => draw_completions(app, area, cursor, &mut painter),
        Mode::Help(list) => help::draw(app, *list, body, &mut painter),
        Mode::Copy(copies) => draw_copy_menu(copies, body, &mut painter),
        Mode::View | Mode::Search => {}
    }
    (painter.finish(), cursor)
}

fn draw_too_small(area: Rect, painter: &mut Painter<'_>) {
    let (columns, lines) = MIN_SIZE;
    let texts = [
        "mcpdump needs more room:".to_owned(),
        format!("{columns}x{lines} at least,"),
        format!("this is {}x{}", area.width, area.height),
    ];
    let top = area.y + area.height.saturating_sub(texts.len() as u16) / 2;
    for (line, text) in (top..area.bottom()).zip(&texts) {
        let left = area.width.saturating_sub(sanitize::width(text) as u16) / 2;
        painter.draw_text(Position::new(area.x + left, line), area.width - left, Role::Warn, text);
    }
}

/// Draws the tabs of the views, and on the right the source and the progress of reading.
fn draw_header(app: &App, area: Rect, painter: &mut Painter<'_>) {
    let (role, [long, brief]) = progress_text(app);
    let Tabs { tabs, shared, state } = tabs(app, area.width.into(), [long, brief]);
    let mut x = area.x;
    for (name, text) in tabs {
        let is_open = name == app.current;
        let columns = (sanitize::width(&text) as u16 + 2).min(area.right().saturating_sub(x));
        let whole = Rect { x, width: columns, ..area };
        let inner = Rect { x: x + 1, width: columns.saturating_sub(2), ..area };
        painter.draw_spans(inner, &[(if is_open { Role::Selected } else { Role::Faint }, &text)]);
        if is_open {
            painter.set_role(whole, Role::Selected);
        }
        painter.add_hit(whole, Hit::View(name));
        x += columns.saturating_sub(u16::from(shared));
    }
    let left = usize::from(area.right().saturating_sub(x + 1));
    let shown = sanitize::fit(&state, left);
    let rest = Rect { x: x + 1, width: left as u16, ..area };
    painter.draw_right(rest, role, &shown);
}

/// The tabs in the form that fits.
struct Tabs {
    tabs: Vec<(ViewName, String)>,
    /// Whether neighbouring tabs share the blank between them.
    shared: bool,
    /// The source and the progress of reading, in the form that fits.
    state: String,
}

/// Returns the longest form of the tabs that fits: full names, short names, or keys alone. The
/// source is shown if there is room beside the progress of reading, given as a long and a brief
/// text.
fn tabs(app: &App, room: usize, [long, brief]: [String; 2]) -> Tabs {
    let named = |name: fn(ViewName) -> &'static str, is_named: &dyn Fn(ViewName) -> bool| {
        let tab = |view: ViewName| {
            let key = app.config.keys.keys(Action::Show(view)).first().map(ToString::to_string);
            let key = key.unwrap_or_default();
            (view, if is_named(view) { format!("{key} {}", name(view)) } else { key })
        };
        app.views.iter().map(|view| tab(view.name())).collect::<Vec<_>>()
    };
    let wide = |tabs: &[(ViewName, String)], shared: bool| -> usize {
        let blanks = if shared { tabs.len() + 1 } else { tabs.len() * 2 };
        tabs.iter().map(|(_, text)| sanitize::width(text)).sum::<usize>() + blanks
    };
    let (whole, short) = (named(ViewName::title, &|_| true), named(ViewName::short, &|_| true));
    let keys = named(ViewName::title, &|view| view == app.current);
    let named_source = format!("{}  {long}", short_name(&app.model.source().name));
    let tries = [
        (&whole, false, &named_source),
        (&whole, true, &named_source),
        (&whole, false, &long),
        (&whole, true, &long),
        (&short, false, &named_source),
        (&short, true, &named_source),
        (&short, false, &long),
        (&short, true, &long),
        (&short, true, &brief),
        (&keys, false, &named_source),
        (&keys, false, &long),
    ];
    let fits = |(tabs, shared, state): &(&Vec<_>, bool, &String)| {
        wide(tabs, *shared) + sanitize::width(state) < room
    };
    let (tabs, shared, state) = tries.into_iter().find(fits).unwrap_or((&keys, false, &brief));
    Tabs { tabs: tabs.clone(), shared, state: state.clone() }
}

/// Returns the progress of reading, as a long and a brief text.
fn progress_text(app: &App) -> (Role, [String; 2]) {
    let model = &app.model;
    let capture = model.store().capture();
    let lost = match capture.lost.total() {
        0 => String::new(),
        packets => format!(", {packets} lost"),
    };
    let kept = model.source().device.as_ref().and_then(|device| device.written_to.as_deref());
    let kept = kept.map(|target| format!(", -w {}", short_name(target))).unwrap_or_default();
    if model.failure().is_some() {
        return (Role::Bad, ["reading failed".to_owned(), "failed".to_owned()]);
    }
    if model.is_frozen() {
        let held = model.held_back();
        return (Role::Warn, [format!("frozen, {held} new"), format!("frozen, {} new", count(held as u64))]);
    }
    let brief = count(capture.packets);
    match (model.has_ended(), model.loading().percent()) {
        (true, _) => {
            let long = format!("{}{lost}{kept}", units::several(capture.packets, "packet"));
            (Role::Faint, [long, format!("{brief} packets{lost}")])
        }
        (false, Some(percent)) => {
            (Role::Pending, [format!("reading {percent} %"), format!("read {percent} %")])
        }
        // The size of a file is unknown before its first packets.
        (false, None) if !model.source().is_live => {
            (Role::Pending, ["reading".to_owned(), "reading".to_owned()])
        }
        (false, None) => {
            let role = if lost.is_empty() { Role::Good } else { Role::Warn };
            let (packets, rate) = (capture.packets, model.packets_per_second());
            let how = if model.source().is_followed { "followed" } else { "live" };
            let long = format!("{how}, {}, {rate}/s{lost}{kept}", units::several(packets, "packet"));
            (role, [long, format!("{how}, {brief}, {rate}/s{lost}")])
        }
    }
}

/// Returns a count in few characters, truncated: `999`, `12.3k`, `5.3M`.
fn count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}.{}k", count / 1_000, count / 100 % 10),
        _ => format!("{}.{}M", count / 1_000_000, count / 100_000 % 10),
    }
}

/// Draws the filter line: the current filter, or the typed one with its error marked.
fn draw_filter_line(app: &App, area: Rect, painter: &mut Painter<'_>) -> Option<Position> {
    let typing = matches!(app.mode, Mode::Filter);
    painter.add_hit(area, Hit::Action(Action::Filter));
    let holds = app.model.filter().text();
    let key = app.config.keys.keys(Action::Filter).first().map(ToString::to_string).unwrap_or_default();
    let label = painter.draw_spans(area, &[(Role::Key, &key), (Role::Faint, " filter ")]);
    let field = Rect { x: area.x + label, width: area.width - label, ..area };
    if !typing {
        if app.model.filter().is_empty() {
            return None;
        }
        let mut used = painter.draw_spans(field, &[(Role::Strong, holds)]);
        let (looked, all) = (app.model.exchanges().scanned(), app.model.store().len());
        let shown = if looked < all {
            format!("  {} of {all}, {} % looked at", app.model.exchanges().len(), looked * 100 / all.max(1))
        } else {
            format!("  {} of {all}", app.model.exchanges().len())
        };
        used = used.min(field.width);
        painter.draw_spans(
            Rect { x: field.x + used, width: field.width - used, ..field },
            &[(Role::Faint, &shown)],
        );
        return None;
    }
    let text = app.filter.text();
    let cursor = app.filter.cursor();
    let outcome = app.filter.filter();
    let role = if outcome.is_ok() { Role::Good } else { Role::Bad };
    let place = draw_typed(text, cursor, role, field, painter);
    if let Err(error) = outcome {
        // The footer shows the error message.
        mark_error((text, cursor), error.at, field, painter);
    }
    Some(place)
}

/// Draws as much of a typed text as shows the cursor. Returns the position of the cursor.
fn draw_typed(text: &str, cursor: usize, role: Role, field: Rect, painter: &mut Painter<'_>) -> Position {
    let (shown, before) = visible_part(text, cursor, field.width.into());
    painter.draw_text(field.as_position(), field.width, role, shown);
    Position::new((field.x + before).min(field.right().saturating_sub(1)), field.y)
}

/// Returns the part of a text that shows the cursor, and the columns before the cursor.
fn visible_part(text: &str, cursor: usize, columns: usize) -> (&str, u16) {
    let before = text.get(..cursor).unwrap_or(text);
    // From the cursor backwards, as far as there is room.
    let (mut start, mut width) = (before.len(), 0);
    for (at, c) in before.char_indices().rev() {
        let wide = sanitize::width(&sanitize::escape(c.encode_utf8(&mut [0; 4])));
        if width + wide >= columns.max(1) {
            break;
        }
        (start, width) = (at, width + wide);
    }
    (text.get(start..).unwrap_or_default(), width as u16)
}

/// Marks the position of an error, if it is in the part that is shown.
fn mark_error((text, cursor): (&str, usize), at: usize, field: Rect, painter: &mut Painter<'_>) {
    let (shown, _) = visible_part(text, cursor, field.width.into());
    let hidden = text.len() - shown.len();
    let Some(at) = at.min(text.len()).checked_sub(hidden) else { return };
    let before = shown.get(..at).unwrap_or(shown);
    let columns = sanitize::width(&sanitize::escape(before)).min(field.width.saturating_sub(1).into());
    painter.set_role(Rect { x: field.x + columns as u16, width: 1, ..field }, Role::Found);
}

/// Draws the completions below the filter line.
fn draw_completions(app: &App, area: Rect, cursor: Option<Position>, painter: &mut Painter<'_>) {
    const MOST: usize = 8;
    let occurring = |field: &str, typed: &str| update::occurring_values(&app.model, field, typed);
    let (found, chosen) = app.filter.completions(occurring);
    if found.is_empty() {
        return;
    }
    let from = chosen.map_or(0, |at| at.saturating_sub(MOST - 1));
    let shown = found.iter().enumerate().skip(from).take(MOST);
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

fn draw_search_line(app: &App, area: Rect, painter: &mut Painter<'_>) -> Option<Position> {
    let label = painter.draw_spans(area, &[(Role::Key, "search "), (Role::Faint, "")]);
    let field = Rect { x: area.x + label, width: area.width - label, ..area };
    let place = draw_typed(app.search.text(), app.search.cursor(), Role::Strong, field, painter);
    if let Some(said) = &app.message {
        painter.draw_right(area, Role::Faint, said);
    }
    Some(place)
}

/// Draws the footer: a message, or the available keys; on the right the status of the view.
fn draw_footer(app: &App, area: Rect, painter: &mut Painter<'_>) {
    if let Mode::Filter = app.mode {
        let hint = "enter applies, esc leaves it as it was, tab completes, up and down: history";
        match app.filter.filter() {
            Err(error) => painter.draw_spans(area, &[(Role::Bad, &error_message(app.filter.text(), &error))]),
            Ok(_) => painter.draw_spans(area, &[(Role::Faint, hint)]),
        };
        return;
    }
    let status = app.current_view().map(|view| view.status(&app.model)).unwrap_or_default();
    let columns = sanitize::width(&status).min(area.width.into()) as u16;
    let left = Rect { width: area.width.saturating_sub(columns + 2), ..area };
    let said = app.message.as_deref().or(app.model.failure());
    let message = match (&app.mode, said) {
        (_, Some(said)) => Some((Role::Warn, said)),
        (Mode::Help(_), None) => Some((Role::Faint, "up and down scroll, esc closes")),
        (Mode::Copy(_), None) => Some((Role::Faint, "a letter copies, esc closes")),
        _ => None,
    };
    match message {
        Some(message) => {
            painter.draw_spans(left, &[message]);
        }
        None => draw_keys(app, left, painter),
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
    let place = app.key_context();
    let holds = |of: KeyContext| of == KeyContext::Anywhere || of == place;
    let known = |action| app.current_view().is_some_and(|view| view.supports(action));
    let shown = |info: &&ActionInfo| !info.short.is_empty() && holds(info.context) && known(info.action);
    let mut all: Vec<(Action, String, String)> = ACTIONS
        .iter()
        .filter(shown)
        .filter_map(|info| {
            let key = app.config.keys.keys(info.action).first()?;
            Some((info.action, key.to_string(), format!(" {}  ", info.short)))
        })
        .collect();
    let wide = |(_, key, short): &(Action, String, String)| sanitize::width(key) + sanitize::width(short);
    // The blanks behind the last key need no room.
    while all.iter().map(wide).sum::<usize>() > usize::from(area.width) + 2 {
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

fn draw_copy_menu(copies: &Copies, area: Rect, painter: &mut Painter<'_>) {
    let height = (copies.0.len() as u16 + 2).min(area.height);
    let width = 76.min(area.width);
    let popup = Rect { x: area.x + (area.width - width) / 2, y: area.bottom() - height, width, height };
    let inner = painter.draw_frame(popup, "Copy");
    for (y, choice) in (inner.y..inner.bottom()).zip(&copies.0) {
        let key = choice.key.to_string();
        let name = format!("  {:<18}", choice.name);
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
        painter.draw_spans(line, &[(Role::Key, &key), (Role::Strong, &name), (Role::Faint, &choice.text)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_truncated() {
        for (number, text) in
            [(999, "999"), (1_000, "1.0k"), (12_399, "12.3k"), (999_999, "999.9k"), (5_320_000, "5.3M")]
        {
            assert_eq!(count(number), text);
        }
    }

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
