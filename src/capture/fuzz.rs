//! The fuzz targets of the capture formats.

use std::fs::File;
use std::io::{self, Cursor, Read, Write as _};
use std::path::PathBuf;

use super::buffer::InputBuffer;
use super::file::CaptureFile;
use super::progress::Progress;
use super::stop::Stop;
use super::tail::{EndedFiles, Tail};
use super::{Capture, Item, OpenOptions, Source, from_reader, open};
use crate::base::Findings;
use crate::base::fuzz::{Choices, assert_same};

/// The most items of a file that are read: a few bytes of a compression are many.
const MOST: usize = 20_000;

/// The bytes of a file: its packets do not depend on the pieces in which it is read, and are
/// numbered from 1.
pub fn files(data: &[u8]) {
    let mut choices = Choices::new(data);
    let len = usize::from(choices.u8());
    let file = choices.rest();
    let whole = read(file, usize::MAX);
    assert_same(&whole, &read(file, 1 + len));
}

fn read(file: &[u8], len: usize) -> String {
    struct Pieces(Cursor<Vec<u8>>, usize);
    impl Read for Pieces {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let len = into.len().min(self.1);
            self.0.read(into.get_mut(..len).unwrap_or_default())
        }
    }
    let mut source = from_reader("fuzz", Box::new(Pieces(Cursor::new(file.to_vec()), len)));
    let (mut text, mut findings) = (String::new(), Findings::new());
    items(&mut source, (&mut 0, &mut findings), &mut text);
    text.push_str(&format!("{:?}", findings.list()));
    text
}

/// Reads items as text until there are none for now. Returns whether there will be more. Counts
/// packets.
fn items(source: &mut dyn Source, (packets, findings): (&mut u64, &mut Findings), text: &mut String) -> bool {
    for _ in 0..MOST {
        match source.next(findings) {
            Ok(Some(Item::Pending)) => return true,
            Ok(Some(item)) => {
                if let Item::Packet(packet) = &item {
                    *packets += 1;
                    assert_eq!(packet.origin.packet.0, *packets, "the number of a packet");
                }
                text.push_str(&format!("{item:?}\n"));
            }
            Ok(None) => return false,
            Err(error) => {
                text.push_str(&format!("{error}\n"));
                return false;
            }
        }
    }
    false
}

/// The bytes of a file that grows while it is followed: it has the items of the whole file, unless
/// that is compressed.
pub fn follow(data: &[u8]) {
    let mut choices = Choices::new(data);
    let lens: Vec<_> = (0..choices.u8() % 8).map(|_| usize::from(choices.u16())).collect();
    let bytes = choices.rest();
    let Some(whole) = grow(bytes, &[]) else { return };
    let Some(pieces) = grow(bytes, &lens) else { return };
    if whole.contains("not a pcap") {
        // The message shows how the file begins, as far as it was written.
        assert!(pieces.contains("not a pcap"), "{pieces}");
        return;
    }
    assert_same(&whole, &pieces);
    // Without packets it may be no capture, which is said in other words.
    if whole.contains("Packet(") {
        assert_same(&whole, &read(bytes, usize::MAX));
    }
}

/// Follows a file that is written in pieces of these lengths and the rest; `None` if the system has
/// no file for it.
fn grow(mut bytes: &[u8], lens: &[usize]) -> Option<String> {
    let mut named = tempfile::NamedTempFile::new().ok()?;
    let (stop, ended) = (Stop::default(), EndedFiles::new(1));
    let opened = (File::open(named.path()).ok()?, named.path().to_owned());
    let mut source = followed(opened, (&stop, &ended))?;
    let (mut text, mut packets, mut findings) = (String::new(), 0, Findings::new());
    for len in lens {
        let (piece, rest) = bytes.split_at(bytes.len().min(*len));
        bytes = rest;
        named.write_all(piece).ok()?;
        if !items(&mut source, (&mut packets, &mut findings), &mut text) {
            // Nothing that follows is read.
            text.push_str(&format!("{:?}", findings.list()));
            return Some(text);
        }
    }
    named.write_all(bytes).ok()?;
    stop.stop();
    items(&mut source, (&mut packets, &mut findings), &mut text);
    text.push_str(&format!("{:?}", findings.list()));
    Some(text)
}

/// A file that is followed, without the waits of [`Followed`](super::follow::Followed).
fn followed((file, path): (File, PathBuf), (stop, ended): (&Stop, &EndedFiles)) -> Option<Capture> {
    let progress = Progress::of_files();
    let tail = Tail::new((file, path), progress.counter(), stop.clone(), (ended.clone(), 0));
    let file = CaptureFile::new(InputBuffer::growing("fuzz".to_owned(), tail));
    let capture = open::finish(vec![file], &OpenOptions::default(), progress).ok()?;
    Some(capture.following(ended.clone()))
}
