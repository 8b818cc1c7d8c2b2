//! What is in the tunnel of a proxy, as what two ends send.

use crate::base::{End, Feed, Origin};
use crate::http::Tunnel;

/// What each end sends in the tunnel, as feeds.
pub(super) fn into_feeds(tunnel: Tunnel, client: End) -> Vec<(End, Feed<End>)> {
    let mut feeds = Vec::new();
    for (end, (mut held, missing)) in [client, client.other()].into_iter().zip(tunnel.held) {
        if missing.any() {
            let at = held.first_span().map_or_else(Origin::default, |span| span.start);
            feeds.push((end, Feed::Gap { len: 0, why: missing, at }));
        }
        while let Some((bytes, span)) = held.take_piece(usize::MAX) {
            feeds.push((end, Feed::Data(bytes, span)));
        }
    }
    feeds
}
