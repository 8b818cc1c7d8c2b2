//! The first packet of a QUIC client, as a packet of a capture.

use std::net::SocketAddrV4;

use bytes::Bytes;
use mcpdump::base::Origin;
use mcpdump::capture::{LinkType, Packet};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

/// The salt of QUIC version 1 (RFC 9001 section 5.2).
const SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand(secret: &Prk, label: &str, len: usize) -> Vec<u8> {
    let mut info = vec![0, len as u8, 6 + label.len() as u8];
    info.extend(format!("tls13 {label}").as_bytes());
    info.push(0);
    let mut key = vec![0; len];
    secret.expand(&[&info], Length(len)).unwrap().fill(&mut key).unwrap();
    key
}

/// The bytes with their length before them, in `size` bytes.
fn vector(size: usize, bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_be_bytes()[8 - size..], bytes].concat()
}

/// A ClientHello message.
fn client_hello(host: Option<&str>, alpn: &str) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut extension = |kind: u16, data: &[u8]| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(vector(2, data));
    };
    if let Some(host) = host {
        extension(0, &vector(2, &[&[0][..], &vector(2, host.as_bytes())].concat()));
    }
    extension(16, &vector(2, &vector(1, alpn.as_bytes())));
    let body = [&[3, 3][..], &[9; 32], &[0, 0, 2, 0x13, 1, 1, 0], &vector(2, &extensions)].concat();
    [&[1][..], &vector(3, &body)].concat()
}

/// The first datagram of a client that asks for `host` and `alpn`.
pub(crate) fn initial(host: Option<&str>, alpn: &str) -> Vec<u8> {
    let id = [5; 8];
    let client = Prk::new_less_safe(
        HKDF_SHA256,
        &expand(&Salt::new(HKDF_SHA256, &SALT).extract(&id), "client in", 32),
    );
    let hello = client_hello(host, alpn);
    let mut content = [&[6, 0][..], &(0x4000 | hello.len() as u16).to_be_bytes(), &hello].concat();
    let front = [&[0xc3, 0, 0, 0, 1, 8][..], &id, &[0, 0]].concat();
    content.resize(1200 - front.len() - 2 - 4 - 16, 0);
    let len = (0x4000 | (4 + content.len() as u16 + 16)).to_be_bytes();
    let mut header = [&front[..], &len, &[0; 4]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand(&client, "quic key", 16)).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(&expand(&client, "quic iv", 12)).unwrap();
    key.seal_in_place_append_tag(nonce, Aad::from(header.clone()), &mut content).unwrap();
    let protection = expand(&client, "quic hp", 16);
    let protection = quic::HeaderProtectionKey::new(&quic::AES_128, &protection).unwrap();
    let mask = protection.new_mask(&content[..16]).unwrap();
    header[0] ^= mask[0] & 0x0f;
    let number = header.len() - 4;
    header[number..].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
    [header, content].concat()
}

/// A packet of Ethernet, IPv4 and UDP.
pub(crate) fn packet(origin: Origin, from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Packet {
    let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    data.extend((28 + payload.len() as u16).to_be_bytes());
    data.extend([0, 9, 0x40, 0, 64, 17, 0, 0]);
    data.extend(from.ip().octets());
    data.extend(to.ip().octets());
    data.extend(from.port().to_be_bytes());
    data.extend(to.port().to_be_bytes());
    data.extend((8 + payload.len() as u16).to_be_bytes());
    data.extend([0, 0]);
    data.extend(payload);
    let original_len = data.len() as u32;
    Packet { origin, link_type: LinkType(1), interface: 0, data: Bytes::from(data), original_len }
}
