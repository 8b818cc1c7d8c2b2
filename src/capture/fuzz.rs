//! The fuzz target of the capture formats.

use std::io::{self, Cursor, Read};

use super::{Source as _, from_reader};
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
    let (mut findings, mut text, mut packets) = (Findings::new(), String::new(), 0);
    for _ in 0..MOST {
        match source.next(&mut findings) {
            Ok(Some(item)) => {
                if let super::Item::Packet(packet) = &item {
                    packets += 1;
                    assert_eq!(packet.origin.packet.0, packets, "the number of a packet");
                }
                text.push_str(&format!("{item:?}\n"));
            }
            Ok(None) => break,
            Err(error) => {
                text.push_str(&format!("{error}\n"));
                break;
            }
        }
    }
    text.push_str(&format!("{:?}", findings.list()));
    text
}
