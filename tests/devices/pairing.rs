//! Every exchange is found live, and again in the saved file.

use std::collections::HashMap;

use super::dump::{Dump, can_capture, export, kept};
use super::traffic::Traffic;

#[test]
fn every_exchange_is_paired_live_and_from_the_file() {
    if !can_capture() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lo.pcapng");
    let traffic = Traffic::new();
    let dump = Dump::start(["export", "-i", "lo", "-w", file.to_str().unwrap(), &traffic.filter()]);
    let made = traffic.make(300, 2000);
    let ended = dump.interrupt();
    let live = ended.with(0);
    ended.says(&["0 packets lost by the kernel, 0 by the interface", "0 packets lost by mcpdump"]);

    let exchanges: HashMap<u64, serde_json::Value> = live
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|object| object["type"] == "exchange")
        .map(|exchange| (exchange["id"].as_u64().unwrap(), exchange))
        .collect();
    assert_eq!(exchanges.len(), made.len());
    for made in made {
        let exchange = &exchanges[&made.id];
        assert_eq!(
            (exchange["status"].as_str(), &exchange["degraded"]),
            (Some("ok"), &serde_json::json!([]))
        );
        let total = exchange["total_ms"].as_f64().unwrap();
        let (least, most) = (traffic.served(made.id).as_secs_f64() * 1e3, made.took.as_secs_f64() * 1e3);
        assert!(least <= total && total <= most, "{least} ms, {total} ms, {most} ms");
    }
    assert_eq!(export(&file), live, "live and saved agree");
    assert_eq!(kept(&file).len() as u64, ended.number(" packets captured"));
}

#[test]
fn with_packets_on_standard_output_lines_go_to_standard_error() {
    if !can_capture() {
        return;
    }
    let traffic = Traffic::new();
    let dump = Dump::start(["list", "-i", "lo", "-w", "-", &traffic.filter()]);
    traffic.make(5, 10);
    let ended = dump.interrupt();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let (packets, codes) = super::dump::packets(ended.stdout.clone());
    assert_eq!((packets.len() as u64, codes.len()), (ended.number(" packets captured"), 0));
    assert_eq!(ended.stderr.matches("tools/call echo").count(), 4);
}

#[test]
fn without_command_and_file_loopback_is_captured() {
    if !can_capture() {
        return;
    }
    let traffic = Traffic::new();
    let filter = traffic.filter();
    let words: Vec<&str> = filter.split(' ').collect();
    let dump = Dump::start(words);
    traffic.make(3, 10);
    let ended = dump.interrupt();
    assert_eq!(ended.with(0).lines().count(), 3);
    ended.says(&["packets captured on lo"]);
}
