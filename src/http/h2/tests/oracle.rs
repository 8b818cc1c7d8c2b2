//! The `h2` crate as client and server: what they exchange is what is read.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::*;

/// Everything that was written, in order.
type Log = Arc<Mutex<Vec<(Side, Vec<u8>)>>>;

/// An end of a connection that logs what is written to it.
struct Tap {
    stream: DuplexStream,
    side: Side,
    log: Log,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(len)) = result {
            self.log.lock().unwrap().push((self.side, buf[..len].to_vec()));
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request: its fields, and the length of its body and of the body of its response.
type Call = (Vec<(String, String)>, usize, usize);

/// The text of a body of this length, different for each.
fn body(len: usize) -> String {
    (0..len).map(|n| char::from(b'a' + ((n * 7 + len) % 26) as u8)).collect()
}

async fn serve(tap: Tap) {
    let mut connection = h2::server::handshake(tap).await.unwrap();
    let mut tasks = Vec::new();
    while let Some(accepted) = connection.accept().await {
        let Ok((request, mut respond)) = accepted else { break };
        tasks.push(tokio::spawn(async move {
            let len = request.headers()["answer"].to_str().unwrap().parse().unwrap();
            let mut response = http::Response::new(());
            *response.headers_mut() = request.headers().clone();
            let mut content = request.into_body();
            while let Some(Ok(data)) = content.data().await {
                content.flow_control().release_capacity(data.len()).unwrap();
            }
            let mut stream = respond.send_response(response, len == 0).unwrap();
            if len > 0 {
                stream.send_data(body(len).into(), true).unwrap();
            }
        }));
    }
}

async fn converse(tap: Tap, calls: &[Call]) {
    let (send, connection) = h2::client::handshake(tap).await.unwrap();
    let driver = tokio::spawn(async move { connection.await.unwrap() });
    let mut send = send.ready().await.unwrap();
    let mut responses = Vec::new();
    for (n, (fields, len, answer)) in calls.iter().enumerate() {
        let mut request =
            http::Request::builder().method("POST").uri(format!("http://h/{n}")).header("answer", *answer);
        for (name, value) in fields {
            request = request.header(format!("x-{name}"), value);
        }
        let (response, mut stream) = send.send_request(request.body(()).unwrap(), *len == 0).unwrap();
        if *len > 0 {
            stream.send_data(body(*len).into(), true).unwrap();
        }
        responses.push(response);
        send = send.ready().await.unwrap();
    }
    // At the same time: one that is not read holds the window of the connection.
    let readers = responses.into_iter().map(|response| {
        tokio::spawn(async move {
            let mut content = response.await.unwrap().into_body();
            while let Some(data) = content.data().await {
                content.flow_control().release_capacity(data.unwrap().len()).unwrap();
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    drop(send);
    driver.await.unwrap();
}

/// What client and server of the `h2` crate write for these calls.
fn record(calls: &[Call]) -> Vec<(Side, Vec<u8>)> {
    let log: Log = Arc::default();
    let (client, server) = tokio::io::duplex(9_000);
    let tap = |stream, side| Tap { stream, side, log: Arc::clone(&log) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let server = tokio::spawn(serve(tap(server, Side::Server)));
        converse(tap(client, Side::Client), calls).await;
        server.await.unwrap();
    });
    std::mem::take(&mut *log.lock().unwrap())
}

/// A call: fields that repeat from call to call, and bodies that may be larger than a window.
fn call() -> impl Strategy<Value = Call> {
    let field = (
        "[a-c]{1,2}",
        prop_oneof!["[0-9]{1,3}", "[ -~]{0,30}".prop_map(|text: String| text.trim().to_owned())],
    );
    let len = || prop_oneof![Just(0usize), 1usize..100, 1usize..90_000];
    (proptest::collection::vec(field, 0..6), len(), len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_another_implementation_writes_is_read(calls in proptest::collection::vec(call(), 1..8), every in 1usize..3_000) {
        let mut world = World::midstream();
        for (side, bytes) in record(&calls) {
            for piece in bytes.chunks(every) {
                world.send(side, piece);
            }
        }
        world.finds_nothing();
        let mut bodies: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for update in &world.out {
            let number = update.transaction.0;
            match &update.kind {
                UpdateKind::Request(head) | UpdateKind::Response(head) => {
                    let text = std::str::from_utf8(head.text()).unwrap();
                    for (name, value) in &calls[number as usize].0 {
                        let line = format!("\r\nx-{name}: {value}\r\n");
                        prop_assert!(text.contains(&line), "{line:?} in {text:?}");
                    }
                }
                UpdateKind::RequestBody(body) | UpdateKind::ResponseBody(body) => {
                    prop_assert!(body.is_complete);
                    let text = String::from_utf8(body.content.to_vec()).unwrap();
                    bodies.entry(number).or_default().push(text);
                }
                _ => {}
            }
        }
        for (n, (_, len, answer)) in calls.iter().enumerate() {
            prop_assert_eq!(&bodies[&(n as u32)], &[body(*len), body(*answer)]);
        }
        prop_assert_eq!(world.layers.lower.streams.len(), 0);
    }
}
