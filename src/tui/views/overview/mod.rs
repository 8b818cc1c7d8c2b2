//! The overview: totals, rates and errors over time, hanging and slowest exchanges, capture
//! quality.

mod head;

use std::borrow::Cow;

use ratatui::layout::Rect;

use super::exchanges::columns;
use super::link_table::{LinkTable, Row, Target};
use super::view::View;
use crate::base::{sanitize, units};
use crate::ledger::{CauseCount, Exchange, Status};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::source::short_name;
use crate::tui::table::{Cell, Column};
use crate::tui::theme::Role;
use crate::tui::view_name::ViewName;

/// Hanging exchanges that are listed, at most: the oldest.
const HANGING: usize = 10;

/// Hanging exchanges that are counted, at most: each is read for each frame.
const COUNTED: usize = 1000;

/// Time after which an open exchange counts as hanging, in nanoseconds of capture time.
const HANGS: i64 = 1_000_000_000;

/// Height of the totals and the capture quality, in lines.
const TOTALS: u16 = 3;

/// Minimum height of the list, in lines.
const LISTED: u16 = 8;

/// Width of the source's name in the footer, in columns, at most.
const SOURCE: usize = 30;

/// Width of the list, in columns, at most: wider rows are hard to follow with the eye.
const BROADEST: u16 = 128;

const COLUMNS: [Column; 3] =
    [Column::new("", 8).right(), Column::new("Worth a look", 24).grows(), Column::new("", 18)];

/// View of the whole capture's summary.
#[derive(Debug, Default)]
pub(in crate::tui) struct Overview {
    link_table: LinkTable,
}

impl View for Overview {
    fn name(&self) -> ViewName {
        ViewName::Overview
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        head::draw_totals(model, inner, painter);
        head::draw_quality(model, Rect { y: inner.y + 2, ..inner }, painter);
        let from = |y: u16| Rect { y, height: area.bottom().saturating_sub(y), ..inner };
        let mut y = inner.y + TOTALS + 1;
        let hanging = Hanging::of(model);
        y += head::draw_hanging(model, &hanging, from(y), painter);
        y += head::draw_nothing(model, from(y), painter);
        // The rates take what the list leaves, within limits.
        let listed = (self.link_table.len() as u16 + 2).max(LISTED);
        let left = area.bottom().saturating_sub(y);
        let height = left.saturating_sub(listed).clamp(5, 11).min(left.saturating_sub(3));
        y += head::draw_rates(model, Rect { height, ..from(y) }, painter);
        if self.link_table.len() > 0 {
            let width = area.width.min(BROADEST);
            self.link_table.draw(Rect { x: area.x, width, ..from(y + 1) }, &COLUMNS, painter);
        }
    }

    fn act(&mut self, action: Action, _: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        self.link_table.act(action, frame)
    }

    fn click(&mut self, hit: Hit, _: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        self.link_table.click(hit);
        Vec::new()
    }

    fn wheel(&mut self, _: Pane, down: bool, _: &mut Model, frame: &FrameInfo) {
        self.link_table.wheel(down, frame);
    }

    fn refresh(&mut self, model: &mut Model) {
        let hanging = open(model).take_while(|(since, _)| *since >= HANGS).take(HANGING);
        let mut rows: Vec<Row> = hanging.map(|(since, exchange)| hangs(since, &exchange, model)).collect();
        rows.extend(model.all().summary().unanswered.causes.iter().map(no_answer));
        rows.extend(failed(model));
        rows.extend(model.all().summary().slowest.iter().map(|exchange| slow(exchange, model)));
        rows.extend(degraded(model));
        self.link_table.set(rows);
    }

    fn knows(&self, action: Action) -> bool {
        let of_lists = [Action::Follow, Action::Sort, Action::SortReverse, Action::NextPane];
        let of_texts = [Action::Search, Action::Fold, Action::Bytes];
        !of_lists.contains(&action) && !of_texts.contains(&action)
    }

    fn status(&self, model: &Model) -> String {
        // On a narrow screen the header has no room for the source.
        let source = short_name(&model.source().name);
        let source = sanitize::escape(&source);
        let source = sanitize::fit(&source, SOURCE);
        let first = model.store().capture().first;
        first.map_or_else(|| source.to_string(), |first| format!("{source}  {}", units::date(first.time)))
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "Above, what was seen, how good the capture is, what hangs (open for more than a second), and how",
            "many exchanges began when; the line below them has those that failed or were never answered.",
            "Below, what is worth a look: what hangs now, why exchanges have no answer, the slowest ones, and",
            "what the capture lacks evidence for. Enter opens what is selected.",
            "",
            "It is of the whole capture, whatever the filter is.",
        ]
    }
}

/// The exchanges that have been open for longer than [`HANGS`].
#[derive(Debug, Default)]
struct Hanging {
    /// Their number, up to [`COUNTED`].
    count: usize,
    /// The oldest, and how long it has been open in nanoseconds.
    oldest: Option<(i64, Exchange)>,
}

impl Hanging {
    /// Counts the open exchanges. They are in the order of their requests, so the first that does
    /// not hang ends the count.
    fn of(model: &Model) -> Self {
        let mut open = open(model).take_while(|(since, _)| *since >= HANGS).take(COUNTED);
        let oldest = open.next();
        Self { count: usize::from(oldest.is_some()) + open.count(), oldest }
    }
}

/// Returns the open exchanges, the oldest first, with how long each has been open in nanoseconds.
fn open(model: &Model) -> impl Iterator<Item = (i64, Exchange)> {
    let now = model.now();
    let open = model.pending().iter().filter_map(|n| model.store().exchange(model.store().find(*n)?));
    open.map(move |exchange| (columns::pending(&exchange, now), exchange))
}

fn hangs(since: i64, exchange: &Exchange, model: &Model) -> Row {
    Row {
        cells: vec![
            Cell::text(Role::Pending, units::cell(since)),
            call("hangs", Role::Pending, exchange, model),
            Cell::text(Role::Faint, place(exchange)),
        ],
        target: Target::Exchange(exchange.n),
    }
}

/// Returns rows for exchanges that failed with a response, by status.
fn failed(model: &Model) -> impl Iterator<Item = Row> + use<'_> {
    [Status::Error, Status::ToolError].into_iter().filter_map(|status| {
        let count = model.all().summary().exchanges.count(status);
        let what = if status == Status::Error {
            "the answer is a JSON-RPC error"
        } else {
            "the tool says so itself"
        };
        let cells = vec![
            Cell::text(Role::of(status), format!("{count}x")),
            Cell::Parts(vec![
                kind(Role::of(status), &status.name().replace('_', " ")),
                (Role::Text, what.into()),
            ]),
            Cell::Empty,
        ];
        let target = Target::Filter(format!("status:{}", status.name()));
        (count > 0).then_some(Row { cells, target })
    })
}

fn no_answer(count: &CauseCount) -> Row {
    let cause = count.cause.map_or("cause not known", |cause| cause.name()).replace('_', " ");
    let cause = if cause == "cancelled" { "by its sender".to_owned() } else { cause };
    let http = count.http_status.map_or(String::new(), |status| format!(" {status}"));
    let status = count.status.name();
    let mut filter = format!("status:{status}");
    if let Some(cause) = count.cause {
        filter.push_str(&format!(" cause:{}", cause.name()));
    }
    if let Some(status) = count.http_status {
        filter.push_str(&format!(" http:{status}"));
    }
    Row {
        cells: vec![
            Cell::text(Role::of(count.status), format!("{}x", count.exchanges)),
            Cell::Parts(vec![
                kind(Role::of(count.status), &status.replace('_', " ")),
                (Role::Text, Cow::from(format!("{cause}{http}"))),
            ]),
            Cell::Empty,
        ],
        target: Target::Filter(filter),
    }
}

fn slow(exchange: &Exchange, model: &Model) -> Row {
    Row {
        cells: vec![
            Cell::text(Role::Strong, exchange.total_ns().map_or(String::new(), units::cell)),
            call("slowest", Role::Warn, exchange, model),
            Cell::text(Role::Faint, place(exchange)),
        ],
        target: Target::Exchange(exchange.n),
    }
}

/// Returns the row for exchanges with missing evidence.
fn degraded(model: &Model) -> Option<Row> {
    let count = Some(model.all().summary().exchanges.degraded).filter(|count| *count > 0)?;
    let text = "for which the capture does not hold all evidence";
    Some(Row {
        cells: vec![
            Cell::text(Role::Warn, format!("{count}x")),
            Cell::Parts(vec![kind(Role::Warn, "degraded"), (Role::Text, text.into())]),
            Cell::Empty,
        ],
        target: Target::Filter("degraded:any".to_owned()),
    })
}

/// Pads the kind of a row, so that the texts after it are aligned.
fn kind(role: Role, what: &str) -> (Role, Cow<'static, str>) {
    (role, format!("{what:<12}").into())
}

fn call(what: &'static str, role: Role, exchange: &Exchange, model: &Model) -> Cell {
    Cell::Parts(vec![
        kind(role, what),
        (Role::Text, format!("{} ", exchange.method).into()),
        (Role::Strong, model.display_name(exchange).unwrap_or_default().to_owned().into()),
    ])
}

fn place(exchange: &Exchange) -> String {
    let packets = exchange.request.span.first;
    format!("{} packet {packets}", columns::session(&exchange.session))
}
