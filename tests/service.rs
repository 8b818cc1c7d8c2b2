//! The program as a service: what it tells its manager, and what SIGHUP does.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::collector::Collector;
use crate::support::program::mcpdump;

/// The next message of the service.
fn message(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let len = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

#[test]
fn a_service_tells_when_it_is_ready_and_reloads() {
    let directory = tempfile::tempdir().unwrap();
    let (path, growing) = (directory.path().join("notify"), directory.path().join("growing.pcap"));
    let bytes = std::fs::read("captures/ts-sse/capture.pcap").unwrap();
    std::fs::write(&growing, &bytes[..24]).unwrap();
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let collector = Collector::start([]);
    let mut child = mcpdump()
        .args(["export", "--to", "otlp", "--endpoint", &collector.url(), "--follow"])
        .arg(&growing)
        .env("NOTIFY_SOCKET", &path)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(message(&socket), "READY=1");
    let signal = |name: &str| {
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    };
    signal("HUP");
    std::fs::write(&growing, &bytes).unwrap();
    while collector.received().is_empty() {
        std::thread::yield_now();
        assert!(child.try_wait().unwrap().is_none(), "it ended");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert_eq!(message(&socket), "STOPPING=1");
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("certificates read anew"), "{told}");
    assert!(told.contains(" spans, "), "{told}");
}
