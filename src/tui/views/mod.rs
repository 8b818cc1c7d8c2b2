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
mod view;

use super::config::Config;
use super::model::Model;

pub(super) use view::View;

/// Every view that there is, in the order of their keys.
pub(super) fn all(config: &Config, model: &Model) -> Vec<Box<dyn View>> {
    vec![
        Box::new(overview::Overview::default()),
        Box::new(sessions::Sessions::default()),
        Box::new(exchanges::Exchanges::new(config.columns.clone(), model.source().is_live)),
        Box::new(latency::Latency::default()),
        Box::new(streams::Streams::default()),
        Box::new(connections::Connections::default()),
        Box::new(findings::Findings::default()),
        Box::new(servers::Servers::default()),
    ]
}
