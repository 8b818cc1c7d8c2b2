//! The exchanges: a list of requests with their outcome, and beside or in place of it the open
//! exchange.

mod columns;
mod copy_menu;
mod detail;
mod view;

pub(super) use view::Exchanges;
