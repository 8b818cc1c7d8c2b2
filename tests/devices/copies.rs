//! A capture on `any` that shows each packet on several devices.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use super::dump::{Dump, allowed, is_root, kept};
use super::namespace::Namespace;

/// A bridge between two hosts, `a` and `b`.
struct Bridge {
    middle: Namespace,
    a: Namespace,
    b: Namespace,
}

impl Bridge {
    fn new() -> Result<Self, String> {
        let middle = Namespace::new("m", &["link set lo up", "link add br0 type bridge", "link set br0 up"])?;
        let host = |name: &str, last: u8| -> Result<Namespace, String> {
            let host = Namespace::new(name, &["link set lo up"])?;
            let commands = [
                format!(
                    "-n {} link add v{name} type veth peer name inside netns {}",
                    middle.name(),
                    host.name()
                ),
                format!("-n {} link set v{name} master br0 up", middle.name()),
                format!("-n {} addr add fd77::{last}/64 dev inside nodad", host.name()),
                format!("-n {} link set inside up", host.name()),
            ];
            for command in commands {
                super::dump::tool(&format!("ip {command}"))?;
            }
            Ok(host)
        };
        let (a, b) = (host("a", 1)?, host("b", 2)?);
        Ok(Self { middle, a, b })
    }
}

/// A server and its standard output; killed at the end.
struct Server(Child, BufReader<ChildStdout>);

impl Server {
    fn start(on: &Namespace) -> Self {
        let mut command = on.mcpdump();
        command.args(["serve", "--listen", "[fd77::2]:3000"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self(child, stdout);
        let mut line = String::new();
        server.1.read_line(&mut line).unwrap();
        assert!(line.contains("fd77::2"), "{line}");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The number of segments that a device shows again, by IPv6 addresses, ports and sequence number:
/// what was sent again.
fn sent_again(packets: &[(u32, Vec<u8>)]) -> u64 {
    let mut seen: HashMap<(u32, u8, Vec<u8>), u64> = HashMap::new();
    for (device, data) in packets {
        // SLL2 (20 bytes) with IPv6 (40 bytes) and TCP.
        let Some(ip) = data.get(20..).filter(|ip| ip.len() > 60 && ip[6] == 6) else { continue };
        let header = usize::from(ip[52] >> 4) * 4;
        let has_numbers = ip.len() > 40 + header || ip[53] & 3 != 0;
        if has_numbers {
            let mut key = ip[8..48].to_vec();
            key.extend(&ip[4..6]);
            key.push(ip[53] & 3);
            *seen.entry((*device, data[10], key)).or_default() += 1;
        }
    }
    // Each is shown by both ports of the bridge.
    seen.values().map(|times| times - 1).sum::<u64>() / 2
}

#[test]
fn copies_of_a_packet_on_several_devices_are_no_retransmissions() {
    if !is_root() {
        return;
    }
    let bridge = match Bridge::new() {
        Ok(bridge) => bridge,
        Err(why) => {
            allowed(Err(why));
            return;
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("any.pcapng");
    let _server = Server::start(&bridge.b);
    let mut command = bridge.middle.mcpdump();
    command.args(["report", "--format", "json", "-i", "any", "-w"]).arg(&file).args(["tcp", "port", "3000"]);
    let dump = Dump::start_command(command);
    let mut clients = bridge.a.mcpdump();
    clients.args(["traffic", "--calls", "40", "http://[fd77::2]:3000/mcp"]);
    let output = clients.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report = dump.interrupt().with(0);
    let packets: Vec<(u32, Vec<u8>)> = kept(&file)
        .iter()
        .map(|packet| (u32::from_be_bytes(packet.data[4..8].try_into().unwrap()), packet.data.to_vec()))
        .collect();
    let devices: std::collections::BTreeSet<u32> = packets.iter().map(|(device, _)| *device).collect();
    assert!(devices.len() > 1, "{devices:?}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let found = find(&report, "retransmissions").unwrap_or_else(|| panic!("{report}"));
    assert_eq!(found.as_u64(), Some(sent_again(&packets)), "{} packets", packets.len());
    // Both ports of the bridge show every packet.
    assert_eq!(find(&report, "copies").and_then(Value::as_u64), Some(packets.len() as u64 / 2));
}

/// The first member of this name, at any depth.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => {
            members.get(name).or_else(|| members.values().find_map(|value| find(value, name)))
        }
        Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}
