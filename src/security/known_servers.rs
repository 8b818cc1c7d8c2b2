//! The list of servers that are expected.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use crate::ledger::Session;

/// Servers that are expected, in TOML:
/// `servers = ["10.0.0.2:3000", "10.0.0.3", "10.0.0.4:80/mcp", "weather"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownServers {
    servers: Vec<String>,
}

impl KnownServers {
    /// Parses a list.
    ///
    /// # Errors
    /// It is no TOML, or has something else than `servers`.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Whether the server of a session is in the list, or may be: by address, by address and port,
    /// with its path or without, or by the name that it gives itself, which anybody can take. Where
    /// packets are missing, its path or its name may be among them.
    #[must_use]
    pub(super) fn may_have(&self, session: &Session) -> bool {
        let is_lossy = session.degraded.any();
        let session = &session.session;
        self.servers.iter().any(|known| {
            let (authority, path) = known.split_at(known.find('/').unwrap_or(known.len()));
            let is_path = path.is_empty() || session.path.as_deref().map_or(is_lossy, |its| its == path);
            let is_address = match (authority.parse::<SocketAddr>(), authority.parse::<IpAddr>()) {
                (Ok(address), _) => address == session.server,
                (_, Ok(ip)) => ip == session.server.ip(),
                _ => return session.server_name.as_deref().map_or(is_lossy, |name| name == known),
            };
            is_address && is_path
        })
    }
}
