//! A view that is one table of what the store has many of, each of which leads to its exchanges: sessions, connections.

use ratatui::layout::Rect;

use super::store_items::{self, StoreItem, StoreItems};
use super::view::View;
use crate::tui::action::Action;
use crate::tui::effect::{Copies, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, SortedList};
use crate::tui::table::Column;
use crate::tui::view_name::ViewName;

/// What a table shows of a kind beside its rows.
pub(super) trait TableKind: StoreItem {
    /// The view.
    const NAME: ViewName;

    /// A word for one of them.
    const WORD: &'static str;

    /// The columns of the table.
    const COLUMNS: &'static [Column];

    /// What the view shows and how to read it.
    const HELP: &'static [&'static str];

    /// The filter for its exchanges.
    fn filter(&self) -> String;

    /// What can be copied of it.
    fn copies(&self) -> Copies;
}

/// The view of a kind.
#[derive(Debug)]
pub(in crate::tui) struct TableView<T: TableKind> {
    listing: SortedList<T::Id>,
}

impl<T: TableKind> Default for TableView<T> {
    fn default() -> Self {
        Self { listing: SortedList::new(T::COLUMNS) }
    }
}

impl<T: TableKind + std::fmt::Debug> View for TableView<T> {
    fn name(&self) -> ViewName {
        T::NAME
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let items = StoreItems::<T>::of(model);
        if self.listing.len() == 0 {
            return store_items::draw_empty(model, T::WORD, items.len() > 0, area, painter);
        }
        self.listing.draw(area, (&items, T::COLUMNS), true, painter);
    }

    fn act(&mut self, action: Action, model: &mut Model, seen: &FrameInfo) -> Option<Vec<Effect>> {
        // What was told since the last frame may have moved what is selected to another place.
        self.refresh(model);
        if action == Action::Open {
            let filter = self.selected(model).map(|item| model.within(&item.filter()));
            return Some(filter.map_or(vec![Effect::Bell], |text| vec![Effect::Filter(text)]));
        }
        self.listing.act(action, &StoreItems::<T>::of(model), seen.lines(Pane::List)).then(Vec::new)
    }

    fn click(&mut self, hit: Hit, model: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        self.listing.click(hit, Pane::List, &StoreItems::<T>::of(model));
        Vec::new()
    }

    fn wheel(&mut self, _: Pane, down: bool, model: &mut Model, seen: &FrameInfo) {
        self.listing.wheel(down, &StoreItems::<T>::of(model), seen.lines(Pane::List));
    }

    fn refresh(&mut self, model: &mut Model) {
        self.listing.refresh(&StoreItems::<T>::of(model));
    }

    fn narrows(&self) -> bool {
        true
    }

    fn copies(&self, model: &mut Model) -> Copies {
        self.selected(model).map_or_else(Copies::default, TableKind::copies)
    }

    fn status(&self, _: &Model) -> String {
        self.listing.status()
    }

    fn help(&self) -> &'static [&'static str] {
        T::HELP
    }
}

impl<T: TableKind> TableView<T> {
    fn selected<'w>(&self, model: &'w Model) -> Option<&'w T> {
        StoreItems::of(model).get(self.listing.selected()?).map(|(item, _)| item)
    }
}
