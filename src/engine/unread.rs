//! Servers that speak MCP on some connections while others of theirs could not be decrypted: what
//! is missing on one may be hidden in another.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::base::limits;

/// The servers of connections that are read, and of those that are not.
#[derive(Debug, Default)]
pub(super) struct Unread {
    /// Ends of connections that cannot be decrypted.
    unread: BTreeSet<SocketAddr>,
    /// Servers that speak MCP.
    mcp: BTreeSet<SocketAddr>,
}

impl Unread {
    /// A connection of these ends cannot be decrypted. Returns whether it may hide MCP of a server
    /// that is read elsewhere.
    pub(super) fn add_unread(&mut self, ends: &[SocketAddr]) -> bool {
        let is_full = self.unread.len() >= limits::MAX_UNREAD;
        if !is_full {
            self.unread.extend(ends);
        }
        is_full || ends.iter().any(|end| self.mcp.contains(end))
    }

    /// A connection of this server carries MCP. Returns whether others of its connections cannot be
    /// decrypted.
    pub(super) fn add_mcp(&mut self, server: SocketAddr) -> bool {
        if self.mcp.len() < limits::MAX_UNREAD {
            self.mcp.insert(server);
        }
        self.unread.contains(&server) || self.unread.len() >= limits::MAX_UNREAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(port: u16) -> SocketAddr {
        ([10, 0, 0, 1], port).into()
    }

    #[test]
    fn only_connections_of_the_same_server_matter() {
        let mut unread = Unread::default();
        assert!(!unread.add_unread(&[end(443)]));
        assert!(!unread.add_mcp(end(8443)));
        assert!(unread.add_mcp(end(443)));
        assert!(unread.add_unread(&[end(50_000), end(8443)]));
    }

    #[test]
    fn beyond_the_cap_any_server_may_be_concerned() {
        let mut unread = Unread::default();
        for port in 0..limits::MAX_UNREAD {
            unread.add_unread(&[end(port as u16)]);
        }
        assert!(unread.add_mcp(end(60_000)) && unread.add_unread(&[end(60_001)]));
    }
}
