//! What was told in; a screen that can be walked through, out. State in, screen out: `draw` takes only `&`, keys become
//! actions by one table, actions become effects, and the terminal is touched by `term` and its three helpers alone.
//!
//! ```text
//!  Event ─▶ App::handle ─▶ Effect ─▶ terminal          event, update, effect, term: keyboard, tty, clipboard
//!             │                                        action, config: which key asks for what
//!             ▼
//!           App { World, views } ─▶ draw ─▶ cells      app, world, rows, draw, pen, table, theme
//!             ▲                       │
//!             └────── FrameInfo ◀─────┘                what drawing learned: sizes, what lies where
//! ```
//!
//! Everything shown from traffic passes through [`pen::Pen`], which makes it harmless.

mod action;
mod app;
mod big;
mod clipboard;
mod config;
mod doc;
mod draw;
mod effect;
mod event;
mod heat;
mod help;
mod keyboard;
mod line;
mod list;
mod listing;
mod listings;
mod mouse;
mod narrowed;
mod pen;
mod rows;
mod table;
mod tally;
mod term;
mod theme;
mod tty;
mod update;
mod views;
mod world;

pub use action::{ACTIONS, Action, ActionInfo, Key, Keys, Place};
pub use app::App;
pub use config::{Config, Wanted};
pub use draw::draw;
pub use effect::{Copies, CopyChoice, Effect};
pub use event::{Event, Loading, Uptime};
pub use heat::{Count, Heat, Heats};
pub use line::{HISTORY, LONGEST};
pub use listings::Listings;
pub use pen::{FrameInfo, Hit, Pane, Pen};
pub use rows::{Rows, SortBy};
pub use tally::{Rates, Tally};
pub use term::{Remember, run};
pub use theme::{Role, Symbols, Theme, ThemeName};
pub use tty::Tty;
pub use views::ViewName;
pub use world::{Device, World};
