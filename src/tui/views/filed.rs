//! A view that is one table of what the store has many of, each of which leads to its exchanges: sessions, connections.

use ratatui::layout::Rect;

use super::shelf::{self, Kept, Shelf};
use super::{View, ViewName};
use crate::tui::action::Action;
use crate::tui::effect::{Copies, Effect};
use crate::tui::listing::{Items, Listing};
use crate::tui::pen::{FrameInfo, Hit, Pane, Pen};
use crate::tui::table::Column;
use crate::tui::world::World;

/// What a table shows of a kind beside its rows.
pub(super) trait Titled: Kept {
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
pub(in crate::tui) struct Filed<T: Titled> {
    listing: Listing<T::Id>,
}

impl<T: Titled> Default for Filed<T> {
    fn default() -> Self {
        Self { listing: Listing::new(T::COLUMNS) }
    }
}

impl<T: Titled + std::fmt::Debug> View for Filed<T> {
    fn name(&self) -> ViewName {
        T::NAME
    }

    fn draw(&self, area: Rect, pen: &mut Pen<'_>) {
        let shelf = Shelf::<T>::of(pen.world);
        if self.listing.len() == 0 {
            return shelf::draw_empty(T::WORD, shelf.len() > 0, area, pen);
        }
        self.listing.draw(area, (&shelf, T::COLUMNS), true, pen);
    }

    fn act(&mut self, action: Action, world: &mut World, seen: &FrameInfo) -> Option<Vec<Effect>> {
        // What was told since the last frame may have moved what is selected to another place.
        self.refresh(world);
        if action == Action::Open {
            let filter = self.selected(world).map(|item| world.within(&item.filter()));
            return Some(filter.map_or(vec![Effect::Bell], |text| vec![Effect::Filter(text)]));
        }
        self.listing.act(action, &Shelf::<T>::of(world), seen.lines(Pane::List)).then(Vec::new)
    }

    fn click(&mut self, hit: Hit, world: &mut World, _: &FrameInfo) -> Vec<Effect> {
        self.listing.click(hit, Pane::List, &Shelf::<T>::of(world));
        Vec::new()
    }

    fn wheel(&mut self, _: Pane, down: bool, world: &mut World, seen: &FrameInfo) {
        self.listing.wheel(down, &Shelf::<T>::of(world), seen.lines(Pane::List));
    }

    fn refresh(&mut self, world: &mut World) {
        self.listing.refresh(&Shelf::<T>::of(world));
    }

    fn narrows(&self) -> bool {
        true
    }

    fn copies(&self, world: &mut World) -> Copies {
        self.selected(world).map_or_else(Copies::default, Titled::copies)
    }

    fn status(&self, _: &World) -> String {
        self.listing.status()
    }

    fn help(&self) -> &'static [&'static str] {
        T::HELP
    }
}

impl<T: Titled> Filed<T> {
    fn selected<'w>(&self, world: &'w World) -> Option<&'w T> {
        Shelf::of(world).get(self.listing.selected()?).map(|(item, _)| item)
    }
}
