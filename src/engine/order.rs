//! Merges what lanes emit: the order of the output does not depend on the number of lanes.

use std::net::SocketAddr;

use crate::base::Findings;
use crate::base::fact::{ConnectionFact, DeliveryFact, IdentifiedFact, PayloadFact, SegmentFact};
use crate::http::TransactionNo;
use crate::llm::LlmCall;
use crate::rpc;

/// The place of an emitted value in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Number of the packet or tick that completed it, as the front counts them.
    pub(super) input: u64,
    /// Wireshark's number of the connection.
    pub(super) connection: u32,
    /// Position among the values that the lane emitted since they were last merged.
    pub(super) sequence: u32,
}

/// A value that a lane emits.
#[derive(Debug)]
pub(super) struct Emitted {
    /// Its place in the output.
    pub(super) order: Order,
    pub(super) kind: EmittedKind,
}

/// The kinds of [`Emitted`].
#[derive(Debug)]
pub(super) enum EmittedKind {
    /// Steps of transactions, for `mcp`.
    Updates(rpc::ConnectionUpdates),
    /// The bytes that the next item was made of.
    Payload(Box<PayloadFact>),
    /// A segment of the connection that is followed.
    Segment(Box<SegmentFact>),
    /// What it put in order.
    Delivery(Box<DeliveryFact>),
    /// A connection that is closed. `mcp` is not filled in.
    Closed(Box<ConnectionFact>),
    /// A connection of these ends cannot be decrypted, or not all of it: the server, or both ends
    /// if it is not known which is the server.
    Unread(Vec<SocketAddr>),
    /// The secrets of the connection were found out by trial.
    Identified(IdentifiedFact),
    /// The request of this transaction, of an LLM call, is complete.
    LlmBegan(TransactionNo),
    /// An LLM call that is over. Its number is not set.
    LlmCall(Box<LlmCall>),
    /// The findings of `tcp`, `tls` and `http`. One value, since a gap in a long capture may cause
    /// thousands.
    Findings(Findings),
}

/// Collects what lanes emit, and hands it out in order.
#[derive(Debug, Default)]
pub(super) struct Merge {
    emitted: Vec<Emitted>,
}

impl Merge {
    /// Returns whether nothing was collected.
    pub(super) fn is_empty(&self) -> bool {
        self.emitted.is_empty()
    }

    /// Returns the list that lanes append to. What one lane appends for one connection is in order.
    pub(super) fn emitted(&mut self) -> &mut Vec<Emitted> {
        &mut self.emitted
    }

    /// Removes everything that was collected, in order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Emitted> + '_ {
        // One packet concerns one connection: most often there is nothing to sort.
        if !self.emitted.is_sorted_by_key(|emitted| emitted.order) {
            self.emitted.sort_by_key(|emitted| emitted.order);
        }
        self.emitted.drain(..)
    }
}
