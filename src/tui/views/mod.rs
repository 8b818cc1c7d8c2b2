//! The views: a file or directory each. Their table is in [`view_name`](super::view_name).

mod cells;
mod connections;
mod empty;
mod exchanges;
mod findings;
mod format;
mod latency;
mod layout;
mod link_table;
mod message;
mod overview;
mod reader;
mod servers;
mod sessions;
mod store_items;
mod streams;
mod table_view;
mod view;
mod wireshark;
mod wrap;

use super::config::Config;
use super::model::Model;
use super::view_name::view_table;

pub(super) use view::View;

/// Generates [`all`] from the table of views.
macro_rules! constructors {
    ($($name:ident, $title:literal, $short:literal, $config:literal, $key:literal,
        $help:literal, $view:path;)+) => {
        /// Returns the views, in the order of their tabs.
        pub(super) fn all(config: &Config, model: &Model) -> Vec<Box<dyn View>> {
            vec![$(Box::new(<$view as View>::new(config, model))),+]
        }
    };
}

view_table!(constructors);
