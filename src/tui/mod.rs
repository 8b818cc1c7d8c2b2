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
mod app;
mod big_text;
mod clipboard;
mod column_name;
mod config;
mod document;
mod draw;
mod effect;
mod event;
mod event_loop;
mod exchange_stats;
mod filtered_exchanges;
mod frame_info;
mod heat_map;
mod help;
mod input_line;
mod keyboard;
mod list_state;
mod model;
mod mouse;
mod narrowed;
mod painter;
mod server_catalog;
mod sorted_list;
mod table;
mod theme;
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
pub use exchange_stats::{ExchangeStats, Rates};
pub use filtered_exchanges::{FilteredExchanges, SortBy};
pub use frame_info::{FrameInfo, Hit, Pane};
pub use heat_map::{Count, HeatMap, HeatMaps};
pub use input_line::{HISTORY, LONGEST};
pub use model::{Device, Model};
pub use painter::Painter;
pub use server_catalog::ServerCatalog;
pub use theme::{Role, Symbols, Theme, ThemeName};
pub use tty::Tty;
pub use view_name::ViewName;
