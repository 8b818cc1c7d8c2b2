//! The open exchange and its tabs.

mod draw;
mod events;
mod open_exchange;
mod pages;
mod parts;
mod tab;
mod timeline;
mod why;

pub(super) use open_exchange::OpenExchange;
