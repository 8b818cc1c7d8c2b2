//! The open exchange and its tabs.

mod draw;
mod events;
mod open_exchange;
mod pages;
mod parts;
mod tab;
mod timeline;

pub(super) use open_exchange::OpenExchange;
