//! Attacks with TLS: records, handshakes, key logs, losses.

use super::compressed::gzip;
use super::sealed::{DATA, HANDSHAKE, Sealed, client_hello, message, record, secrets};
use super::wire::{Side, Wire};

use Side::{Client, Server};

/// `n` connections, each with the beginning of the longest record of the client and of the longest
/// message of the server.
pub(crate) fn lengths(wire: &mut Wire, n: usize) {
    let mut half = vec![HANDSHAKE, 3, 3, 0x47, 0xff, 1, 0, 0xff, 0xff];
    half.resize(15_000, 0);
    let long = message(11, 128 << 10, &[0; 15_000]);
    for number in 0..n {
        let mut conn = wire.open(number);
        wire.send(&mut conn, Client, &half);
        for part in 0..8 {
            let body = if part == 0 { &long[..] } else { &long[4..] };
            wire.send(&mut conn, Server, record(HANDSHAKE, body));
        }
    }
}

/// One connection with `n` records whose lengths no record has, and `n` messages that no handshake
/// has.
pub(crate) fn lies(wire: &mut Wire, n: usize) {
    let mut conn = wire.open(0);
    let hello = client_hello(0, &[]);
    wire.send(&mut conn, Client, record(HANDSHAKE, &message(1, hello.len(), &hello)));
    for at in 0..n {
        let lie = message(11, 0xff_ffff, &[]);
        wire.send(&mut conn, Server, record(HANDSHAKE, &lie));
        wire.send(&mut conn, Client, [23, 3, 3, 0xff, (at % 256) as u8, 0, 0]);
    }
}

/// `n` records without content, then as many of a byte.
pub(crate) fn tiny_records(wire: &mut Wire, n: usize) {
    let mut sealed = Sealed::open_with_secrets(wire, 0);
    for len in [0, 1] {
        for _ in 0..n {
            let bytes = sealed.seal(Server, DATA, &[b'x'; 1][..len]);
            wire.send(&mut sealed.conn, Server, bytes);
        }
    }
}

/// `n` connections, each with a ClientHello of thousands of extensions, or protocols, or names.
pub(crate) fn hellos(wire: &mut Wire, n: usize) {
    let vec16 = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let protocols = vec16(&[1, b'x'].repeat(7_000));
    let names = vec16(&[1, 0, 1, b'x'].repeat(3_500));
    let all = [
        [0, 99, 0, 0].repeat(3_500),
        [&[0, 16][..], &vec16(&protocols)].concat(),
        [&[0, 0][..], &vec16(&names)].concat(),
        [&[0, 0][..], &vec16(&vec16(&[&[0][..], &vec16(&[b'x'; 14_000])].concat()))].concat(),
    ];
    let all = all.map(|extensions| client_hello(0, &extensions));
    for number in 0..n {
        let hello = &all[number % all.len()];
        let mut conn = wire.open(number);
        wire.send(&mut conn, Client, record(HANDSHAKE, &message(1, hello.len(), hello)));
    }
}

/// One connection in which both sides say hello `n` times.
pub(crate) fn hello_again(wire: &mut Wire, n: usize) {
    let mut sealed = Sealed::open(wire, 0);
    for number in 0..n {
        let hello = client_hello(number, &[]);
        wire.send(&mut sealed.conn, Client, record(HANDSHAKE, &message(1, hello.len(), &hello)));
    }
}

/// `n` connections, each with 30 kB that wait for secrets.
pub(crate) fn undecrypted(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut sealed = Sealed::open(wire, number);
        sealed.send(wire, Server, vec![b'x'; 30_000]);
    }
}

/// `n` connections that wait for their secrets, then `n` secrets blocks, each of a connection that
/// is not there, and at last those that open them all.
pub(crate) fn secrets_blocks(wire: &mut Wire, n: usize) {
    let mut all: Vec<_> = (0..n).map(|number| Sealed::open(wire, number)).collect();
    for sealed in &mut all {
        sealed.send(wire, Client, "GET / HTTP/1.1\r\n\r\n");
    }
    for number in n..2 * n {
        wire.secrets(&secrets(number));
    }
    for number in 0..n {
        wire.secrets(&secrets(number));
    }
}

/// Key logs of `n` lines in all, 10,000 in a block, before one connection.
pub(crate) fn key_log(wire: &mut Wire, n: usize) {
    let mut text = String::new();
    for number in 0..n {
        text.push_str(&format!("CLIENT_RANDOM {:064x} {number:096x}\n", number + 1));
        if number % 10_000 == 9_999 || number + 1 == n {
            wire.secrets(&text);
            text.clear();
        }
    }
    let mut sealed = Sealed::open_with_secrets(wire, 0);
    sealed.send(wire, Client, "GET / HTTP/1.1\r\n\r\n");
    sealed.send(wire, Server, "HTTP/1.1 204 No Content\r\n\r\n");
}

/// Key logs of `n` lines that are none.
pub(crate) fn no_key_log(wire: &mut Wire, n: usize) {
    for _ in 0..n.div_ceil(1_000) {
        wire.secrets(&"CLIENT_RANDOM 00 00\n".repeat(1_000));
    }
}

/// `n` KeyUpdates in a row, a thousand in a record, then an exchange.
pub(crate) fn key_updates(wire: &mut Wire, n: usize) {
    let mut sealed = Sealed::open_with_secrets(wire, 0);
    for _ in 0..n.div_ceil(1_000) {
        let updates = message(24, 1, &[1]).repeat(1_000);
        let bytes = sealed.seal(Server, HANDSHAKE, &updates);
        wire.send(&mut sealed.conn, Server, bytes);
        sealed.update_keys(Server, 1_000);
    }
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let fields = "Host: x\r\nContent-Type: application/json\r\n";
    let post = format!("POST /mcp HTTP/1.1\r\n{fields}Content-Length: {}\r\n\r\n{call}", call.len());
    sealed.send(wire, Client, post);
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    sealed.send(wire, Server, format!("{head}Content-Length: {}\r\n\r\n{result}", result.len()));
}

/// `n` connections, each with a loss whose length is not known and small records behind it that
/// open with no sequence number.
pub(crate) fn searches(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut sealed = Sealed::open_with_secrets(wire, number);
        sealed.send(wire, Server, "HTTP/1.1 200 OK\r\n\r\n");
        wire.skip(&mut sealed.conn, Server, 50_000);
        for _ in 0..4 {
            wire.send(&mut sealed.conn, Server, record(DATA, &[0x51; 40]));
        }
        wire.tcp(sealed.conn, Client, 0, super::wire::ACK, &[]);
    }
}

/// `n` connections from the middle, beside the secrets of a thousand others.
pub(crate) fn trials(wire: &mut Wire, n: usize) {
    for number in 0..1_000 {
        wire.secrets(&secrets(1_000_000 + number));
    }
    for number in 0..n {
        let mut conn = super::wire::Conn::new(number);
        for _ in 0..3 {
            wire.send(&mut conn, Server, record(DATA, &[0x51; 40]));
            wire.send(&mut conn, Client, record(DATA, &[0x51; 40]));
        }
    }
}

/// `n` connections whose client announces early data, of which the server says nothing.
pub(crate) fn early_data(wire: &mut Wire, n: usize) {
    for number in 0..n {
        let mut conn = wire.open(number);
        let hello = client_hello(number, &[0, 42, 0, 0]);
        wire.send(&mut conn, Client, record(HANDSHAKE, &message(1, hello.len(), &hello)));
        for _ in 0..2 {
            wire.send(&mut conn, Client, record(DATA, &[0x51; 15_000]));
        }
    }
}

/// `n` connections, each with the response of a server that decodes to 12 MiB.
pub(crate) fn bombs(wire: &mut Wire, n: usize) {
    let body = gzip(&vec![b' '; 12 << 20]);
    for number in 0..n {
        let mut sealed = Sealed::open_with_secrets(wire, number);
        sealed.send(wire, Client, "GET / HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n";
        sealed.send(wire, Server, head);
        sealed.send(wire, Server, &body);
    }
}

/// `n` connections, each with 30 kB of a request that does not end.
pub(crate) fn half_heads(wire: &mut Wire, n: usize) {
    let head = format!("POST /mcp HTTP/1.1\r\nX-Long: {}", "a".repeat(30_000));
    for number in 0..n {
        let mut sealed = Sealed::open_with_secrets(wire, number);
        sealed.send(wire, Client, &head);
    }
}
