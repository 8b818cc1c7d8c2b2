//! A view that is one table of sessions or connections, where `enter` shows the exchanges of the
//! selected row.

use std::borrow::Cow;

use ratatui::layout::Rect;

use super::empty;
use super::store_items::{StoreItem, StoreItems};
use super::view::View;
use crate::base::Files;
use crate::tui::action::Action;
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, ListLayout, SortedList};
use crate::tui::table::Column;
use crate::tui::view_name::ViewName;

/// Description of the table of a kind of item.
pub(super) trait TableKind: StoreItem {
    /// Name of the view.
    const NAME: ViewName;

    /// Singular noun for an item.
    const NOUN: &'static str;

    /// Columns of the table.
    const COLUMNS: &'static [Column];

    /// Help of the view.
    const HELP: &'static [&'static str];

    /// Returns the filter for the exchanges of the item.
    fn filter(&self) -> String;

    /// Returns the copy menu of the item. The files number packets.
    fn copy_menu(&self, files: &Files) -> CopyMenu;

    /// Returns the columns; those of packets and connections have room for the names of several
    /// files.
    fn columns(_: &Files) -> Cow<'static, [Column]> {
        Cow::Borrowed(Self::COLUMNS)
    }

    /// Returns the identity of a connection's item; `None` if the items are not connections.
    fn of_connection(_tcp_stream: u32) -> Option<Self::Id> {
        None
    }
}

/// View of the items of a kind.
#[derive(Debug)]
pub(super) struct TableView<T: TableKind> {
    list: SortedList<T::Id>,
}

impl<T: TableKind + std::fmt::Debug> View for TableView<T> {
    fn new(_: &Config, _: &Model) -> Self {
        Self { list: SortedList::new(T::COLUMNS) }
    }

    fn name(&self) -> ViewName {
        T::NAME
    }

    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>) {
        let items = StoreItems::<T>::of(model);
        if self.list.len() == 0 {
            return empty::draw_empty(model, T::NOUN, items.len() > 0, area, painter);
        }
        let columns = T::columns(model.files());
        self.list.draw(&items, ListLayout { columns: &columns, is_focused: true }, area, painter);
    }

    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>> {
        // Entries since the last frame may have moved the selected item to another row.
        self.refresh(model);
        if action == Action::Open {
            let filter = self.selected(model).map(|item| model.filter_with(&item.filter()));
            return Some(filter.map_or(vec![Effect::Bell], |text| vec![Effect::Filter(text)]));
        }
        self.list
            .handle_action(action, &StoreItems::<T>::of(model), frame.visible_rows(Pane::List))
            .then(Vec::new)
    }

    fn handle_click(&mut self, hit: Hit, model: &mut Model, _: &FrameInfo) -> Vec<Effect> {
        self.list.handle_click(hit, Pane::List, &StoreItems::<T>::of(model));
        Vec::new()
    }

    fn handle_wheel(&mut self, _: Pane, down: bool, model: &mut Model, frame: &FrameInfo) {
        self.list.handle_wheel(down, &StoreItems::<T>::of(model), frame.visible_rows(Pane::List));
    }

    fn refresh(&mut self, model: &mut Model) {
        self.list.refresh(&StoreItems::<T>::of(model));
    }

    fn uses_filter(&self) -> bool {
        true
    }

    fn copy_menu(&self, model: &mut Model) -> CopyMenu {
        self.selected(model).map_or_else(CopyMenu::default, |item| item.copy_menu(model.files()))
    }

    fn select_connection(&mut self, tcp_stream: u32, model: &mut Model) {
        if let Some(id) = T::of_connection(tcp_stream) {
            self.list.select(id, &StoreItems::<T>::of(model));
        }
    }

    fn status(&self, _: &Model) -> String {
        self.list.status()
    }

    fn help(&self) -> &'static [&'static str] {
        T::HELP
    }
}

impl<T: TableKind> TableView<T> {
    /// Returns the selected item.
    pub(super) fn selected<'m>(&self, model: &'m Model) -> Option<&'m T> {
        StoreItems::of(model).get(self.list.selected()?).map(|(item, _)| item)
    }
}
