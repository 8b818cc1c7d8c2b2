//! Attacks on a live capture: connections on loopback whose few bytes decode to much, and events
//! that do not end. Memory stays within its bound, and a call beside them is read.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use super::dump::{Dump, PATIENCE, can_capture, until};
use super::traffic::Traffic;

/// The most memory of a live capture, in MiB.
const MEMORY: u64 = 256;

/// What a server sends on each connection behind the fields of its head.
struct Attack {
    name: &'static str,
    fields: &'static str,
    body: Vec<u8>,
}

/// Content of `mib` MiB that begins like an event.
fn event(mib: usize) -> Vec<u8> {
    let mut text = vec![b' '; mib << 20];
    text[..6].copy_from_slice(b"data: ");
    text
}

fn brotli(text: &[u8]) -> Vec<u8> {
    let mut out = brotli::CompressorWriter::new(Vec::new(), 1 << 20, 5, 24);
    out.write_all(text).unwrap();
    out.flush().unwrap();
    out.into_inner()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// All attacks; `unfinished` is the length of an event that does not end, in bytes.
fn attacks(unfinished: usize) -> Vec<Attack> {
    let events = |body: Vec<u8>, name, fields| Attack { name, fields, body };
    let zstd = zstd::encode_all(&event(20)[..], 3).unwrap();
    let unfinished = [b"data: ".to_vec(), vec![b'['; unfinished]].concat();
    vec![
        events(brotli(&event(7)), "flushes of brotli", "Content-Encoding: br\r\n"),
        events(gzip(&event(20)), "bombs of gzip", "Content-Encoding: gzip\r\n"),
        events(brotli(&event(20)), "bombs of brotli", "Content-Encoding: br\r\n"),
        events(zstd, "bombs of zstd", "Content-Encoding: zstd\r\n"),
        events(unfinished, "unfinished events", ""),
    ]
}

/// Opens connections, each with an event stream that a server begins and does not end. Returns
/// both ends: none is closed while they are kept.
fn open(listener: &TcpListener, connections: usize, attack: &Attack) -> Vec<[TcpStream; 2]> {
    let address = listener.local_addr().unwrap();
    let connect = |_| {
        let client = TcpStream::connect(address).unwrap();
        let (server, _) = listener.accept().unwrap();
        (&client).write_all(b"GET /mcp HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n").unwrap();
        let mut request = BufReader::new(&server);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            request.read_line(&mut line).unwrap();
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{}\r\n", attack.fields);
        let reading = client.try_clone().unwrap();
        let len = head.len() + attack.body.len();
        std::thread::scope(|scope| {
            let read = scope.spawn(move || {
                let mut all = reading;
                std::io::copy(&mut std::io::Read::take(&mut all, len as u64), &mut std::io::sink()).unwrap()
            });
            (&server).write_all(head.as_bytes()).unwrap();
            (&server).write_all(&attack.body).unwrap();
            assert_eq!(read.join().unwrap(), len as u64);
        });
        [client, server]
    };
    (0..connections).map(connect).collect()
}

/// Captures each attack, and checks what the program holds when it has read it.
fn check(connections: usize, unfinished: usize) {
    let directory = tempfile::tempdir().unwrap();
    for attack in attacks(unfinished) {
        let (listener, beside) = (TcpListener::bind("127.0.0.1:0").unwrap(), Traffic::new());
        let file = directory.path().join("out.jsonl");
        let ports =
            format!("tcp port {} or tcp port {}", listener.local_addr().unwrap().port(), beside.port());
        let output = file.to_str().unwrap().to_owned();
        let dump = Dump::start(["export", "--to", "jsonl", "-o", &output, "-i", "lo", &ports]);
        let streams = open(&listener, connections, &attack);
        beside.make(2, 100);
        // The call came last: what was captured before it is read.
        let is_read = || fs::read_to_string(&file).is_ok_and(|text| text.contains("\"tools/call\""));
        until("the call beside the attack", PATIENCE, is_read);
        let peak = dump.field("VmHWM:").trim_end_matches(" kB").parse::<u64>().unwrap() / 1024;
        let ended = dump.interrupt();
        ended.with(0);
        drop(streams);
        println!("{:20} {connections:>6} {peak:>6} MiB", attack.name);
        assert!(peak <= MEMORY, "{} on {connections} connections took {peak} MiB", attack.name);
        let rows = fs::read_to_string(&file).unwrap();
        let call = rows.lines().find(|row| row.contains("\"tools/call\"")).unwrap();
        assert!(call.contains("\"status\":\"ok\""), "{call}");
    }
}

#[test]
fn compressed_streams_take_bounded_memory() {
    if can_capture() {
        check(40, 600_000);
    }
}

#[test]
#[ignore = "takes long"]
fn many_compressed_streams_take_bounded_memory() {
    if can_capture() {
        check(300, 600_000);
    }
}
