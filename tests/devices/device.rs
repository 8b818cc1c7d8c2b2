//! A device that is removed during the capture.

use super::dump::{Dump, PATIENCE, allowed, is_root, kept, plain, tool, until};

/// A network namespace with a pair of devices, `va` and `vb`; deleted at the end.
struct Namespace(String);

impl Namespace {
    fn new() -> Result<Self, String> {
        let namespace = Self(format!("mcpdump-{}", std::process::id()));
        let name = &namespace.0;
        tool(&format!("ip netns add {name}"))?;
        tool(&format!("ip -n {name} link add va type veth peer name vb"))?;
        tool(&format!("ip -n {name} addr add 10.77.0.1/24 dev va"))?;
        tool(&format!("ip -n {name} link set vb up && ip -n {name} link set va up"))?;
        Ok(namespace)
    }

    fn tool(&self, line: &str) {
        tool(&format!("ip netns exec {} {line}", self.0)).expect("the tool runs");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(why) = tool(&format!("ip netns del {}", self.0)) {
            eprintln!("{why}");
        }
    }
}

#[test]
fn a_removed_device_ends_the_capture_and_the_file_is_complete() {
    if !is_root() {
        return;
    }
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(why) => {
            allowed(Err(why));
            return;
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("va.pcapng");
    let mut command = plain("ip");
    command.args(["netns", "exec", &namespace.0, env!("CARGO_BIN_EXE_mcpdump"), "list", "-i", "va", "-w"]);
    let dump = Dump::start_command({
        command.arg(&file);
        command
    });
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
    // Down and up again is not the end.
    namespace.tool("ip link set va down");
    namespace.tool("ip link set va up");
    namespace.tool("bash -c 'echo > /dev/udp/10.77.0.3/9'");
    until("a packet after it came up again", PATIENCE, || asked_for([10, 77, 0, 3]));
    namespace.tool("ip link del va");
    let ended = dump.wait();
    ended.with(0);
    ended.says(&["va", "removed"]);
    assert_eq!(kept(&file).len() as u64, ended.number(" packets captured"));
}
