//! What was told in; a screen that can be walked through, out. State in, screen out: `draw` takes only `&`, keys become
//! actions by one table, actions become effects, and the terminal is touched by `term` and its three helpers alone.
//!
//! ```text
//!  Event ─▶ App::handle ─▶ Effect ─▶ terminal          event, update, effect, term: keyboard, tty, clipboard
//!             │                                        action, config: which key asks for what
//!             ▼
//!           App { Model, views } ─▶ draw ─▶ cells      app, model, rows, draw, painter, table, theme
//!             ▲                       │
//!             └────── FrameInfo ◀─────┘                what drawing learned: sizes, what lies where
//! ```
//!
//! Everything shown from traffic passes through [`painter::Painter`], which makes it harmless.

mod action;
mod activity;
mod app;
mod big_text;
mod clipboard;
mod clock;
mod column_name;
mod config;
mod document;
mod draw;
mod effect;
mod event;
mod event_loop;
mod exchange_rates;
mod exchange_stats;
mod filtered_exchanges;
mod frame_info;
mod heat_map;
mod help;
mod input_line;
mod keyboard;
mod list_state;
mod matching_totals;
mod model;
mod mouse;
mod painter;
mod read_progress;
mod server_catalog;
mod sorted_list;
mod source;
mod table;
mod theme;
mod totals;
mod tty;
mod update;
mod view_name;
mod views;

pub use action::{ACTIONS, Action, ActionInfo, KeyBindings, KeyContext, KeyPress};
pub use app::App;
pub use config::{Config, Environment};
pub use draw::draw;
pub use effect::{Copies, CopyChoice, Effect};
pub use event::{Event, Loading, Uptime};
pub use event_loop::{Remember, run};
pub use filtered_exchanges::FilteredExchanges;
pub use frame_info::FrameInfo;
pub use input_line::{HISTORY, LONGEST};
pub use model::Model;
pub use source::{Device, Source};
pub use theme::{Role, Theme, ThemeName};
pub use tty::Tty;
pub use view_name::ViewName;
