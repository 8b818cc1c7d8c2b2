//! The same bytes in other pieces give the same messages and findings.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::base::{Feed, Stack};
use crate::http::Assembler;

const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// What one side may send in one packet.
fn packet() -> impl Strategy<Value = (Side, Vec<u8>)> {
    let length = BODY.len();
    let request =
        |head: String, body: &str| (Side::Client, format!("POST /mcp HTTP/1.1\r\n{head}\r\n{body}"));
    let response = |status: &str, head: &str, body: &str| {
        (Side::Server, format!("HTTP/1.1 {status}\r\n{head}\r\n{body}"))
    };
    let texts = vec![
        request(format!("Content-Length: {length}\r\n"), BODY),
        request(format!("Content-Length: {}\r\n", length + 9), BODY),
        request(format!("Content-Length: {}\r\n", length - 9), BODY),
        request(format!("Content-Length: {length}\r\nExpect: 100-continue\r\n"), ""),
        request("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n".to_owned(), ""),
        (Side::Client, BODY.to_owned()),
        (Side::Client, "CONNECT a:1 HTTP/1.1\r\n\r\n".to_owned()),
        (Side::Client, "\r\n\r\n".to_owned()),
        response("200 OK", "Content-Length: 2\r\n", "{}"),
        response("200 OK", "Content-Length: 2\r\n", "{} and more"),
        response(
            "200 OK",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "2\r\n{}\r\n0\r\n\r\n",
        ),
        response("200 Connection established", "", ""),
        response("100 Continue", "", ""),
        response("417 Expectation Failed", "Content-Length: 0\r\n", ""),
        response("204 No Content", "", ""),
        response("101 Switching Protocols", "Upgrade: websocket\r\n", "\u{1}"),
    ];
    let hello = [Side::Client, Side::Server].map(|side| (side, b"\x16\x03\x01\0\xc8\x01\0\0".to_vec()));
    let all = texts.into_iter().map(|(side, text)| (side, text.into_bytes())).chain(hello);
    proptest::sample::select(all.collect::<Vec<_>>())
}

/// What the layers make of packets, each in pieces that are cut at multiples of `every` bytes.
fn read(packets: &[(Side, Vec<u8>)], every: usize) -> (String, Switched) {
    let mut layers = Stack::new(Connection::new(), Assembler::new());
    let (mut out, mut findings) = (Vec::new(), Findings::new());
    let mut number = 0;
    for (side, bytes) in packets {
        number += 1;
        let span = Span::of(Origin::new(number, 1));
        for piece in bytes.chunks(every) {
            let feed = Feed::Data(Bytes::copy_from_slice(piece), span);
            layers.push((*side, feed), &mut Sink::new(&mut out, &mut findings));
            layers.settle();
        }
    }
    for side in Side::BOTH {
        let feed = Feed::Eof { how: Ending::Closed, at: Origin::new(number + 1, 1) };
        layers.push((side, feed), &mut Sink::new(&mut out, &mut findings));
    }
    assert_eq!(layers.held(), layers.lower.held(), "the assembler holds nothing at the end");
    (format!("{out:#?}\n{findings:#?}"), layers.switched())
}

proptest! {
    #[test]
    fn pieces_do_not_matter(packets in proptest::collection::vec(packet(), 1..8), every in 1_usize..40) {
        let (whole, switched) = read(&packets, usize::MAX);
        let (pieces, switched_in_pieces) = read(&packets, every);
        prop_assert_eq!(whole, pieces);
        prop_assert_eq!(switched, switched_in_pieces);
    }
}
