//! The terminal user interface: state in, screen out. `draw` takes only `&`; one table maps keys to
//! actions; actions return effects; only the event loop and its helpers touch the terminal.
//!
//! ```text
//!  Event ─▶ App::handle ─▶ Effect ─▶ terminal     event, update, input_modes, mouse, effect,
//!             │                                   event_loop: keyboard, tty, clipboard
//!             │                                   action, config: which key does what
//!             ▼
//!           App { Model, views } ─▶ draw ─▶ cells  app, views, draw, header, filter_line,
//!             ▲                      │             footer, help, painter, table, theme
//!             └────── FrameInfo ◀────┘             layout: panes, clickable areas
//!
//!           Model                                  store, source, clock, read_progress,
//!             │                                    exchange_rates, server_catalog
//!             ├─ ContentSearch                     what a filter finds in bodies
//!             ├─ FilteredExchanges                 the exchanges that match the filter, in order
//!             └─ FilterTotals                      totals of all and of matching exchanges
//! ```
//!
//! Everything shown from traffic passes through the painter, which sanitizes it. Files import only
//! files below them: vocabulary (`action`, `view_name`, `column_name`, `theme`, `frame_info`), then
//! what draws (`painter`, `table`, `sorted_list`), the model, the views, and the app above all.

mod action;
mod activity;
mod app;
mod batch;
mod big_text;
mod clipboard;
mod clock;
mod column_name;
mod config;
mod content_search;
mod document;
mod draw;
mod effect;
mod event;
mod event_loop;
mod exchange_rates;
mod exchange_stats;
mod explanation;
mod filter_line;
mod filter_totals;
mod filtered_exchanges;
mod footer;
mod frame_info;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod header;
mod heat_map;
mod help;
mod input_line;
mod input_modes;
mod key_bindings;
mod keyboard;
mod list_state;
mod matching_totals;
mod model;
mod mouse;
mod occurring_values;
mod painter;
mod read_progress;
mod related_exchanges;
mod server_catalog;
mod sorted_list;
mod source;
mod table;
mod theme;
mod times;
mod totals;
mod tty;
mod typed_text;
mod update;
mod view_name;
mod views;

pub use action::Action;
pub use app::App;
pub use batch::{Batch, InFlight, payload_len};
pub use config::{Config, Environment};
pub use draw::draw;
pub use effect::{Effect, SaveAs};
pub use event::{Event, Loading};
pub use event_loop::{Surrounding, run};
pub use explanation::{Explanation, Unexplained};
pub use filtered_exchanges::FilteredExchanges;
pub use frame_info::FrameInfo;
pub use input_line::{MAX_HISTORY, MAX_LINE_BYTES};
pub use model::Model;
pub use source::{Device, Source};
pub use tty::Tty;
pub use view_name::ViewName;
