//! Throughput of TLS decryption for each kind of cipher, on one core, beside that of the same bytes
//! in clear: what the difference in time is, TLS takes.
//!
//! The engine reads one connection whose server sends records of 16 KiB, one in a packet as on
//! loopback. What they hold is no protocol, so nothing above TLS takes time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark stops where it cannot go on; criterion's macros write functions without documentation"
)]

use std::hint::black_box;

use aes::cipher::array::Array;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mcpdump::base::fact::{ConnectionFact, Speaks};
use mcpdump::base::{Fact, Origin};
use mcpdump::capture::{Item, LinkType, Packet};
use mcpdump::engine::Engine;
use mcpdump::ledger::Entry;
use ring::{aead, hkdf, hmac};

/// Records of a run, and their content in bytes.
const RECORDS: usize = 1_000;
const CONTENT: usize = 16_000;

/// What a server's records are sealed with.
enum Cipher {
    /// No TLS.
    Clear,
    /// TLS 1.3.
    V13(u16, &'static aead::Algorithm, hkdf::Algorithm),
    /// TLS 1.2, AES-128-CBC with HMAC-SHA1.
    Cbc,
}

const CLIENT_RANDOM: [u8; 32] = [7; 32];
const SERVER_RANDOM: [u8; 32] = [8; 32];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn record(content_type: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[content_type, 3, 3], &len[..], body].concat()
}

fn hello(kind: u8, body: &[u8]) -> Vec<u8> {
    record(22, &[&[kind, 0, 0, u8::try_from(body.len()).unwrap()], body].concat())
}

/// Key material of any length.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1).
fn expand(hash: hkdf::Algorithm, secret: &[u8], label: &str, len: usize) -> Vec<u8> {
    let prk = hkdf::Prk::new_less_safe(hash, secret);
    let front = [0, u8::try_from(len).unwrap(), u8::try_from(6 + label.len()).unwrap()];
    let info = [&front[..], b"tls13 ", label.as_bytes(), &[0]];
    let mut key = vec![0; len];
    prk.expand(&info, Len(len)).unwrap().fill(&mut key).unwrap();
    key
}

/// The key block of TLS 1.2 (RFC 5246 section 6.3).
fn key_block(master: &[u8], len: usize) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, master);
    let seed = [&b"key expansion"[..], &SERVER_RANDOM, &CLIENT_RANDOM].concat();
    let (mut block, mut a) = (Vec::new(), hmac::sign(&key, &seed));
    while block.len() < len {
        block.extend(hmac::sign(&key, &[a.as_ref(), &seed].concat()).as_ref());
        a = hmac::sign(&key, a.as_ref());
    }
    block
}

/// The records of a server, its ServerHello first.
fn sealed(cipher: &Cipher) -> Vec<Vec<u8>> {
    let content = vec![0x51; CONTENT];
    match cipher {
        Cipher::Clear => std::iter::repeat_n([&[0x51; 21][..], &content].concat(), RECORDS + 1).collect(),
        Cipher::V13(suite, algorithm, hash) => {
            let secret = vec![9; Len(hkdf::KeyType::len(hash)).0];
            let key = expand(*hash, &secret, "key", algorithm.key_len());
            let iv = expand(*hash, &secret, "iv", 12);
            let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, &key).unwrap());
            let [high, low] = suite.to_be_bytes();
            let body = [&[3, 3][..], &SERVER_RANDOM, &[0, high, low, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat();
            let mut all = vec![hello(2, &body)];
            for sequence in 0..RECORDS as u64 {
                let mut nonce: [u8; 12] = iv.clone().try_into().unwrap();
                nonce.iter_mut().rev().zip(sequence.to_le_bytes()).for_each(|(byte, of)| *byte ^= of);
                let mut body = [&content[..], &[23]].concat();
                let header = record(23, &vec![0; body.len() + algorithm.tag_len()])[..5].to_vec();
                let nonce = aead::Nonce::assume_unique_for_key(nonce);
                key.seal_in_place_append_tag(nonce, aead::Aad::from(&header), &mut body).unwrap();
                all.push(record(23, &body));
            }
            all
        }
        Cipher::Cbc => {
            let block = key_block(&[9; 48], 72);
            let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &block[20..40]);
            let key = &block[56..72];
            // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.
            let body = [&[3, 3][..], &SERVER_RANDOM, &[0, 0xc0, 0x13, 0]].concat();
            let mut all = vec![[hello(2, &body), record(20, &[1])].concat()];
            for sequence in 0..RECORDS as u64 {
                let header =
                    [&sequence.to_be_bytes()[..], &[23, 3, 3], &(CONTENT as u16).to_be_bytes()].concat();
                let tag = hmac::sign(&mac, &[&header[..], &content].concat());
                let mut plain = [&content[..], tag.as_ref()].concat();
                let padding = 15 - plain.len() % 16;
                plain.extend(vec![padding as u8; padding + 1]);
                let iv = [3; 16];
                let (blocks, _) = Array::slice_as_chunks_mut(&mut plain);
                cbc::Encryptor::<aes::Aes128>::new_from_slices(key, &iv).unwrap().encrypt_blocks(blocks);
                all.push(record(23, &[&iv[..], &plain].concat()));
            }
            all
        }
    }
}

fn packet(number: u64, from_server: bool, (seq, ack): (u32, u32), payload: &[u8]) -> Item {
    let (client, server) = (([127, 0, 0, 1], 40_000_u16), ([127, 0, 0, 2], 443));
    let (from, to) = if from_server { (server, client) } else { (client, server) };
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend(u16::try_from(40 + payload.len()).unwrap().to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(from.0.into_iter().chain(to.0));
    frame.extend(from.1.to_be_bytes().into_iter().chain(to.1.to_be_bytes()));
    frame.extend(seq.to_be_bytes().into_iter().chain(ack.to_be_bytes()));
    frame.extend([0x50, 16, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(payload);
    let original_len = u32::try_from(frame.len()).unwrap();
    let origin = Origin::new(number, number as i64 * 10_000);
    Item::Packet(Packet { origin, link_type: LinkType(1), interface: 0, data: frame.into(), original_len })
}

/// The packets of a connection, its secrets first.
fn items(cipher: &Cipher) -> Vec<Item> {
    let log = match cipher {
        Cipher::Clear => String::new(),
        Cipher::V13(_, _, hash) => {
            let secret = hex(&vec![9; hkdf::KeyType::len(hash)]);
            let random = hex(&CLIENT_RANDOM);
            format!("CLIENT_TRAFFIC_SECRET_0 {random} {secret}\nSERVER_TRAFFIC_SECRET_0 {random} {secret}\n")
        }
        Cipher::Cbc => format!("CLIENT_RANDOM {} {}\n", hex(&CLIENT_RANDOM), hex(&[9; 48])),
    };
    let mut items = vec![Item::Secrets { kind: 0x544c_534b, data: log.into_bytes().into() }];
    let offer = match cipher {
        Cipher::Clear => b"anything\n".to_vec(),
        _ => hello(1, &[&[3, 3][..], &CLIENT_RANDOM, &[0, 0, 2, 0x13, 1, 1, 0]].concat()),
    };
    items.push(packet(1, false, (1000, 9000), &offer));
    let client = 1000 + u32::try_from(offer.len()).unwrap();
    let mut server = 9000_u32;
    for (number, payload) in sealed(cipher).iter().enumerate() {
        items.push(packet(number as u64 + 2, true, (server, client), payload));
        server = server.wrapping_add(u32::try_from(payload.len()).unwrap());
    }
    items
}

/// Runs the engine over the items and returns the connection.
fn analyse(items: &[Item]) -> ConnectionFact {
    let (mut engine, mut entries) = (Engine::new(), Vec::new());
    for item in items {
        engine.push(item.clone(), &mut entries);
    }
    engine.finish(&mut entries);
    let connection = entries.into_iter().find_map(|entry| match entry {
        Entry::Fact(Fact::Connection(fact)) => Some(*fact),
        _ => None,
    });
    connection.expect("a connection")
}

fn decrypt(criterion: &mut Criterion) {
    let ciphers = [
        ("in clear", Cipher::Clear),
        ("AES-128-GCM", Cipher::V13(0x1301, &aead::AES_128_GCM, hkdf::HKDF_SHA256)),
        ("AES-256-GCM", Cipher::V13(0x1302, &aead::AES_256_GCM, hkdf::HKDF_SHA384)),
        ("ChaCha20-Poly1305", Cipher::V13(0x1303, &aead::CHACHA20_POLY1305, hkdf::HKDF_SHA256)),
        ("AES-128-CBC, HMAC-SHA1", Cipher::Cbc),
    ];
    let mut group = criterion.benchmark_group("decrypt");
    group.sample_size(20).throughput(Throughput::Bytes((RECORDS * CONTENT) as u64));
    for (name, cipher) in ciphers {
        let items = items(&cipher);
        let connection = analyse(&items);
        match cipher {
            Cipher::Clear => assert_ne!(connection.speaks, Speaks::Tls),
            _ => {
                let tls = connection.tls.as_ref().expect("TLS");
                let undecrypted: u64 = tls.records.iter().map(|side| side.undecrypted).sum();
                assert_eq!((undecrypted, tls.records[1].records >= RECORDS as u64), (0, true), "{name}");
            }
        }
        group.bench_function(name, |bencher| bencher.iter(|| black_box(analyse(&items))));
    }
    group.finish();
}

criterion_group!(benches, decrypt);
criterion_main!(benches);
