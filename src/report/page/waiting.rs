//! Requests without an answer so far, of a capture that is still read.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use super::call;
use super::html::Html;
use crate::base::{Timestamp, limits, units};
use crate::ledger::Exchange;
use crate::report::label;
use crate::report::options::Options;

/// Requests that are listed.
const LISTED: usize = 20;

/// The requests that wait for their answers.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By number.
    open: BTreeMap<u64, Exchange>,
    /// Length of their texts, in bytes.
    text_len: usize,
    /// Numbers of the requests for which there was no room. They are no more than the engine holds
    /// open, each of which is larger.
    others: HashSet<u64, RandomState>,
}

impl Waiting {
    /// Adds a request, once.
    pub(super) fn open(&mut self, exchange: &Exchange) {
        let len = exchange.text_len();
        let has_room = self.open.len() < limits::MAX_PAGE_WAITING
            && self.text_len + len <= limits::MAX_PAGE_WAITING_TEXT;
        if has_room {
            self.text_len += len;
            self.open.insert(exchange.n, exchange.clone());
        } else {
            self.others.insert(exchange.n);
        }
    }

    /// Removes a request whose exchange is over; it may never have been added.
    pub(super) fn close(&mut self, n: u64) {
        match self.open.remove(&n) {
            Some(exchange) => self.text_len -= exchange.text_len(),
            None => {
                self.others.remove(&n);
            }
        }
    }

    /// Number of requests that wait.
    pub(super) fn len(&self) -> u64 {
        (self.open.len() + self.others.len()) as u64
    }

    /// Adds the requests that wait, the longest wait first. `now` is the time of the last packet.
    pub(super) fn section(&self, now: Option<Timestamp>, options: &Options, html: &mut Html) {
        if self.len() == 0 {
            return;
        }
        html.raw(
            "<section id=\"waiting\" aria-labelledby=\"waiting-title\"><h2 id=\"waiting-title\">Waiting</h2>\
            <p class=\"note\">",
        );
        html.text(&units::several(self.len(), "request"));
        html.raw(
            " without an answer up to the last packet.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
            aria-label=\"Requests that wait\"><table><thead><tr><th scope=\"col\" class=\"n\">#</th>\
            <th scope=\"col\" class=\"n\">since (UTC)</th><th scope=\"col\" class=\"n\">waits</th>\
            <th scope=\"col\">call</th><th scope=\"col\">server</th><th scope=\"col\">session</th>\
            <th scope=\"col\">packets</th></tr></thead><tbody>",
        );
        let mut listed: Vec<_> = self.open.values().collect();
        listed.sort_by_key(|exchange| (exchange.request.span.start.time, exchange.n));
        listed.truncate(LISTED);
        for exchange in &listed {
            let start = exchange.request.span.start.time;
            html.raw("<tr><td class=\"n\">").number(exchange.n).raw("</td>");
            html.number_cell(&units::time_of_day(start));
            // A request that was captured later may have been sent earlier.
            html.number_cell(&now.map_or_else(String::new, |now| units::duration(now.since(start).max(0))));
            html.raw("<td class=\"call\">");
            call::write(exchange.origin, &exchange.method, exchange.name.as_deref(), html);
            let server =
                label::server_name(exchange.session.server_name.as_deref(), &exchange.session.identity());
            html.raw("</td>").cell(&server).cell(&label::session_and_leg(&exchange.session));
            html.cell(&label::packets(exchange, &options.numbering)).raw("</tr>");
        }
        html.raw("</tbody></table></div>");
        html.more(self.len(), listed.len()).raw("</section>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample;

    fn request(n: u64, name: &str) -> Exchange {
        Exchange { response: None, ..sample::exchange(n, "tools/call", Some(name), 0) }
    }

    /// Every request that is opened and not closed waits, listed or not.
    #[test]
    fn the_number_is_right_beyond_the_limits() {
        let mut waiting = Waiting::default();
        let (most, long) = (3 * limits::MAX_PAGE_WAITING as u64, "x".repeat(limits::MAX_TEXT));
        for n in 1..=most {
            waiting.open(&request(n, &long));
        }
        assert!(waiting.open.len() < most as usize && waiting.text_len <= limits::MAX_PAGE_WAITING_TEXT);
        assert_eq!(waiting.len(), most);
        // Of a leg that does not count.
        waiting.close(most + 1);
        assert_eq!(waiting.len(), most);
        for n in 1..most {
            waiting.close(n);
        }
        assert_eq!(waiting.len(), 1);
        waiting.close(most);
        assert_eq!((waiting.len(), waiting.text_len), (0, 0));
    }

    #[test]
    fn the_longest_wait_comes_first() {
        let mut waiting = Waiting::default();
        let (mut late, early) = (request(1, "late"), request(2, "<early>"));
        late.request.span.start.time = Timestamp(early.request.span.start.time.0 + 1_000_000_000);
        waiting.open(&late);
        waiting.open(&early);
        let mut html = Html::default();
        let now = Timestamp(early.request.span.start.time.0 + 3_000_000_000);
        waiting.section(Some(now), &Options::default(), &mut html);
        let text = html.as_str();
        assert!(text.contains("2 requests without an answer"), "{text}");
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
        assert!(at("&lt;early&gt;") < at("late") && at("3.00 s") < at("2.00 s"));
        assert!(!text.contains("<early>"));
        html = Html::default();
        waiting.close(1);
        waiting.close(2);
        waiting.section(Some(now), &Options::default(), &mut html);
        assert_eq!(html.as_str(), "");
    }
}
