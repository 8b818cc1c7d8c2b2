//! Cells and sort keys that several views have in common.

use std::net::SocketAddr;

use crate::ledger::Implementation;
use crate::tui::sorted_list::SortKey;
use crate::tui::table::Cell;
use crate::tui::theme::Role;

/// Returns a cell with the name, version and address of a client or server.
pub(super) fn peer(info: Option<&Implementation>, address: String) -> Cell {
    let named = info.map(|info| {
        vec![
            (Role::Strong, format!("{} ", info.name).into()),
            (Role::Text, format!("{} ", info.version).into()),
        ]
    });
    Cell::Ended(named.unwrap_or_default(), (Role::Faint, address.into()))
}

/// Returns a cell with a count, in `role` unless the count is 0.
pub(super) fn count(role: Role, count: u64) -> Cell {
    Cell::text(if count > 0 { role } else { Role::Faint }, count.to_string())
}

/// Returns a sort key for an address: IPv4 addresses by number, before IPv6 addresses.
pub(super) fn address_key(address: SocketAddr) -> SortKey {
    match address {
        SocketAddr::V4(v4) => {
            SortKey::Number((i64::from(u32::from(*v4.ip())) << 16) | i64::from(address.port()))
        }
        SocketAddr::V6(v6) => SortKey::Text(format!("{:032x} {:05}", u128::from(*v6.ip()), v6.port()).into()),
    }
}
