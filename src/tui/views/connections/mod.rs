//! The TCP connections: a row each; an open connection shows its packets, its transactions and the
//! bytes of either direction.

mod byte_lines;
mod list;
mod open_connection;
mod packet_rows;
mod summary;
mod view;

pub(super) use view::Connections;
