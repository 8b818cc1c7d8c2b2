//! Roles, PROXY protocol headers, and a layer between `tcp` and `http`.

use bytes::Bytes;

use super::*;
use crate::base::{Ending, Side, Span};
use crate::tls::Trials;

/// A layer that changes nothing: what TLS with a known key would be.
struct PassThrough {
    eofs: usize,
}

impl Layer for PassThrough {
    type In = (Side, Feed);
    type Out = (Side, Feed);

    fn push(&mut self, input: Self::In, sink: &mut Sink<'_, Self::Out>) {
        self.eofs += usize::from(matches!(input.1, Feed::Eof { .. }));
        sink.out.push(input);
    }

    fn held(&self) -> usize {
        0
    }

    fn shed(&mut self, _: Origin, _: &mut Findings) {}

    fn settle(&mut self) {}

    fn is_over(&self) -> bool {
        self.eofs == 2
    }
}

const REQUEST: &str = "POST /hook HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
const RESPONSE: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

fn data(text: &str, packet: u64) -> Feed<End> {
    let span = Span::of(Origin::new(packet, packet as i64));
    Feed::Data(Bytes::copy_from_slice(text.as_bytes()), span)
}

/// One request of `client`, its response, then a FIN and a RST.
fn feeds(client: End) -> Vec<(End, Feed<End>)> {
    let server = client.other();
    let at = Origin::new(9, 9);
    vec![
        (client, data(&REQUEST[..9], 1)),
        (client, data(&REQUEST[9..], 2)),
        (server, data(RESPONSE, 3)),
        (client, data(REQUEST, 4)),
        (server, Feed::Eof { how: Ending::Closed, at }),
        (client, Feed::Eof { how: Ending::Reset(client), at }),
    ]
}

fn opened(opener: Option<End>) -> Opened {
    let ends = ["10.0.0.1:40000", "10.0.0.2:80"].map(|end| end.parse().unwrap());
    Opened { id: ConnectionId::default(), ends, opener, at: Origin::default() }
}

fn updates(client: End, opener: Option<End>) -> (Pipeline, Vec<String>) {
    let (mut pipeline, mut out, mut findings) = (Pipeline::new(opened(opener)), Vec::new(), Findings::new());
    for (from, feed) in feeds(client) {
        let keys = Keys { store: &KeyStore::default(), trials: &Trials::default() };
        pipeline.push(from, feed, keys, &mut Sink::new(&mut out, &mut findings));
    }
    (pipeline, out.iter().map(|update| format!("{update:?}")).collect())
}

/// A balancer announces the client once, before the TLS: what is decrypted has no header.
#[test]
fn a_proxy_header_holds_for_what_is_decrypted() {
    let (mut pipeline, mut findings) = (Pipeline::new(opened(None)), Findings::new());
    let client = "192.0.2.7:5000".parse().ok();
    pipeline.report_proxy_header(Some(Announced::of(1, client)), &mut findings);
    pipeline.report_proxy_header(None, &mut findings);
    assert_eq!((pipeline.named_client(), findings.len()), (client, 1));
    assert_eq!(pipeline.wrapper(), Some(Wrapper::ProxyHeader));
}

/// A server may open the connection that it answers on, and a client may be called back on one
/// of its own.
#[test]
fn roles_come_from_what_is_spoken() {
    let (_, expected) = updates(End::A, Some(End::A));
    for (client, opener) in [(End::A, Some(End::B)), (End::B, Some(End::A)), (End::B, None)] {
        let (pipeline, got) = updates(client, opener);
        assert_eq!(pipeline.client(), client, "{opener:?} opened the connection");
        assert_eq!(pipeline.peers().client.port(), if client == End::A { 40000 } else { 80 });
        assert_eq!(pipeline.speaks(), Speaks::Http1);
        assert_eq!(got, expected);
    }
}

/// A layer that takes and makes feeds (TLS) fits between tcp and http without a change to
/// either.
#[test]
fn a_layer_fits_between_tcp_and_http() {
    let http1 = || stack(Connection::http1(TransactionNo(0)), true);
    let (mut plain, mut below) = (http1(), Stack::new(PassThrough { eofs: 0 }, http1()));
    let run = |layers: &mut dyn Layer<In = (Side, Feed), Out = Update>| {
        let (mut out, mut findings) = (Vec::new(), Findings::new());
        for (from, feed) in feeds(End::A) {
            layers.push((from.side(End::A), feed.by_side(End::A)), &mut Sink::new(&mut out, &mut findings));
            layers.settle();
        }
        assert!(layers.is_over());
        // The state of the connection itself.
        assert!(layers.held() < 2048, "{} bytes of nothing", layers.held());
        format!("{out:?}")
    };
    let expected = run(&mut plain);
    assert!(expected.contains("202"));
    assert_eq!(run(&mut below), expected);
}
