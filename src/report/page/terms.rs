//! What the words of the page mean, for readers who did not make it.

use super::html::Html;

const TERMS: [(&str, &str); 14] = [
    ("exchange", "A JSON-RPC request and its outcome. All times are those of packets."),
    (
        "session",
        "What one client and one server exchanged under one session id, over any number of connections; \
        without an id, what one client address exchanged with one server.",
    ),
    (
        "duration",
        "First byte of the request to last byte of the response. An exchange without an answer \
        has the time that it waited, marked with \u{2265}: an answer would have taken longer.",
    ),
    ("send", "First to last byte of the request."),
    (
        "wait",
        "Last byte of the request to first byte of the response: the server's time, and the network \
        between the point of capture and the server.",
    ),
    ("receive", "First to last byte of the response."),
    (
        "p95",
        "95 % of the exchanges took no longer. Those without an answer count with the time that they \
        waited, as lower limits.",
    ),
    ("tool_error", "A result whose isError is true: the tool failed."),
    ("error", "A JSON-RPC error as the answer."),
    ("http_error", "An HTTP status of 4xx or 5xx without a JSON-RPC answer."),
    ("cancelled", "The sender cancelled the request before the answer was complete."),
    ("unanswered", "No answer, and it cannot be hidden in what the capture lacks."),
    ("undetermined", "The answer may be in what the capture lacks. Nobody is to blame."),
    (
        "degraded",
        "The result may be incomplete, because of what the capture lacks: gap, midstream, \
        cut_packet, lost_packets, capture_end, not_read, time_back.",
    ),
];

/// Adds the section.
pub(super) fn section(html: &mut Html) {
    html.raw(
        "<section id=\"terms\" aria-labelledby=\"terms-title\"><h2 id=\"terms-title\">Terms</h2>\
        <dl class=\"terms\">",
    );
    for (term, meaning) in TERMS {
        html.raw("<div><dt>").raw(term).raw("</dt><dd>").raw(meaning).raw("</dd></div>");
    }
    html.raw("</dl></section>");
}
