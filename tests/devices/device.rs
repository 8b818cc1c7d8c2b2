//! A device that is removed during the capture.

use super::dump::{Dump, PATIENCE, allowed, is_root, kept, until};
use super::namespace::Namespace;

/// A pair of devices, `va` and `vb`.
const SETUP: &[&str] = &[
    "link add va type veth peer name vb",
    "addr add 10.77.0.1/24 dev va",
    "link set vb up",
    "link set va up",
];

#[test]
fn a_removed_device_ends_the_capture_and_the_file_is_complete() {
    if !is_root() {
        return;
    }
    let namespace = match Namespace::new("device", SETUP) {
        Ok(namespace) => namespace,
        Err(why) => {
            allowed(Err(why));
            return;
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("va.pcapng");
    let mut command = namespace.mcpdump();
    command.args(["list", "-i", "va", "-w"]).arg(&file);
    let dump = Dump::start_command(command);
    // It asks for the address of a host that is not there: ARP, which ends in the address, and the
    // packet is in the file while it captures.
    let asked_for = |address: [u8; 4]| {
        let packets = super::dump::packets(std::fs::read(&file).unwrap()).0;
        packets
            .iter()
            .any(|packet| packet.data.get(12..14) == Some(&[8, 6]) && packet.data.ends_with(&address))
    };
    namespace.tool("bash -c 'echo > /dev/udp/10.77.0.2/9'");
    until("a packet in the file", PATIENCE, || asked_for([10, 77, 0, 2]));
    // Down and up again is not the end, and is reported.
    namespace.tool("ip link set va down");
    until("the report", PATIENCE, || dump.has_said("va is down"));
    namespace.tool("ip link set va up");
    until("the report", PATIENCE, || dump.has_said("va is up again"));
    namespace.tool("ip link set vb down");
    until("the report", PATIENCE, || dump.has_said("va has no carrier"));
    namespace.tool("ip link set vb up");
    namespace.tool("bash -c 'echo > /dev/udp/10.77.0.3/9'");
    until("a packet after it came up again", PATIENCE, || asked_for([10, 77, 0, 3]));
    namespace.tool("ip link del va");
    let ended = dump.wait();
    ended.with(0);
    ended.says(&["va", "removed"]);
    assert_eq!(kept(&file).len() as u64, ended.number(" packets captured"));
}
