//! Addresses of the connection that stands for the pipes between a client and a server.
//!
//! Files of several wraps on one machine are read as one capture, so no two connections may have
//! the same addresses and ports, and none those of a real one on loopback:
//!
//! | end | address | port |
//! |---|---|---|
//! | client | 127.64.0.0/10, the lower 22 bits are the process id of the wrap | from the start time |
//! | server | 127.128.0.0/9, the lower 23 bits are a hash of the command | 4 |
//!
//! So one command is one server, in whichever wrap, and each wrap is a client of its own.

use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, SocketAddrV4};

use foldhash::quality::FixedState;

use crate::base::Timestamp;

/// The port of servers: unassigned, and no protocol that Wireshark dissects by default.
const SERVER_PORT: u16 = 4;

/// The first of the dynamic ports (RFC 6335 section 6).
const FIRST_PORT: u16 = 49_152;

/// Process ids of Linux have at most 22 bits (proc(5), `pid_max`).
const PROCESS_BITS: u32 = 22;

/// Bits of the hash of a command.
const COMMAND_BITS: u32 = 23;

/// The two ends of a connection, and the sequence numbers with which they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub client: SocketAddrV4,
    /// The server.
    pub server: SocketAddrV4,
    /// The first sequence numbers of client and server.
    pub(super) sequence: [u32; 2],
}

impl Addresses {
    /// Chooses the addresses of a wrap with this process id, which runs `command` since `start`.
    #[must_use]
    pub fn new(process: u32, command: &str, start: Timestamp) -> Self {
        let host = |first: u32, value: u32, bits: u32| Ipv4Addr::from(first | value & ((1 << bits) - 1));
        let client = host(u32::from(Ipv4Addr::new(127, 64, 0, 0)), process, PROCESS_BITS);
        let server = host(u32::from(Ipv4Addr::new(127, 128, 0, 0)), hash(command.as_bytes()), COMMAND_BITS);
        // Milliseconds: a process id that is given again within a minute has another port.
        let milliseconds = start.0.div_euclid(1_000_000);
        let ports = i64::from(u16::MAX - FIRST_PORT) + 1;
        let offset = u16::try_from(milliseconds.rem_euclid(ports)).unwrap_or_default();
        let time = hash(&start.0.to_le_bytes());
        Self {
            client: SocketAddrV4::new(client, FIRST_PORT.saturating_add(offset)),
            server: SocketAddrV4::new(server, SERVER_PORT),
            sequence: [time, time.rotate_left(16)],
        }
    }
}

/// A hash that is the same in every run.
fn hash(bytes: &[u8]) -> u32 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write(bytes);
    let hash = hasher.finish();
    u32::try_from(hash >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn wraps_do_not_clash() {
        let of = |process, command, second| Addresses::new(process, command, Timestamp(second * SECOND));
        let first = of(4_194_303, "npx server", 1_795_337_355);
        assert_eq!(*first.client.ip(), Ipv4Addr::new(127, 127, 255, 255));
        assert!(first.client.port() >= FIRST_PORT);
        let other = of(1, "npx server", 1_795_337_355);
        assert_eq!(*other.client.ip(), Ipv4Addr::new(127, 64, 0, 1), "no address of loopback's own");
        assert_eq!(other.server, first.server, "one command is one server");
        assert!(other.server.ip().octets()[1] >= 128);
        assert_ne!(of(1, "npx other", 1_795_337_355).server, first.server);
        assert_ne!(of(1, "npx server", 1_795_337_356).client, other.client, "the process id is given again");
    }
}
