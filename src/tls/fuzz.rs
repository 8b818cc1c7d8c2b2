//! Fuzz targets of TLS. Each panics if its bytes break a law.

use bytes::Bytes;

use super::handshake::{Certificate, ClientHello, Messages, ServerHello, encrypted_extensions};
use super::quic::Crypto;
use super::record::{Next, Records};
use super::{Connection, Datagram, KeyLog, KeyStore, Keys, Plaintext, QuicConnections, Trials};
use crate::base::fuzz::{Choices, assert_same, cut, feeds};
use crate::base::{End, Feed, Findings, Origin, Sink, Span, limits};

/// Records of one end: they are the same however its bytes are cut, and every byte is in a record,
/// skipped or held.
pub fn records(data: &[u8]) {
    let mut choices = Choices::new(data);
    let len = usize::from(choices.u8());
    let feeds = feeds(&mut choices);
    let whole = read_records(&feeds);
    assert_eq!(read_records(&cut(&feeds, 1 + len)), whole);
}

fn read_records(feeds: &[(End, Feed<End>)]) -> Vec<(u8, Bytes)> {
    let (mut records, mut got, mut pushed, mut read) = (Records::default(), Vec::new(), 0, 0);
    for (_, feed) in feeds {
        match feed {
            Feed::Data(bytes, _) => {
                pushed += bytes.len() as u64;
                records.push(bytes.clone(), Span::of(Origin::new(1, 1)));
            }
            Feed::Gap { len, .. } => drop(records.gap(*len)),
            Feed::Eof { .. } => {}
        }
        while let Some(next) = records.next() {
            match next {
                Next::Candidate(record) if record.body.first().is_none_or(|first| first % 2 == 1) => {
                    records.reject();
                }
                Next::Candidate(record) => {
                    records.accept(&record);
                    read += record.header.record_len() as u64;
                    got.push((record.header.content_type.0, record.body));
                }
                Next::Record(record) => {
                    read += record.header.record_len() as u64;
                    got.push((record.header.content_type.0, record.body));
                }
                Next::Invalid { bytes, .. } => got.push((0, bytes)),
            }
        }
        records.settle();
        assert_eq!(pushed, read + records.skipped() + records.held() as u64);
    }
    got
}

/// Handshake messages: they are the same however they are cut into records, none is longer than the
/// limit, and each reader takes any body.
pub fn handshake(data: &[u8]) {
    let mut choices = Choices::new(data);
    let len = 1 + usize::from(choices.u8());
    let content = choices.rest();
    let join = |len: usize| {
        let (mut messages, mut got) = (Messages::default(), Vec::new());
        for part in content.chunks(len) {
            messages.push(part);
            got.extend(std::iter::from_fn(|| messages.next()));
            assert!(messages.held() <= limits::MAX_HANDSHAKE_MESSAGE + len + 4);
        }
        got
    };
    let got = join(content.len().max(1));
    assert_eq!(join(len), got);
    for body in got.iter().map(|message| &message.body[..]).chain([content]) {
        drop((ClientHello::read(body), ServerHello::read(body), encrypted_extensions(body)));
        for is_v13 in [false, true] {
            if let Some(certificate) = Certificate::read_message(body, is_v13) {
                assert!(!certificate.covers(""), "no host has an empty name");
            }
        }
    }
}

/// A key log: read line by line it has the same secrets.
pub fn key_log(data: &[u8]) {
    let whole = KeyLog::read(data);
    let (mut lines, mut malformed) = (Vec::new(), 0);
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let log = KeyLog::read(line);
        lines.extend(log.lines);
        malformed += log.malformed;
    }
    assert_eq!((&whole.lines, whole.malformed), (&lines, malformed));
    let mut store = KeyStore::default();
    store.add(&lines);
    assert!(lines.iter().all(|line| store.knows(&line.random)));
}

/// Datagrams of QUIC clients, and frames of Initials: each connection is named once, and what is
/// kept is bounded.
pub fn quic(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (mut quic, mut named, mut began) = (QuicConnections::default(), Vec::new(), 0);
    let count = usize::from(choices.u8() % 8);
    for _ in 0..count {
        let (port, payload) = (choices.u8() % 4, choices.piece());
        let [source, destination] = [port, 4].map(|port| ([127, 0, 0, 1], u16::from(port)).into());
        let (wire_len, at) = (payload.len().max(1200), Origin::new(1, 1));
        let datagram = Datagram { source, destination, payload, wire_len, at };
        began += usize::from(quic.push(&datagram, &mut named));
    }
    quic.finish(&mut named);
    assert_eq!((named.len(), quic.held()), (began, 0));
    let mut crypto = Crypto::default();
    crypto.push(choices.rest());
    assert!(crypto.held() <= limits::MAX_QUIC_HELLO);
    drop(crypto.client_hello().and_then(ClientHello::read));
}

/// A connection with a key log in front, whose second half comes late: what it says does not depend
/// on how its bytes are cut, each end ends once at most, and what it holds is bounded.
pub fn connection(data: &[u8]) {
    let mut choices = Choices::new(data);
    let len = usize::from(choices.u8());
    let log = KeyLog::read(choices.piece()).lines;
    let feeds = feeds(&mut choices);
    // Secrets that come between two pieces of one packet would come at another place.
    let whole = decrypt(&feeds, &log);
    assert_same(&whole, &decrypt(&cut(&feeds, 1 + len), &log));
}

fn decrypt(feeds: &[(End, Feed<End>)], log: &[super::Line]) -> String {
    let (mut connection, mut store, mut findings) =
        (Connection::default(), KeyStore::default(), Findings::new());
    let trials = Trials::default();
    let (mut out, mut lines) = (Vec::<Plaintext>::new(), log.iter());
    let mut last = None;
    for (from, feed) in feeds {
        if last.replace(feed.at().packet) != Some(feed.at().packet)
            && let Some(line) = lines.next()
        {
            store.add(std::slice::from_ref(line));
            connection
                .retry(Keys { store: &store, trials: &trials }, &mut Sink::new(&mut out, &mut findings));
        }
        let keys = Keys { store: &store, trials: &trials };
        connection.push(*from, feed.clone(), keys, &mut Sink::new(&mut out, &mut findings));
        connection.settle();
        let held = connection.held() + connection.waiting();
        assert!(
            held <= 2 * limits::MAX_UNDECRYPTED + 2 * limits::MAX_HANDSHAKE_MESSAGE + (1 << 17),
            "{held}"
        );
    }
    let keys = Keys { store: &store, trials: &trials };
    connection.conclude(None, keys, &mut Sink::new(&mut out, &mut findings));
    assert!(!connection.is_waiting());
    for end in End::BOTH {
        let is_end = |(from, feed): &&Plaintext| *from == end && matches!(feed, Feed::Eof { .. });
        assert!(out.iter().filter(is_end).count() <= 1);
    }
    format!("{out:?} {:?} {:?}", findings.list(), connection.fact(&store))
}
