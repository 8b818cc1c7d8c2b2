//! The report as one HTML file, for a browser or a mail.
//!
//! ```text
//!  Snapshot ─▶ summary, findings, latency, sessions ─┐
//!                                                    ├─▶ HTML ─▶ data (JSON) ─▶ script
//!  entries ─▶ Rows ─▶ exchanges, charts (Grid) ──────┘
//! ```
//!
//! Everything can be read without scripts. `page.js` replaces the first exchanges by all that the
//! page holds, filters them with the language of `--filter` (`filter.js`), and draws the messages
//! of a chosen one. The page refers to nothing outside: a policy in its head
//! (Content-Security-Policy level 3) allows one style sheet and one script, by their hashes, and no
//! request. It holds no bodies and no header fields; texts are sanitized as in the other formats.

mod charts;
mod data;
mod exchanges;
mod findings;
mod grid;
mod html;
mod latency;
mod rows;
mod sessions;
mod summary;
mod terms;
#[cfg(test)]
mod tests;

use std::io;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest;

use super::options::Options;
use crate::ledger::Snapshot;
use html::Html;

pub use rows::Rows;

/// The style sheet.
const STYLE: &str = include_str!("page.css");

/// The script: the language of filters, then what draws.
const SCRIPT: &str = concat!(include_str!("filter.js"), include_str!("page.js"));

/// Writes the page. Without `rows` it has totals alone.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(
    snapshot: &Snapshot,
    rows: &Rows,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut html = Html::default();
    head(options, &mut html);
    html.raw("<body><a class=\"skip\" href=\"#summary\">Skip to the summary</a><div class=\"page\">");
    summary::title(snapshot, options, &mut html);
    contents(snapshot, rows, &mut html);
    html.raw("<main>");
    summary::section(snapshot, &mut html);
    findings::section(snapshot, &options.numbering, &mut html);
    latency::section(snapshot, rows.grid(), &mut html);
    exchanges::section(rows, &mut html);
    exchanges::lists(snapshot, options, &mut html);
    sessions::sections(snapshot, &mut html);
    terms::section(&mut html);
    html.raw("</main><footer>Made by mcpdump ").raw(env!("CARGO_PKG_VERSION"));
    html.raw(
        " from the packets alone. Message bodies and header fields are not in this page; credentials in \
        texts are masked.</footer></div>\n<script type=\"application/json\" id=\"data\">",
    );
    out.write_all(html.as_str().as_bytes())?;
    data::write(rows, options, out)?;
    out.write_all(b"</script>\n<script>")?;
    out.write_all(SCRIPT.as_bytes())?;
    out.write_all(b"</script>\n</body>\n</html>\n")
}

fn head(options: &Options, html: &mut Html) {
    html.raw(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; \
        form-action 'none'; style-src 'sha256-",
    );
    html.own(&hash(STYLE)).raw("'; script-src 'sha256-").own(&hash(SCRIPT)).raw("'\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
        <title>").own(&summary::source(options)).raw(" · mcpdump report</title>\n<style>").raw(STYLE);
    html.raw("</style>\n</head>\n");
}

/// Returns the hash of a style sheet or script as the policy names it.
fn hash(text: &str) -> String {
    BASE64_STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// Adds links to the sections that the page has.
fn contents(snapshot: &Snapshot, rows: &Rows, html: &mut Html) {
    let has_exchanges = rows.shares().iter().any(|count| *count > 0);
    let has_security = snapshot.findings.iter().any(|row| row.code.is_security());
    let sections = [
        ("summary", "Summary", true),
        ("findings", "Findings", true),
        ("security", "Security", has_security),
        ("latency", "Latency", !snapshot.latency.is_empty()),
        ("exchanges", "Exchanges", has_exchanges),
        ("slowest", "Slowest", !snapshot.slowest.is_empty()),
        ("unanswered", "Without an answer", snapshot.unanswered.exchanges > 0),
        ("sessions", "Sessions", !snapshot.sessions.is_empty()),
        ("offers", "Definitions", !snapshot.offers.is_empty()),
        ("terms", "Terms", true),
    ];
    html.raw("<nav aria-label=\"Sections\"><ul>");
    for (id, name, _) in sections.into_iter().filter(|(_, _, is_there)| *is_there) {
        html.raw("<li><a href=\"#").raw(id).raw("\">").raw(name).raw("</a></li>");
    }
    html.raw("</ul></nav>");
}
