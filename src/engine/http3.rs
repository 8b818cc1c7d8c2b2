//! HTTP/3 to hosts that speak MCP on TCP: a client that may use both sends calls that are not read.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use crate::base::{Origin, limits};
use crate::link::UdpDatagram;
use crate::tls::{Asked, Datagram, QuicConnection, QuicConnections};

/// The QUIC connections of a capture, and the servers that speak MCP.
#[derive(Debug, Default)]
pub(super) struct Http3 {
    quic: QuicConnections,
    /// Connections that were named since the last call of [`Self::drain`].
    named: Vec<QuicConnection>,
    /// One connection for each server and host, not yet known to speak MCP: at most
    /// [`limits::MAX_UNREAD`].
    unmatched: Vec<QuicConnection>,
    /// Servers and hosts that were reported: at most [`limits::MAX_UNREAD`].
    reported: BTreeSet<(SocketAddr, Option<Box<str>>)>,
    servers: McpServers,
}

/// Servers that speak MCP: at most [`limits::MAX_UNREAD`] of each kind.
#[derive(Debug, Default)]
struct McpServers {
    /// The hosts that clients asked for, in lower case.
    hosts: BTreeSet<Box<str>>,
    /// By address: the ports, and whether clients asked some for no host.
    addresses: HashMap<IpAddr, Server, foldhash::fast::RandomState>,
}

#[derive(Debug, Default)]
struct Server {
    ports: BTreeSet<u16>,
    is_unnamed: bool,
}

/// HTTP/3 to a host that speaks MCP.
#[derive(Debug)]
pub(super) struct Found {
    /// The first packet of the connection.
    pub(super) at: Origin,
    pub(super) detail: String,
    /// Whether it is the same server, and not another one on the same machine.
    pub(super) is_same_server: bool,
}

/// How a connection relates to the servers that speak MCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// The same host name, or the same address and port.
    SameServer,
    /// The same address.
    SameMachine,
}

impl Http3 {
    /// Takes a UDP datagram. Returns whether it begins a QUIC connection.
    pub(super) fn push(&mut self, datagram: &UdpDatagram) -> bool {
        let datagram = Datagram {
            source: datagram.source,
            destination: datagram.destination,
            payload: &datagram.payload,
            wire_len: datagram.wire_len,
            at: datagram.origin,
        };
        self.quic.push(&datagram, &mut self.named)
    }

    /// A connection of this server carries MCP; `host` is what the client asked for.
    pub(super) fn add_mcp(&mut self, server: SocketAddr, host: Option<&str>) {
        let servers = &mut self.servers;
        if let Some(host) = host
            && servers.hosts.len() < limits::MAX_UNREAD
        {
            servers.hosts.insert(host.to_ascii_lowercase().into());
        }
        if servers.addresses.len() < limits::MAX_UNREAD || servers.addresses.contains_key(&server.ip()) {
            let known = servers.addresses.entry(server.ip()).or_default();
            known.is_unnamed |= host.is_none();
            if known.ports.len() < MAX_PORTS {
                known.ports.insert(server.port());
            }
        }
        // They may be of this server.
        self.named.append(&mut self.unmatched);
    }

    /// The capture is over: connections whose ClientHello is not complete are compared, too.
    pub(super) fn finish(&mut self) {
        self.quic.finish(&mut self.named);
    }

    /// Returns what is to be reported since the last call.
    pub(super) fn drain(&mut self) -> Vec<Found> {
        let mut found = Vec::new();
        for connection in std::mem::take(&mut self.named) {
            if !connection.asked.as_ref().is_none_or(Asked::is_http3) {
                continue;
            }
            match self.servers.relation(&connection) {
                Some(relation) => found.extend(self.report(&connection, relation)),
                None if self.is_new(&connection) => self.unmatched.push(connection),
                None => {}
            }
        }
        found
    }

    fn is_new(&self, connection: &QuicConnection) -> bool {
        let is_same =
            |known: &QuicConnection| known.server == connection.server && host(known) == host(connection);
        self.unmatched.len() < limits::MAX_UNREAD && !self.unmatched.iter().any(is_same)
    }

    /// Describes a connection, if it is the first to its server and host.
    fn report(&mut self, connection: &QuicConnection, relation: Relation) -> Option<Found> {
        let key = (connection.server, host(connection).map(Into::into));
        if self.reported.len() >= limits::MAX_UNREAD || !self.reported.insert(key) {
            return None;
        }
        let protocol = if connection.asked.is_some() { "HTTP/3" } else { "QUIC" };
        let server = match host(connection) {
            Some(host) => format!("\"{host}\" ({})", connection.server),
            None => connection.server.to_string(),
        };
        let speaks = match relation {
            Relation::SameServer => "which speaks MCP over TCP as well",
            Relation::SameMachine => "on a machine that speaks MCP over TCP",
        };
        Some(Found {
            at: connection.at,
            detail: format!("{protocol} from {} to {server}, {speaks}", connection.client.ip()),
            is_same_server: relation == Relation::SameServer,
        })
    }
}

impl McpServers {
    /// Returns how a connection relates to these servers; `None` if it does not.
    fn relation(&self, connection: &QuicConnection) -> Option<Relation> {
        let host = host(connection);
        if host.is_some_and(|host| self.hosts.contains(&*host.to_ascii_lowercase())) {
            return Some(Relation::SameServer);
        }
        let server = self.addresses.get(&connection.server.ip())?;
        if host.is_some() && !server.is_unnamed {
            // Two hosts at one address: a shared front end.
            return None;
        }
        let is_same = server.ports.contains(&connection.server.port());
        Some(if is_same { Relation::SameServer } else { Relation::SameMachine })
    }
}

/// Returns the host that the client of a connection asks for.
fn host(connection: &QuicConnection) -> Option<&str> {
    connection.asked.as_ref()?.sni.as_deref()
}

/// Ports of a machine that are kept.
const MAX_PORTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn quic(server: &str, sni: Option<&str>, alpn: &str) -> QuicConnection {
        QuicConnection {
            client: ([10, 0, 0, 9], 50_000).into(),
            server: server.parse().unwrap(),
            at: Origin::new(7, 7),
            asked: Some(Asked { sni: sni.map(Into::into), alpn: vec![alpn.into()] }),
        }
    }

    /// What is reported of a connection and of an MCP server, whichever comes first.
    fn found(connection: &QuicConnection, mcp: (&str, Option<&str>)) -> Option<(bool, String)> {
        let server = mcp.0.parse().unwrap();
        let mut first = Http3 { named: vec![connection.clone()], ..Http3::default() };
        assert!(first.drain().is_empty());
        first.add_mcp(server, mcp.1);
        let mut second = Http3::default();
        second.add_mcp(server, mcp.1);
        second.named = vec![connection.clone(), connection.clone()];
        let [first, second] = [first, second].map(|mut http3| {
            let found = http3.drain();
            assert!(found.len() <= 1, "{found:?}");
            found.into_iter().next().map(|found| (found.is_same_server, found.detail))
        });
        assert_eq!(first, second);
        first
    }

    #[test]
    fn the_same_host_is_found_at_any_address() {
        let connection = quic("203.0.113.5:443", Some("MCP.example"), "h3");
        let want =
            "HTTP/3 from 10.0.0.9 to \"MCP.example\" (203.0.113.5:443), which speaks MCP over TCP as well";
        assert_eq!(found(&connection, ("203.0.113.8:8443", Some("mcp.example"))), Some((true, want.into())));
        // Another host of the same front end.
        assert_eq!(found(&connection, ("203.0.113.5:443", Some("other.example"))), None);
        assert_eq!(found(&connection, ("203.0.113.8:443", None)), None);
    }

    #[test]
    fn without_names_addresses_are_compared() {
        let unnamed = quic("127.0.0.1:443", None, "h3");
        let is_same = |mcp: (&str, Option<&str>)| found(&unnamed, mcp).map(|(is_same, _)| is_same);
        assert_eq!(is_same(("127.0.0.1:443", None)), Some(true));
        assert_eq!(is_same(("127.0.0.1:3000", None)), Some(false));
        assert_eq!(is_same(("127.0.0.1:443", Some("mcp.example"))), Some(true));
        assert_eq!(is_same(("127.0.0.2:443", None)), None);
        let named = quic("127.0.0.1:443", Some("localhost"), "h3-29");
        assert!(found(&named, ("127.0.0.1:3000", None)).is_some());
        // What was not captured whole may be HTTP/3.
        let cut = QuicConnection { asked: None, ..unnamed };
        assert!(found(&cut, ("127.0.0.1:443", None)).is_some_and(|(_, detail)| detail.starts_with("QUIC ")));
        assert_eq!(found(&quic("127.0.0.1:853", None, "doq"), ("127.0.0.1:443", None)), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut http3 = Http3::default();
        for number in 0..limits::MAX_UNREAD as u32 + 1000 {
            let server = format!("{}:443", std::net::Ipv4Addr::from(number));
            http3.named.push(quic(&server, None, "h3"));
        }
        assert!(http3.drain().is_empty());
        assert_eq!(http3.unmatched.len(), limits::MAX_UNREAD);
    }
}
