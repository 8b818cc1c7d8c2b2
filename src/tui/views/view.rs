//! The trait of every view.

use std::fmt;

use ratatui::layout::Rect;

use crate::tui::action::{Action, KeyContext};
use crate::tui::effect::{Copies, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::view_name::ViewName;

/// A view: it keeps what is selected in it, and looks at the [`Model`].
///
/// `draw` takes only `&`: what it learns of the screen it leaves with the painter, and gets back as [`FrameInfo`].
pub(in crate::tui) trait View: fmt::Debug {
    /// Which one it is.
    fn name(&self) -> ViewName;

    /// Draws into `area`.
    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>);

    /// Does what was asked for; `None` where that is not its business. May change what is selected, never the ledger.
    fn act(&mut self, action: Action, model: &mut Model, seen: &FrameInfo) -> Option<Vec<Effect>>;

    /// Something of it was clicked.
    fn click(&mut self, hit: Hit, model: &mut Model, seen: &FrameInfo) -> Vec<Effect>;

    /// The wheel turned over a pane.
    fn wheel(&mut self, pane: Pane, down: bool, model: &mut Model, seen: &FrameInfo);

    /// Something was told, a filter took hold, or time passed: called before each frame in which that is so.
    fn refresh(&mut self, _world: &mut Model) {}

    /// Whether it counts what passes the filter ([`Model::shown`]).
    fn narrows(&self) -> bool {
        false
    }

    /// Whether it does what only some views do: for the footer.
    fn knows(&self, action: Action) -> bool {
        let of_some = [Action::Follow, Action::Search, Action::Fold, Action::Bytes, Action::NextPane];
        !of_some.contains(&action)
    }

    /// Where its keys are held: in its list, or in what was opened.
    fn key_context(&self) -> KeyContext {
        KeyContext::List
    }

    /// What can be copied of what is selected.
    fn copies(&self, _world: &mut Model) -> Copies {
        Copies::default()
    }

    /// A word on where one is, for the footer: `12 of 340`.
    fn status(&self, model: &Model) -> String;

    /// What it shows and how to read it, in a few lines, for `?`.
    fn help(&self) -> &'static [&'static str];

    /// Looks for text in what is opened, from now on; an empty text ends it. Says how many places there are, `None`
    /// where it cannot be searched.
    fn search(&mut self, _text: &str) -> Option<usize> {
        None
    }

    /// Opens exchange `n`, where it shows exchanges.
    fn show(&mut self, _n: u64, _world: &mut Model) {}
}
