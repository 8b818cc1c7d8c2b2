//! Sessions, streams or connections of the store as list items: the completed ones, then the open
//! ones.

use std::fmt::Debug;

use ratatui::layout::Rect;

use crate::base::fact::Speaks;
use crate::base::{sanitize, units};
use crate::ledger::ConnectionCount;
use crate::ledger::store::Store;
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::sorted_list::{Items, SortKey};
use crate::tui::table::Cell;
use crate::tui::theme::Role;

/// A kind of item that the store keeps many of: session, stream, connection.
pub(super) trait StoreItem: Sized + 'static {
    /// Identifies an item.
    type Id: Copy + PartialEq + Debug;

    /// Returns the completed items, in the order in which they were stored.
    fn over(store: &Store) -> &[Self];

    /// Returns the open items.
    fn open(store: &Store) -> impl Iterator<Item = &Self>;

    /// Returns the identity of the item.
    fn id(&self) -> Self::Id;

    /// Returns the sort key of the item in a column.
    fn sort_key(&self, column: usize, model: &Model) -> SortKey;

    /// Returns whether the item passes the filter. Only called if there is a filter.
    fn passes(&self, model: &Model) -> bool;

    /// Returns the cells of the item's row.
    fn cells(&self, is_open: bool, model: &Model) -> Vec<Cell>;
}

/// All items of a kind.
pub(super) struct StoreItems<'w, T> {
    model: &'w Model,
    over: &'w [T],
    open: Vec<&'w T>,
}

impl<'w, T: StoreItem> StoreItems<'w, T> {
    pub(super) fn of(model: &'w Model) -> Self {
        Self { model, over: T::over(&model.store()), open: T::open(&model.store()).collect() }
    }

    /// Returns the item at a place and whether it is open; `None` after the last.
    pub(super) fn get(&self, place: usize) -> Option<(&'w T, bool)> {
        let open = || Some((*self.open.get(place.checked_sub(self.over.len())?)?, true));
        self.over.get(place).map(|item| (item, false)).or_else(open)
    }

    fn is_narrowed(&self) -> bool {
        !self.model.filter().is_empty()
    }
}

impl<T: StoreItem> Items for StoreItems<'_, T> {
    type Id = T::Id;

    fn len(&self) -> usize {
        self.over.len() + self.open.len()
    }

    fn settled(&self) -> usize {
        self.over.len()
    }

    /// Open items are updated together with the packet count of the capture.
    fn version(&self) -> u64 {
        if self.open.is_empty() { 0 } else { self.model.store().capture().packets }
    }

    fn epoch(&self) -> u64 {
        self.model.filter_version()
    }

    fn id(&self, place: usize) -> Option<T::Id> {
        self.get(place).map(|(item, _)| item.id())
    }

    fn sort_key(&self, place: usize, column: usize) -> SortKey {
        self.get(place).map_or(SortKey::Missing, |(item, _)| item.sort_key(column, self.model))
    }

    fn passes(&self, place: usize) -> bool {
        !self.is_narrowed() || self.get(place).is_some_and(|(item, _)| item.passes(self.model))
    }

    fn cells(&self, place: usize) -> Vec<Cell> {
        self.get(place).map(|(item, is_open)| item.cells(is_open, self.model)).unwrap_or_default()
    }
}

/// Explains why a list is empty. `what` names the items; `any`: some exist, but none passes the
/// filter.
pub(super) fn draw_empty(model: &Model, what: &str, any: bool, area: Rect, painter: &mut Painter<'_>) {
    let lines =
        if any { vec![format!("no {what} passes the filter; esc clears it")] } else { nothing(what, model) };
    say(&lines, Role::Faint, area, painter);
}

/// Explains in lines why there is no `what`: none so far, reading failed, or at the end of a
/// capture what it contains instead.
pub(super) fn nothing(what: &str, model: &Model) -> Vec<String> {
    if let Some(why) = model.failure() {
        return vec![format!("no {what} was seen before the reading failed:"), why.to_owned()];
    }
    if !model.has_ended() {
        return vec![format!("waiting for the first {what}...")];
    }
    let front = format!("no {what} was seen in this capture");
    [front].into_iter().chain(instead(model)).collect()
}

/// Describes in a sentence the connections that are not MCP or cannot be decoded; `None` if all are
/// MCP.
pub(super) fn instead(model: &Model) -> Option<String> {
    let count = |of: &dyn Fn(&ConnectionCount) -> bool| -> u64 {
        model
            .all()
            .summary()
            .connections
            .iter()
            .filter(|count| of(count))
            .map(|count| count.connections)
            .sum()
    };
    let all = count(&|_| true);
    if all == 0 && model.store().is_empty() {
        return Some(match model.store().capture().packets {
            0 => "it has no packets".to_owned(),
            packets => format!("{} with no TCP connection", units::several(packets, "packet")),
        });
    }
    let unread = [(Speaks::Tls, "TLS"), (Speaks::Http2, "HTTP/2")].map(|(speaks, name)| {
        let connections = count(&|count| count.speaks == speaks && !count.mcp);
        let carry = if connections == 1 { "carries" } else { "carry" };
        (connections > 0).then(|| format!("{} {carry} {name}", units::several(connections, "connection")))
    });
    let unread: Vec<String> = unread.into_iter().flatten().collect();
    let them =
        if unread.len() == 1 && unread.iter().any(|text| text.starts_with("1 ")) { "it" } else { "them" };
    match (unread.is_empty(), model.store().is_empty()) {
        (false, _) => Some(format!("{}, which is not read; 6 shows {them}", unread.join(" and "))),
        (true, true) => Some(format!(
            "{} without MCP; 5, 6 and 7 show what there is",
            units::several(all, "TCP connection")
        )),
        (true, false) => None,
    }
}

/// Draws lines in the middle of an area, in place of a list.
pub(super) fn say(lines: &[String], role: Role, area: Rect, painter: &mut Painter<'_>) {
    for (y, text) in (area.y + area.height / 3..area.bottom()).zip(lines) {
        let columns = sanitize::width(&sanitize::escape(text)).min(area.width.into()) as u16;
        painter.draw_text((area.x + (area.width - columns) / 2, y).into(), columns, role, text);
    }
}

/// Formats a length for a column, without the blank: `1.29kB`.
pub(super) fn size(bytes: u64) -> String {
    units::bytes(bytes).replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::source::Source;

    #[test]
    fn what_is_not_read_is_said_where_nothing_is_listed() {
        let mut model = Model::new(Source::saved("test"), 0);
        assert_eq!(nothing("session", &model), ["waiting for the first session..."]);
        model.end();
        assert_eq!(nothing("session", &model), ["no session was seen in this capture", "it has no packets"]);
        let carry = |speaks, connections| ConnectionCount { speaks, connections, ..Default::default() };
        model.all_mut().summary_mut().connections = vec![carry(Speaks::Http1, 3)];
        assert_eq!(instead(&model).unwrap(), "3 TCP connections without MCP; 5, 6 and 7 show what there is");
        model.all_mut().summary_mut().connections.push(carry(Speaks::Tls, 1));
        assert_eq!(instead(&model).unwrap(), "1 connection carries TLS, which is not read; 6 shows it");
        model.all_mut().summary_mut().connections.push(carry(Speaks::Http2, 2));
        let both = "1 connection carries TLS and 2 connections carry HTTP/2, which is not read; 6 shows them";
        assert_eq!(instead(&model).unwrap(), both);
        model.fail("input/output error".to_owned());
        assert_eq!(nothing("session", &model).last().unwrap(), "input/output error");
    }
}
