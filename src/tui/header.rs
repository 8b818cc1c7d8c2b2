//! The header: the tabs of the views, the source, and the progress of reading.

use ratatui::layout::Rect;

use super::action::Action;
use super::app::App;
use super::frame_info::Hit;
use super::painter::Painter;
use super::source::short_name;
use super::theme::Role;
use super::view_name::ViewName;
use crate::base::{sanitize, units};

/// Draws the tabs of the views, and on the right the source and the progress of reading.
pub(super) fn draw(app: &App, area: Rect, painter: &mut Painter<'_>) {
    let progress = ProgressText::of(app);
    let Tabs { tabs, shared, state } = tabs(app, area.width.into(), &progress);
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
    painter.draw_right(rest, progress.role, &shown);
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
/// source is shown if there is room beside the progress of reading.
fn tabs(app: &App, columns: usize, ProgressText { long, brief, .. }: &ProgressText) -> Tabs {
    let named = |name: fn(ViewName) -> &'static str, is_named: &dyn Fn(ViewName) -> bool| {
        let tab = |view: ViewName| {
            let key = app.config.keys.keys(Action::Show(view)).first().map(ToString::to_string);
            let key = key.unwrap_or_default();
            (view, if is_named(view) { format!("{key} {}", name(view)) } else { key })
        };
        app.views.iter().map(|view| tab(view.name())).collect::<Vec<_>>()
    };
    let width = |tabs: &[(ViewName, String)], shared: bool| -> usize {
        let blanks = if shared { tabs.len() + 1 } else { tabs.len() * 2 };
        tabs.iter().map(|(_, text)| sanitize::width(text)).sum::<usize>() + blanks
    };
    let (full, short) = (named(ViewName::title, &|_| true), named(ViewName::short, &|_| true));
    let keys = named(ViewName::title, &|view| view == app.current);
    let named_source = format!("{}  {long}", short_name(&app.model.source().name));
    let tries = [
        (&full, false, &named_source),
        (&full, true, &named_source),
        (&full, false, long),
        (&full, true, long),
        (&short, false, &named_source),
        (&short, true, &named_source),
        (&short, false, long),
        (&short, true, long),
        (&short, true, brief),
        (&keys, false, &named_source),
        (&keys, false, long),
    ];
    let fits = |(tabs, shared, state): &(&Vec<_>, bool, &String)| {
        width(tabs, *shared) + sanitize::width(state) < columns
    };
    let (tabs, shared, state) = tries.into_iter().find(fits).unwrap_or((&keys, false, brief));
    Tabs { tabs: tabs.clone(), shared, state: state.clone() }
}

/// The progress of reading, as a text.
struct ProgressText {
    role: Role,
    long: String,
    /// A shorter text for narrow screens.
    brief: String,
}

impl ProgressText {
    fn of(app: &App) -> Self {
        let model = &app.model;
        let progress = model.progress();
        let text = |role, long: String, brief: String| Self { role, long, brief };
        if progress.failure().is_some() {
            return text(Role::Bad, "reading failed".to_owned(), "failed".to_owned());
        }
        if model.is_frozen() {
            let new = model.held_back() as u64;
            return text(
                Role::Warn,
                format!("frozen, {new} new"),
                format!("frozen, {} new", short_count(new)),
            );
        }
        let capture = model.store().capture();
        let lost = match capture.lost.total() {
            0 => String::new(),
            packets => format!(", {packets} lost"),
        };
        let kept = model.source().device.as_ref().and_then(|device| device.written_to.as_deref());
        let kept = kept.map(|target| format!(", -w {}", short_name(target))).unwrap_or_default();
        let packets = units::several(capture.packets, "packet");
        let brief = short_count(capture.packets);
        match (progress.has_ended(), progress.loading().percent()) {
            (true, _) => {
                text(Role::Faint, format!("{packets}{lost}{kept}"), format!("{brief} packets{lost}"))
            }
            (false, Some(percent)) => {
                text(Role::Pending, format!("reading {percent} %"), format!("read {percent} %"))
            }
            // The size of a file is unknown before its first packets.
            (false, None) if !model.source().is_live => {
                text(Role::Pending, "reading".to_owned(), "reading".to_owned())
            }
            (false, None) => {
                let role = if lost.is_empty() { Role::Good } else { Role::Warn };
                let how = if model.source().is_followed { "followed" } else { "live" };
                let rate = progress.packets_per_second();
                text(
                    role,
                    format!("{how}, {packets}, {rate}/s{lost}{kept}"),
                    format!("{how}, {brief}, {rate}/s{lost}"),
                )
            }
        }
    }
}

/// Returns a count in few characters, truncated: `999`, `12.3k`, `5.3M`.
fn short_count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}.{}k", count / 1_000, count / 100 % 10),
        _ => format!("{}.{}M", count / 1_000_000, count / 100_000 % 10),
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
            assert_eq!(short_count(number), text);
        }
    }
}
