//! The overview: totals, rates and errors over time, hanging and slowest exchanges, capture
//! quality.

use ratatui::layout::Rect;

use crate::base::{sanitize, units};
use crate::tui::action::Action;
use crate::tui::config::Config;
use crate::tui::effect::Effect;
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::source::short_name;
use crate::tui::table::Column;
use crate::tui::view_name::ViewName;
use crate::tui::views::format;
use crate::tui::views::link_table::{LinkRow, LinkTable};
use crate::tui::views::view::View;

use super::hanging::{self, Hanging};
use super::{head, rows};

/// Hanging exchanges that are listed, at most: the oldest.
const MAX_HANGING: usize = 10;

/// Height of the totals and the capture quality, in lines.
const HEAD_HEIGHT: u16 = 3;

/// Minimum height of the list, in lines.
const MIN_LIST_HEIGHT: u16 = 8;

/// Width of the source's name in the footer, in columns, at most.
const MAX_SOURCE_WIDTH: usize = 30;

/// Width of the list, in columns, at most: wider rows are hard to follow with the eye.
const MAX_LIST_WIDTH: u16 = 128;

const COLUMNS: [Column; 3] =
    [Column::new("", 8).right(), Column::new("Worth a look", 24).grows(), Column::new("", 18)];

/// View of the whole capture's summary.
#[derive(Debug, Default)]
pub(in crate::tui::views) struct Overview {
    link_table: LinkTable,
}

impl View for Overview {
    fn new(_: &Config, _: &Model) -> Self {
        Self::default()
    }

    fn name(&self) -> ViewName {
        ViewName::Overview
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        head::draw_totals(model, inner, painter);
        head::draw_quality(model, Rect { y: inner.y + 2, ..inner }, painter);
        let from = |y: u16| Rect { y, height: area.bottom().saturating_sub(y), ..inner };
        let mut y = inner.y + HEAD_HEIGHT + 1;
        let hanging = Hanging::of(model);
        y += head::draw_hanging(model, &hanging, from(y), painter);
        y += head::draw_no_exchanges(model, from(y), painter);
        // The rates take what the list leaves, within limits.
        let listed = (self.link_table.len() as u16 + 2).max(MIN_LIST_HEIGHT);
        let left = area.bottom().saturating_sub(y);
        let height = left.saturating_sub(listed).clamp(5, 11).min(left.saturating_sub(3));
        y += head::draw_rates(model, Rect { height, ..from(y) }, painter);
        if self.link_table.len() > 0 {
            let width = area.width.min(MAX_LIST_WIDTH);
            let mut columns = COLUMNS;
            columns[2].width += format::file_width(model.files());
            self.link_table.draw(Rect { x: area.x, width, ..from(y + 1) }, &columns, painter);
        }
    }

    fn handle_action(&mut self, action: Action, _: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        self.link_table.handle_action(action, frame)
    }

    fn handle_click(&mut self, hit: Hit, _: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        self.link_table.handle_click(hit);
        Vec::new()
    }

    fn handle_wheel(&mut self, _: Pane, down: bool, _: &mut Model, frame: &FrameInfo) {
        self.link_table.handle_wheel(down, frame);
    }

    fn refresh(&mut self, model: &mut Model) {
        let hanging = hanging::oldest(model, MAX_HANGING);
        let mut all: Vec<LinkRow> =
            hanging.map(|(since, exchange)| rows::hanging(since, &exchange, model)).collect();
        let causes = model.all().summary().unanswered.causes.iter();
        all.extend(causes.map(|count| rows::unanswered(count, model)));
        all.extend(rows::failed(model));
        all.extend(model.all().summary().slowest.iter().map(|exchange| rows::slowest(exchange, model)));
        all.extend(rows::undetermined(model));
        all.extend(rows::degraded(model));
        self.link_table.set(all);
    }

    fn supports(&self, action: Action) -> bool {
        let of_lists = [Action::Follow, Action::Sort, Action::SortReverse, Action::NextPane];
        let of_texts = [Action::Search, Action::Fold, Action::Bytes];
        !of_lists.contains(&action) && !of_texts.contains(&action)
    }

    fn status(&self, model: &Model) -> String {
        // On a narrow screen the header has no room for the source.
        let source = short_name(&model.source().name);
        let source = sanitize::escape(&source);
        let source = sanitize::fit(&source, MAX_SOURCE_WIDTH);
        let first = model.store().capture().first;
        first.map_or_else(|| source.to_string(), |first| format!("{source}  {}", units::date(first.time)))
    }

    fn help(&self) -> &'static [&'static str] {
        &[
            "Above: totals, the quality of the capture, hanging exchanges (open for more than a second), and",
            "when exchanges began; the line below the bars has those that failed or have no response.",
            "Below: hanging exchanges, why exchanges have no response, the slowest ones, and those for which",
            "the capture lacks evidence. Enter opens the selected row.",
            "",
            "The overview always shows the whole capture: the filter does not apply.",
        ]
    }
}
