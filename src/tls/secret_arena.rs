//! The secrets of many connections, in little memory.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use zeroize::Zeroizing;

use super::secret::{ClientRandom, Label, Secret};

/// Size of a block in bytes.
const BLOCK: usize = 1 << 16;

/// Length of the fields before a secret, in bytes.
const FRONT: usize = 6;

/// Memory of an entry of the table of connections, in bytes: an offset and a byte of its hash.
const ENTRY: usize = 5;

/// Secrets by client random.
///
/// A connection is a record, and each of its secrets is one. `next` is the offset of the secret
/// that was added before it, [`NONE`] if it was the first:
///
/// ```text
///   │ latest secret 4 │ random 32 │
///   │ next 4 │ label 1 │ length 1 │ secret │
/// ```
///
/// INVARIANT: blocks do not grow, so no copy of a secret is left behind. Their bytes are
/// overwritten when they are dropped.
#[derive(Default)]
pub(super) struct SecretArena {
    blocks: Vec<Zeroizing<Box<[u8]>>>,
    /// Bytes of the last block that are in use.
    used: usize,
    /// Offsets of the connections.
    connections: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    secrets: usize,
}

/// The offset of no record.
const NONE: u32 = u32::MAX;

impl SecretArena {
    /// Returns the number of secrets.
    pub(super) fn len(&self) -> usize {
        self.secrets
    }

    /// Returns the memory of all secrets, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.blocks.len() * BLOCK + self.connections.capacity() / 7 * 8 * ENTRY
    }

    /// Returns whether there is a connection with this random.
    pub(super) fn knows(&self, random: &ClientRandom) -> bool {
        self.find(random).is_some()
    }

    /// Returns the random of every connection, in any order.
    pub(super) fn randoms(&self) -> impl Iterator<Item = ClientRandom> {
        self.connections.iter().filter_map(|at| Some(ClientRandom(*self.random_at(*at)?)))
    }

    /// Returns the secrets of a connection, the latest first.
    pub(super) fn secrets_of(&self, random: &ClientRandom) -> impl Iterator<Item = (Label, &[u8])> {
        let mut next = self.find(random).map_or(NONE, |at| self.offset_at(at));
        std::iter::from_fn(move || {
            let (behind, label, secret) = self.secret_at(next)?;
            next = behind;
            Some((label, secret))
        })
    }

    /// Adds a secret. It replaces one of the same connection with the same label.
    pub(super) fn add(&mut self, random: &ClientRandom, label: Label, secret: &Secret) {
        let connection = match self.find(random) {
            Some(connection) => connection,
            None => {
                let Some(at) = self.append([&NONE.to_le_bytes(), &random.0, &[]]) else { return };
                let (blocks, hasher) = (&self.blocks, &self.hasher);
                let hash = |at: &u32| hasher.hash_one(random_at(blocks, *at));
                self.connections.insert_unique(hasher.hash_one(Some(&random.0)), at, hash);
                at
            }
        };
        self.remove(connection, label);
        let latest = self.offset_at(connection).to_le_bytes();
        // Always fits: a key log with a longer field is malformed.
        let len = u8::try_from(secret.len()).unwrap_or(0);
        let Some(at) = self.append([&latest, &[label as u8, len], secret.bytes()]) else { return };
        self.set_offset(connection, at);
        self.secrets += 1;
    }

    /// Unlinks a secret of a connection, and overwrites it.
    fn remove(&mut self, connection: u32, label: Label) {
        let mut before = connection;
        while let Some((next, known, _)) = self.secret_at(self.offset_at(before)) {
            let at = self.offset_at(before);
            if known == label {
                let len = self.secret_at(at).map_or(0, |(.., secret)| secret.len());
                let bytes = bytes_at_mut(&mut self.blocks, at);
                if let Some(secret) = bytes.and_then(|bytes| bytes.get_mut(FRONT..FRONT + len)) {
                    zeroize::Zeroize::zeroize(secret);
                }
                self.set_offset(before, next);
                self.secrets -= 1;
                return;
            }
            before = at;
        }
    }

    /// Appends a record, back to back with the one before or in a new block, and returns its
    /// offset; `None` if offsets are used up.
    fn append(&mut self, parts: [&[u8]; 3]) -> Option<u32> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if self.blocks.is_empty() || self.used + len > BLOCK {
            u32::try_from((self.blocks.len() + 1) * BLOCK).ok()?;
            self.blocks.push(Zeroizing::new(vec![0; BLOCK].into_boxed_slice()));
            self.used = 0;
        }
        let at = u32::try_from((self.blocks.len() - 1) * BLOCK + self.used).ok()?;
        let mut free = self.blocks.last_mut()?.get_mut(self.used..self.used + len)?;
        for part in parts {
            let (target, behind) = free.split_at_mut_checked(part.len())?;
            target.copy_from_slice(part);
            free = behind;
        }
        self.used += len;
        Some(at)
    }

    fn find(&self, random: &ClientRandom) -> Option<u32> {
        let hash = self.hasher.hash_one(Some(&random.0));
        self.connections.find(hash, |at| self.random_at(*at) == Some(&random.0)).copied()
    }

    fn random_at(&self, at: u32) -> Option<&[u8; 32]> {
        random_at(&self.blocks, at)
    }

    /// Returns the offset that is the first field of a record.
    fn offset_at(&self, at: u32) -> u32 {
        let field = bytes_at(&self.blocks, at).and_then(|bytes| bytes.first_chunk());
        field.map_or(NONE, |field| u32::from_le_bytes(*field))
    }

    fn set_offset(&mut self, at: u32, offset: u32) {
        let field = bytes_at_mut(&mut self.blocks, at).and_then(|bytes| bytes.first_chunk_mut());
        if let Some(field) = field {
            *field = offset.to_le_bytes();
        }
    }

    /// Returns a secret, and the offset of the one before it.
    fn secret_at(&self, at: u32) -> Option<(u32, Label, &[u8])> {
        let (front, behind) = bytes_at(&self.blocks, at)?.split_first_chunk::<FRONT>()?;
        let [a, b, c, d, label, len] = *front;
        let secret = behind.get(..usize::from(len))?;
        Some((u32::from_le_bytes([a, b, c, d]), Label::numbered(label)?, secret))
    }
}

/// Returns the bytes from an offset to the end of its block.
fn bytes_at(blocks: &[Zeroizing<Box<[u8]>>], at: u32) -> Option<&[u8]> {
    blocks.get(at as usize / BLOCK)?.get(at as usize % BLOCK..)
}

fn bytes_at_mut(blocks: &mut [Zeroizing<Box<[u8]>>], at: u32) -> Option<&mut [u8]> {
    blocks.get_mut(at as usize / BLOCK)?.get_mut(at as usize % BLOCK..)
}

fn random_at(blocks: &[Zeroizing<Box<[u8]>>], at: u32) -> Option<&[u8; 32]> {
    bytes_at(blocks, at)?.get(size_of::<u32>()..)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn random(number: u8) -> ClientRandom {
        ClientRandom([number; 32])
    }

    proptest! {
        /// The latest secret of each label is returned, in the order in which they were added.
        #[test]
        fn the_latest_secrets_are_found(
            added in prop::collection::vec((0_u8..9, 0_u8..6, any::<u8>(), any::<bool>()), 0..300),
        ) {
            let (mut arena, mut want) = (SecretArena::default(), Vec::<(u8, Label, Vec<u8>)>::new());
            for (number, label, byte, is_long) in added {
                let label = Label::numbered(label).unwrap();
                let secret = vec![byte; if is_long { 48 } else { 32 }];
                arena.add(&random(number), label, &Secret::new(secret.clone()));
                want.retain(|(known, of, _)| (*known, *of) != (number, label));
                want.push((number, label, secret));
            }
            prop_assert_eq!(arena.len(), want.len());
            for number in 0..10 {
                let got: Vec<_> = arena.secrets_of(&random(number)).map(|(label, secret)| (label, secret.to_vec())).collect();
                let of = want.iter().rev().filter(|(known, ..)| *known == number);
                let want: Vec<_> = of.map(|(_, label, secret)| (*label, secret.clone())).collect();
                prop_assert_eq!(arena.knows(&random(number)), !want.is_empty());
                prop_assert_eq!(got, want);
            }
            let mut randoms: Vec<_> = arena.randoms().map(|random| random.0[0]).collect();
            let mut all: Vec<_> = want.iter().map(|(number, ..)| *number).collect();
            randoms.sort_unstable();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(randoms, all);
        }
    }

    #[test]
    fn a_secret_that_is_replaced_is_overwritten() {
        let mut arena = SecretArena::default();
        let add = |arena: &mut SecretArena, byte| {
            arena.add(&random(1), Label::Master, &Secret::new(vec![byte; 48]));
        };
        add(&mut arena, 0xaa);
        add(&mut arena, 0xbb);
        assert!(!arena.blocks[0].contains(&0xaa));
        assert_eq!(arena.blocks[0].iter().filter(|byte| **byte == 0xbb).count(), 48);
    }

    /// A hundred bytes for a line of TLS 1.2, half for one of TLS 1.3.
    #[test]
    fn secrets_take_little_memory() {
        let lines = 200_000;
        for (labels, len, most) in [(1, 48, 105), (4, 32, 56)] {
            let mut arena = SecretArena::default();
            for number in 0..lines / labels {
                let mut random = [7; 32];
                random[..4].copy_from_slice(&(number as u32).to_le_bytes());
                for label in 0..labels {
                    let label = Label::numbered(label as u8).unwrap();
                    arena.add(&ClientRandom(random), label, &Secret::new(vec![1; len]));
                }
            }
            assert!(arena.memory() <= lines * most, "{} bytes a line", arena.memory() / lines);
        }
    }
}
