//! TLS in the tunnel of a proxy (`CONNECT`) is read as if there were no proxy.

use std::collections::BTreeMap;

use super::exchanges;
use crate::stories::story::{Client, Server, Story};
use crate::support::corpus;
use crate::support::run::Run;
use mcpdump::base::fact::{Speaks, Wrapper};
use mcpdump::base::tls::Decrypted;
use mcpdump::base::{Code, End, Ending, Fact, Feed};
use mcpdump::capture::Item;
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;

const PROXY: &str = "10.0.0.9:3128";
const CONNECT: &str = "CONNECT mcp.example:443 HTTP/1.1\r\nHost: mcp.example:443\r\n\r\n";
const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// What the ends of the connections sent, in order; `None` where an end closed.
fn deliveries(items: &[Item], connections: u32) -> Vec<(u32, End, Option<Vec<u8>>)> {
    let (mut engine, mut entries) = (Engine::of_connections(0..connections), Vec::new());
    items.iter().for_each(|item| engine.push(item.clone(), &mut entries));
    engine.finish(&mut entries);
    let deliveries = entries.into_iter().filter_map(|entry| match entry {
        Entry::Fact(Fact::Delivery(fact)) if !fact.is_decrypted => Some(*fact),
        _ => None,
    });
    let sent = deliveries.filter_map(|fact| match fact.feed {
        Feed::Data(bytes, _) => Some((fact.tcp_stream, fact.from, Some(bytes.to_vec()))),
        Feed::Eof { how: Ending::Closed, .. } => Some((fact.tcp_stream, fact.from, None)),
        _ => None,
    });
    sent.collect()
}

/// How a client begins a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// It waits for the answer.
    Waits,
    /// The proxy asks for a password first.
    Refused,
    /// The answer was captured after the first packet that it allows.
    Ahead,
}

#[test]
fn tls_in_a_tunnel_is_read() {
    for directory in ["tls13-keylog", "tls12-keylog", "h2-tls"] {
        let path = corpus::directory().join(directory).join("capture-dsb.pcapng");
        let items = corpus::items(corpus::bytes(&path)).unwrap();
        let direct = Run::over(&items);
        let mut want = exchanges(&direct);
        want.sort();
        assert!(want.len() > 3);
        let count = direct.connections().len() as u32;
        for begin in [Begin::Waits, Begin::Refused, Begin::Ahead] {
            let mut story = Story::new();
            let mut opened = BTreeMap::new();
            for (at, (number, from, bytes)) in deliveries(&items, count).into_iter().enumerate() {
                story.at(at as f64);
                let is_first = !opened.contains_key(&number);
                let conn = *opened.entry(number).or_insert_with(|| {
                    let conn = story.connect(&format!("10.0.0.1:{}", 5000 + number), PROXY);
                    story.c(conn, CONNECT);
                    if begin == Begin::Refused {
                        story.s(conn, "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno");
                        story.c(conn, CONNECT);
                    }
                    if begin != Begin::Ahead {
                        story.s(conn, ESTABLISHED);
                    }
                    conn
                });
                let side = if from == End::A { Client } else { Server };
                let Some(bytes) = bytes else {
                    story.fin(conn, side);
                    continue;
                };
                for piece in bytes.chunks(1400) {
                    let _ = if side == Client { story.c(conn, piece) } else { story.s(conn, piece) };
                }
                if begin == Begin::Ahead && is_first {
                    story.s(conn, ESTABLISHED);
                }
            }
            let mut tunnelled: Vec<Item> =
                items.iter().filter(|item| matches!(item, Item::Secrets { .. })).cloned().collect();
            tunnelled.extend(corpus::items(story.pcap()).unwrap());
            let run = Run::over(&tunnelled);
            let mut got = exchanges(&run);
            got.sort();
            assert_eq!(got, want, "{directory} {begin:?}");
            for fact in run.connections() {
                assert_eq!(fact.wrapper, Some(Wrapper::ConnectTunnel), "{fact:?}");
                assert!(matches!(fact.speaks, Speaks::Http1 | Speaks::Http2), "{fact:?}");
                assert_eq!(fact.tls.as_ref().unwrap().decrypted, Decrypted::Everything);
            }
            let unread = run.findings().into_iter().filter(|it| it.code == Code::HttpNotRead).count();
            assert_eq!(unread, 0);
        }
    }
}
