//! The views: each a file or directory of its own, all of one shape.
//!
//! To add one: a type with [`View`], and a line in [`all`].

mod connections;
pub(super) mod exchanges;
mod findings;
mod latency;
mod link_table;
mod overview;
mod reader;
mod servers;
mod sessions;
mod store_items;
mod streams;
mod table_view;

use std::fmt;

use ratatui::layout::Rect;

use super::action::{Action, KeyContext};
use super::config::Config;
use super::effect::{Copies, Effect};
use super::model::Model;
use super::painter::{FrameInfo, Hit, Painter, Pane};

/// The views that there are, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table of actions says what each shows")]
pub enum ViewName {
    Overview,
    Sessions,
    Exchanges,
    Latency,
    Streams,
    Connections,
    Findings,
    Servers,
}

impl ViewName {
    /// Its title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Sessions => "Sessions",
            Self::Exchanges => "Exchanges",
            Self::Latency => "Latency",
            Self::Streams => "Streams",
            Self::Connections => "Connections",
            Self::Findings => "Findings",
            Self::Servers => "Servers",
        }
    }
}

impl ViewName {
    /// Its title where there is little room; that of the exchanges is always whole: they are where one is most.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Overview => "Over",
            Self::Sessions => "Sess",
            Self::Exchanges => "Exchanges",
            Self::Latency => "Lat",
            Self::Streams => "Strm",
            Self::Connections => "Conn",
            Self::Findings => "Find",
            Self::Servers => "Serv",
        }
    }
}

/// Every view that there is, in the order of their keys.
pub(super) fn all(config: &Config, model: &Model) -> Vec<Box<dyn View>> {
    vec![
        Box::new(overview::Overview::default()),
        Box::new(sessions::Sessions::default()),
        Box::new(exchanges::Exchanges::new(config.columns.clone(), model.live)),
        Box::new(latency::Latency::default()),
        Box::new(streams::Streams::default()),
        Box::new(connections::Connections::default()),
        Box::new(findings::Findings::default()),
        Box::new(servers::Servers::default()),
    ]
}

/// A view: it keeps what is selected in it, and looks at the [`Model`].
///
/// `draw` takes only `&`: what it learns of the screen it leaves with the painter, and gets back as [`FrameInfo`].
pub(super) trait View: fmt::Debug {
    /// Which one it is.
    fn name(&self) -> ViewName;

    /// Draws into `area`.
    fn draw(&self, area: Rect, painter: &mut Painter<'_>);

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
