//! Totals, rates and errors over time, what hangs now, what was slowest, and how good the capture is.

use std::borrow::Cow;

use ratatui::layout::{Position, Rect};

use super::board::{Board, Row, Target};
use super::exchanges::columns;
use super::{View, ViewName};
use crate::base::fact::Loser;
use crate::base::units;
use crate::ledger::{CauseCount, Exchange, Status};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::{Cell, Column};
use crate::tui::theme::Role;
use crate::tui::world::World;

/// Exchanges that hang which are listed: the oldest.
const HANGING: usize = 10;

/// How long an exchange is open before it hangs, in nanoseconds of the capture's time.
const HANGS: i64 = 1_000_000_000;

/// Lines above the list: two of totals, the rates with their scale.
const TOP: u16 = 8;

const COLUMNS: [Column; 3] =
    [Column::new("", 8).right(), Column::new("Worth a look", 24).grows(), Column::new("", 18)];

/// The view that is a summary of all.
#[derive(Debug, Default)]
pub(in crate::tui) struct Overview {
    board: Board,
}

impl View for Overview {
    fn name(&self) -> ViewName {
        ViewName::Overview
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let top =
            Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: TOP.min(area.height), ..area };
        draw_totals(top, pen);
        let rates = Rect { y: top.y + 3, height: top.height.saturating_sub(4), ..top };
        draw_rates(rates, pen);
        let list = Rect { y: area.y + TOP, height: area.height.saturating_sub(TOP), ..area };
        self.board.draw(list, &COLUMNS, pen);
    }

    fn act(&mut self, action: Action, _: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        self.board.act(action, seen)
    }

    fn click(&mut self, hit: Hit, _: &mut World, _: &FrameInfo) -> Vec<Effect> {
        self.board.click(hit);
        Vec::new()
    }

    fn wheel(&mut self, _: Pane, down: bool, _: &mut World, seen: &FrameInfo) {
        self.board.wheel(down, seen);
    }

    fn refresh(&mut self, world: &mut World) {
        let mut rows = hanging(world);
        rows.extend(world.summary.unanswered.causes.iter().map(no_answer));
        rows.extend(world.summary.slowest.iter().map(slow));
        rows.extend(quality(world));
        self.board.set(rows);
    }

    fn status(&self, world: &World) -> String {
        let capture = world.store.capture();
        let first = capture.first.map_or(String::new(), |first| units::date(first.time));
        format!("{first} {} packets", capture.packets)
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "Above, what was seen, and how many exchanges began when; the lower line has those that failed.",
            "Below, what is worth a look: what hangs now (open for more than a second), why exchanges have",
            "no answer, the slowest ones, and what the capture lacks. Enter opens what is selected.",
        ]
    }
}

fn draw_totals(area: Rect, pen: &mut Pen<'_>) {
    let summary = &pen.world.summary;
    let exchanges = &summary.exchanges;
    let pending = pen.world.pending.len();
    let count = |status| exchanges.count(status);
    let (ok, failed) = (count(Status::Ok), exchanges.errors());
    let texts = [
        (Role::Strong, format!("{} exchanges  ", exchanges.total() + pending as u64)),
        (Role::Good, format!("{} {ok} ok  ", pen.symbols().ok)),
        (
            if failed > 0 { Role::Bad } else { Role::Faint },
            format!("{} {failed} failed  ", pen.symbols().bad),
        ),
        (
            none_or(Role::Bad, count(Status::Unanswered)),
            format!("? {} unanswered  ", count(Status::Unanswered)),
        ),
        (none_or(Role::Warn, count(Status::Cancelled)), format!("{} cancelled  ", count(Status::Cancelled))),
        (none_or(Role::Pending, pending as u64), format!("{pending} pending")),
    ];
    let parts: Vec<(Role, &str)> = texts.iter().map(|(role, text)| (*role, text.as_str())).collect();
    pen.line(area, &parts);
    let capture = pen.world.store.capture();
    let open = pen.world.store.open_sessions().len() as u64;
    let took = capture.first.zip(capture.last).map_or(0, |(first, last)| last.time.since(first.time));
    let handshake =
        summary.handshake_p50_ns.map_or(String::new(), |ns| format!(", handshake {}", units::duration(ns)));
    let second = format!(
        "{}, {}, {}; {} in {}{handshake}",
        units::several(summary.sessions_count + open, "session"),
        units::several(summary.notifications, "notification"),
        units::several(
            pen.world.store.streams().len() as u64 + pen.world.store.open_streams().len() as u64,
            "stream"
        ),
        units::bytes(capture.bytes),
        units::duration(took),
    );
    pen.line(Rect { y: area.y + 1, ..area }, &[(Role::Faint, &second)]);
}

fn none_or(role: Role, count: u64) -> Role {
    if count > 0 { role } else { Role::Faint }
}

/// How many exchanges began when, in columns of three lines; below them those that failed.
fn draw_rates(area: Rect, pen: &mut Pen<'_>) {
    if area.height < 4 || pen.world.rates.start().is_none() {
        return;
    }
    let columns = pen.world.rates.columns(area.width.into());
    let wide = (usize::from(area.width) / columns.len().max(1)).clamp(1, 4);
    let most = columns.iter().map(|[all, _]| *all).max().unwrap_or(1).max(1);
    let levels = pen.symbols().levels;
    for (index, [all, failed]) in columns.iter().enumerate() {
        let x = area.x + (index * wide).min(usize::from(area.width)) as u16;
        // Three lines of eight steps each, from below.
        let steps = (u64::from(*all) * 24).div_ceil(u64::from(most)) as usize;
        for line in 0..3_u16 {
            let here = steps.saturating_sub(usize::from(line) * 8).min(8);
            let Some(symbol) = here.checked_sub(1).and_then(|at| levels.get(at)) else { continue };
            let text = symbol.repeat(wide);
            pen.text(Position::new(x, area.y + 2 - line), wide as u16, Role::Receive, &text);
        }
        if *failed > 0 {
            let at = (*failed as usize * 8).div_ceil(most as usize).clamp(1, 8) - 1;
            let text = levels.get(at).copied().unwrap_or_default().repeat(wide);
            pen.text(Position::new(x, area.y + 3), wide as u16, Role::Bad, &text);
        }
    }
    let chunks =
        (pen.world.rates.columns(usize::MAX).len() as i64).div_euclid(columns.len().max(1) as i64).max(1);
    let scale =
        format!("up to {most} in {}", units::duration(pen.world.rates.width_ns().saturating_mul(chunks)));
    pen.right(Rect { y: area.y.saturating_sub(1), height: 1, ..area }, Role::Faint, &scale);
}

/// What is open for long, the oldest first.
fn hanging(world: &World) -> Vec<Row> {
    let now = world.now();
    let open = world.pending.iter().filter_map(|n| world.store.exchange(world.store.find(*n)?));
    let open = open.map(|exchange| (columns::pending(&exchange, now), exchange));
    open.take_while(|(since, _)| *since >= HANGS)
        .take(HANGING)
        .map(|(since, exchange)| Row {
            cells: vec![
                Cell::text(Role::Pending, units::cell(since)),
                call("hangs  ", Role::Pending, &exchange),
                Cell::text(Role::Faint, place(&exchange)),
            ],
            target: Target::Exchange(exchange.n),
        })
        .collect()
}

fn no_answer(count: &CauseCount) -> Row {
    let cause = count.cause.map_or("cause not known", |cause| cause.name()).replace('_', " ");
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
                (Role::of(count.status), format!("{}  ", status.replace('_', " ")).into()),
                (Role::Text, Cow::from(format!("{cause}{http}"))),
            ]),
            Cell::Empty,
        ],
        target: Target::Filter(filter),
    }
}

fn slow(exchange: &Exchange) -> Row {
    Row {
        cells: vec![
            Cell::text(Role::Strong, exchange.total_ns().map_or(String::new(), units::cell)),
            call("slow  ", Role::Warn, exchange),
            Cell::text(Role::Faint, place(exchange)),
        ],
        target: Target::Exchange(exchange.n),
    }
}

/// What the capture lacks.
fn quality(world: &World) -> Vec<Row> {
    let capture = world.store.capture();
    let lost = Loser::ALL.into_iter().map(|by| {
        (capture.lost.by(by), format!("packets were lost by {}: answers may be missing", by.name()))
    });
    let lacks = [
        (capture.cut_packets, "packets were cut (snaplen): what they said cannot be read whole"),
        (capture.unreadable_packets, "packets have headers that cannot be read"),
        (world.summary.exchanges.degraded, "exchanges for which the capture does not hold all evidence"),
    ];
    let lacks = lacks.map(|(count, text)| (count, text.to_owned()));
    let told = lost.chain(lacks).filter(|(count, _)| *count > 0);
    told.map(|(count, text)| Row {
        target: if text.starts_with("exchanges") {
            Target::Filter("degraded:any".to_owned())
        } else {
            Target::Nothing
        },
        cells: vec![
            Cell::text(Role::Warn, count.to_string()),
            Cell::Parts(vec![(Role::Warn, "capture  ".into()), (Role::Text, text.into())]),
            Cell::Empty,
        ],
    })
    .collect()
}

fn call(what: &'static str, role: Role, exchange: &Exchange) -> Cell {
    Cell::Parts(vec![
        (role, what.into()),
        (Role::Text, format!("{} ", exchange.method).into()),
        (Role::Strong, exchange.name.as_deref().unwrap_or_default().to_owned().into()),
    ])
}

fn place(exchange: &Exchange) -> String {
    let packets = exchange.request.span.first;
    format!("{} packet {packets}", columns::session(&exchange.session))
}
