//! How the two directions of a channel ended.

use crate::base::{Ending, Origin, ResponseEnd, Side};

/// How and where the client and the server ended. A channel ends when neither sends: what one of
/// them sent before may be captured later.
#[derive(Debug, Default)]
pub(super) struct Ends([Option<(ResponseEnd, Origin)>; 2]);

impl Ends {
    /// `side` sends nothing more. Returns how and where the channel ended once both did: with the
    /// one that ended first.
    pub(super) fn add(&mut self, side: Side, how: ResponseEnd, at: Origin) -> Option<(ResponseEnd, Origin)> {
        let [client, server] = &mut self.0;
        let end = if side == Side::Client { client } else { server };
        end.get_or_insert((how, at));
        let [Some(client), Some(server)] = self.0 else { return None };
        let is_first = client.1.packet <= server.1.packet;
        Some(match (client.0, server.0) {
            (ResponseEnd::Open, _) => server,
            (_, ResponseEnd::Open) => client,
            _ if is_first => client,
            _ => server,
        })
    }
}

/// Returns how `side` ended what it sent.
pub(super) fn ended(side: Side, how: Ending) -> ResponseEnd {
    match how {
        Ending::Closed => ResponseEnd::ClosedBy(side),
        Ending::Reset(by) => ResponseEnd::ResetBy(by),
        Ending::Open => ResponseEnd::Open,
    }
}
