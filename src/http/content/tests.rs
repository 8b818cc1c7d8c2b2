//! Every coding, flushed and cut anywhere; damage, bombs and garbage.

use super::*;
use crate::base::Code;
use flate2::{Compression, write::DeflateEncoder, write::GzEncoder, write::ZlibEncoder};
use proptest::prelude::*;
use std::io::Write;

const CODINGS: [&str; 5] = ["gzip", "deflate", "raw", "br", "zstd"];

fn header(coding: &str) -> &str {
    if coding == "raw" { "deflate" } else { coding }
}

/// Writes each event and flushes; the ends say how many coded bytes there are after each flush.
fn flushed<W: Write>(mut to: W, events: &[Vec<u8>], len: impl Fn(&W) -> usize) -> (W, Vec<usize>) {
    let mut ends = Vec::new();
    for event in events {
        to.write_all(event).unwrap();
        to.flush().unwrap();
        ends.push(len(&to));
    }
    (to, ends)
}

fn encode(coding: &str, events: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let level = Compression::default();
    match coding {
        "gzip" => {
            let (to, ends) = flushed(GzEncoder::new(vec![], level), events, |w| w.get_ref().len());
            (to.finish().unwrap(), ends)
        }
        "deflate" => {
            let (to, ends) = flushed(ZlibEncoder::new(vec![], level), events, |w| w.get_ref().len());
            (to.finish().unwrap(), ends)
        }
        "raw" => {
            let (to, ends) = flushed(DeflateEncoder::new(vec![], level), events, |w| w.get_ref().len());
            (to.finish().unwrap(), ends)
        }
        "br" => {
            let to = brotli::CompressorWriter::new(vec![], 4096, 5, 22);
            let (to, ends) = flushed(to, events, |w| w.get_ref().len());
            (to.into_inner(), ends)
        }
        _ => {
            let to = ::zstd::stream::write::Encoder::new(vec![], 3).unwrap();
            let (to, ends) = flushed(to, events, |w| w.get_ref().len());
            (to.finish().unwrap(), ends)
        }
    }
}

fn decode(coding: &str, pieces: &[&[u8]]) -> (Vec<u8>, Result<bool, ContentError>) {
    let mut decoder = Decoder::from_header(header(coding).as_bytes()).unwrap().unwrap();
    let mut out = BytesMut::new();
    for piece in pieces {
        if let Err(error) = push(&mut decoder, piece, &mut out) {
            assert_eq!(push(&mut decoder, piece, &mut out), Err(error.clone()));
            return (out.to_vec(), Err(error));
        }
    }
    (out.to_vec(), Ok(decoder.ended()))
}

/// Pushes bytes and appends everything that they determine to `out`.
fn push(decoder: &mut Decoder, bytes: &[u8], out: &mut BytesMut) -> Result<(), ContentError> {
    let mut chunk = [0; CHUNK];
    decoder.push(Bytes::copy_from_slice(bytes));
    loop {
        match decoder.read(&mut chunk)? {
            0 => return Ok(()),
            len => out.extend_from_slice(&chunk[..len]),
        }
    }
}

#[test]
fn headers() {
    for value in ["", "identity", " Identity ,, "] {
        assert!(matches!(Decoder::from_header(value.as_bytes()), Ok(None)), "{value}");
    }
    for (value, order) in [("X-GZIP", r#"["gzip"]"#), ("gzip, br", r#"["br", "gzip"]"#)] {
        let decoder = Decoder::from_header(value.as_bytes()).unwrap().unwrap();
        assert_eq!(format!("{decoder:?}"), order);
    }
    assert_eq!(Decoder::from_header(b"gzip,Foo").err(), Some(Unknown::Coding("foo".into())));
    assert_eq!(Decoder::from_header(b"br,br,br,br").err(), Some(Unknown::TooMany));
    assert!(Decoder::from_header(&[0xff; 999]).is_err());
}

#[test]
fn several_codings_are_undone_in_reverse() {
    let events = [b"data: 1\n\n".to_vec(), b"data: 2\n\n".to_vec()];
    let (gzip, _) = encode("gzip", &events);
    let (both, _) = encode("br", &[gzip]);
    let (all, _) = encode("zstd", &[both]);
    let bytes: Vec<&[u8]> = all.chunks(1).collect();
    assert_eq!(decode("gzip, br, zstd", &bytes), (events.concat(), Ok(true)));
}

#[test]
fn members_and_frames_in_a_row_and_what_follows() {
    for coding in ["gzip", "zstd"] {
        let one = encode(coding, &[b"one".to_vec()]).0;
        let two = [one.clone(), encode(coding, &[b"two".to_vec()]).0].concat();
        assert_eq!(decode(coding, &[&two]), (b"onetwo".to_vec(), Ok(true)));
    }
    for coding in ["gzip", "deflate", "raw", "br"] {
        for tail in [&b"\0\0\0\0\0"[..], b"\x1f\x8bgarbage", b"x"] {
            let bytes = [&encode(coding, &[b"one".to_vec()]).0, tail].concat();
            assert_eq!(decode(coding, &[&bytes]), (b"one".to_vec(), Ok(true)), "{coding}");
        }
    }
}

#[test]
fn every_field_of_a_gzip_header() {
    let mut to = flate2::GzBuilder::new()
        .extra(vec![1, 2, 3])
        .filename("name")
        .comment("comment")
        .write(vec![], Compression::fast());
    to.write_all(b"content").unwrap();
    let mut bytes = to.finish().unwrap();
    bytes[3] |= 2;
    let data = 10 + 2 + 3 + 5 + 8;
    bytes.splice(data..data, [9, 9]);
    assert_eq!(decode("gzip", &bytes.chunks(1).collect::<Vec<_>>()), (b"content".to_vec(), Ok(true)));
}

#[test]
fn damage_is_reported_and_earlier_content_is_kept() {
    for coding in CODINGS {
        let (bytes, ends) = encode(coding, &[b"data: first\n\n".to_vec(), vec![b'y'; 99]]);
        let cut = &bytes[..ends[0]];
        assert_eq!(decode(coding, &[cut]), (b"data: first\n\n".to_vec(), Ok(false)), "{coding}");
        let (out, error) = decode(coding, &[cut, &[0xff; 64]]);
        assert!(out.starts_with(b"data: first\n\n"), "{coding}");
        assert_eq!(error.unwrap_err().code(), Code::HttpContentBad, "{coding}");
    }
    for coding in ["gzip", "deflate"] {
        let mut bytes = encode(coding, &[b"one".to_vec()]).0;
        *bytes.last_mut().unwrap() ^= 1;
        let (out, error) = decode(coding, &[&bytes]);
        assert_eq!((out, error.is_err()), (b"one".to_vec(), true), "{coding}");
    }
    assert!(decode("gzip", &[b"{\"jsonrpc\":\"2.0\"}"]).1.is_err());
}

#[test]
fn bombs_are_stopped() {
    let most = limits::MIN_BOMB as usize + CHUNK;
    for coding in CODINGS {
        let plain = vec![vec![0; 1 << 20]; 64];
        let bytes = encode(coding, &[plain.concat()]).0;
        let twice = encode("gzip", std::slice::from_ref(&bytes)).0;
        let (out, error) = decode(&format!("{}, gzip", header(coding)), &[&twice]);
        assert!(out.len() <= most.max(twice.len() * limits::MAX_RATIO as usize + CHUNK), "{coding}");
        assert_eq!(error.unwrap_err().code(), Code::HttpContentLimit, "{coding} {}", twice.len());
        // A deflate stream cannot reach 1000:1 over long, or only just.
        if ["br", "zstd"].contains(&coding) {
            let (out, error) = decode(coding, &[&bytes]);
            assert!(out.len() <= most.max(bytes.len() * limits::MAX_RATIO as usize + CHUNK), "{coding}");
            assert_eq!(error.unwrap_err().code(), Code::HttpContentLimit, "{coding} {}", bytes.len());
        }
    }
}

#[test]
fn windows_have_a_cap() {
    // A frame header without content size that asks for 2^24 bytes, then an empty last block.
    let frame = |log: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 1, 0, 0];
    assert_eq!(decode("zstd", &[&frame(23)]), (vec![], Ok(true)));
    assert_eq!(decode("zstd", &[&frame(24)]).1, Err(ContentError::Window { coding: "zstd" }));
    // The large-window extension of brotli: 16 in the first bits, then a window of 2^30.
    assert!(decode("br", &[&[0x11, 0x1e, 0, 0]]).1.is_err());
}

proptest! {
    /// Cut anywhere: each flushed event is out with the piece that completes it, and all of them at
    /// the end.
    #[test]
    fn events_come_with_their_bytes(
        events in prop::collection::vec("(data: [a-f]{0,40}\n){1,3}\n", 1..12),
        noise in prop::collection::vec(any::<u8>(), 0..40_000),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        which in 0..CODINGS.len(),
        bytewise in any::<bool>(),
    ) {
        let coding = CODINGS[which];
        let mut events: Vec<Vec<u8>> = events.into_iter().map(String::into_bytes).collect();
        events.push(noise);
        let (bytes, ends) = encode(coding, &events);
        let mut at: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len())).chain([bytes.len()]).collect();
        at.extend(ends.iter().filter(|_| cuts.len() % 2 == 0));
        if bytewise {
            at.extend(0..bytes.len().min(3000));
        }
        at.sort_unstable();
        let mut decoder = Decoder::from_header(header(coding).as_bytes()).unwrap().unwrap();
        let (mut out, mut from) = (BytesMut::new(), 0);
        for to in at {
            push(&mut decoder, &bytes[from..to], &mut out).unwrap();
            from = to;
            let done = ends.iter().filter(|end| **end <= to).count();
            let want: usize = events.iter().take(done).map(Vec::len).sum();
            prop_assert!(out.len() >= want, "{} {}: {} of {}", coding, to, out.len(), want);
        }
        prop_assert_eq!(out.to_vec(), events.concat());
        prop_assert!(decoder.ended());
    }

    /// Garbage and flipped bytes never panic or hang, and give the same verdict in pieces.
    #[test]
    fn garbage_is_harmless(
        garbage in prop::collection::vec(any::<u8>(), 0..300),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        which in 0..CODINGS.len(),
        sound in any::<bool>(),
    ) {
        let coding = CODINGS[which];
        let mut bytes = if sound { encode(coding, &[garbage.clone(), garbage]).0 } else { garbage };
        if !bytes.is_empty() {
            for (at, with) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= with;
            }
        }
        let whole = decode(coding, &[&bytes]);
        let pieces = decode(coding, &bytes.chunks(1).collect::<Vec<_>>());
        prop_assert_eq!(whole.1.is_ok(), pieces.1.is_ok(), "{}: {:?} {:?}", coding, whole.1, pieces.1);
        if whole.1.is_ok() {
            prop_assert_eq!(whole, pieces);
        }
    }
}
