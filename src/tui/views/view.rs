//! The trait of all views.

use std::fmt;

use ratatui::layout::Rect;

use crate::base::PacketNo;
use crate::tui::action::{Action, KeyContext};
use crate::tui::config::Config;
use crate::tui::effect::{CopyMenu, Effect};
use crate::tui::frame_info::{FrameInfo, Hit, Pane};
use crate::tui::model::Model;
use crate::tui::painter::Painter;
use crate::tui::view_name::ViewName;

/// A view of the [`Model`], with its own selection.
///
/// `draw` does not change the view: it records in the painter what it learned about the layout,
/// which later calls get back as [`FrameInfo`].
pub(in crate::tui) trait View: fmt::Debug {
    /// Creates the view.
    fn new(config: &Config, model: &Model) -> Self
    where
        Self: Sized;

    /// Returns the name of the view.
    fn name(&self) -> ViewName;

    /// Draws the view into `area`.
    fn draw(&self, model: &Model, area: Rect, painter: &mut Painter<'_>);

    /// Handles an action; `None` if it does not apply. May change the selection, never the ledger.
    fn handle_action(&mut self, action: Action, model: &mut Model, frame: &FrameInfo) -> Option<Vec<Effect>>;

    /// Handles a click.
    fn handle_click(&mut self, hit: Hit, model: &mut Model, frame: &FrameInfo) -> Vec<Effect>;

    /// Scrolls a pane by the mouse wheel.
    fn handle_wheel(&mut self, pane: Pane, down: bool, model: &mut Model, frame: &FrameInfo);

    /// Updates the view from the model. Called before a frame if there are new entries, the filter
    /// changed or time passed.
    fn refresh(&mut self, _model: &mut Model) {}

    /// Whether the view shows totals of the exchanges that match the filter ([`Model::totals`]).
    fn uses_filter(&self) -> bool {
        false
    }

    /// Whether the view supports an action that only some views have. Used by the footer.
    fn supports(&self, action: Action) -> bool {
        let of_some = [Action::Follow, Action::Search, Action::Fold, Action::Bytes, Action::NextPane];
        !of_some.contains(&action)
    }

    /// Where keys go: to the list or to what is open.
    fn key_context(&self) -> KeyContext {
        KeyContext::List
    }

    /// Returns the copy menu of the selection.
    fn copy_menu(&self, _model: &mut Model) -> CopyMenu {
        CopyMenu::default()
    }

    /// Returns the position for the footer: `12 of 340`.
    fn status(&self, model: &Model) -> String;

    /// Returns the help of the view, as lines.
    fn help(&self) -> &'static [&'static str];

    /// Searches what is open for text from now on; an empty text ends the search. Returns the
    /// number of matches; `None` if nothing searchable is open.
    fn search(&mut self, _text: &str) -> Option<usize> {
        None
    }

    /// Opens exchange `n`, in the view of exchanges.
    fn open_exchange(&mut self, _n: u64, _model: &mut Model) {}

    /// Opens the transaction that carried something in a packet, in the view of streams.
    fn open_packet(&mut self, _tcp_stream: u32, _packet: PacketNo, _model: &mut Model) {}

    /// Selects a connection (Wireshark's number), in the view of connections.
    fn select_connection(&mut self, _tcp_stream: u32, _model: &mut Model) {}
}
