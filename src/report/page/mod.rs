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
//!
//! A page that is served (`mcpdump web`) has style sheet and script as files beside it, and
//! `live.js` keeps it current.

mod call;
mod charts;
mod data;
mod exchanges;
mod findings;
mod grid;
mod html;
mod latency;
mod llm;
mod rows;
mod sessions;
mod summary;
mod terms;
#[cfg(test)]
mod tests;
mod texts;
mod waiting;

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
const SCRIPT: &str = concat!(include_str!("filter.js"), include_str!("page.js"), "\nstartPage();\n");

/// The files of a page that is served: name, media type and content.
pub const SERVED_FILES: [(&str, &str, &str); 2] = [
    ("page.css", "text/css; charset=utf-8", STYLE),
    (
        "page.js",
        "text/javascript; charset=utf-8",
        concat!(include_str!("filter.js"), include_str!("page.js"), include_str!("live.js")),
    ),
];

/// The policy of a page that is served, for the field of its response (Content-Security-Policy
/// level 3): its own files and requests, nothing inline.
pub const SERVED_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; connect-src 'self'; script-src 'self'; style-src 'self'";

/// What is particular to a page that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Grows with what the page holds: the page asks for another one when it is told of a newer
    /// version.
    pub version: u64,
    /// Whether the capture goes on.
    pub is_reading: bool,
}

/// Writes the page as one file. Without `rows` it has totals alone.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(
    snapshot: &Snapshot,
    rows: &Rows,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    write_page(None, snapshot, rows, options, out)
}

/// Writes the page to be served beside [`SERVED_FILES`] with [`SERVED_POLICY`].
///
/// # Errors
/// Returns the errors of `out`.
pub fn write_served(
    served: Served,
    snapshot: &Snapshot,
    rows: &Rows,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    write_page(Some(served), snapshot, rows, options, out)
}

/// Writes a page: as one file, or to be served.
fn write_page(
    served: Option<Served>,
    snapshot: &Snapshot,
    rows: &Rows,
    options: &Options,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut html = Html::default();
    head(served, options, &mut html);
    html.raw("<body><a class=\"skip\" href=\"#summary\">Skip to the summary</a><div class=\"page\">");
    let is_reading = served.is_some_and(|served| served.is_reading);
    summary::title(snapshot, is_reading, options, &mut html);
    contents(snapshot, rows, is_reading, &mut html);
    html.raw("<main>");
    summary::section(snapshot, is_reading, &mut html);
    // Once everything was read, what has no answer is in a section of its own.
    if is_reading {
        rows.waiting().section(snapshot.capture.last.map(|last| last.time), options, &mut html);
    }
    findings::section(snapshot, &options.numbering, &mut html);
    latency::section(snapshot, rows.grid(), &mut html);
    exchanges::section(rows, &mut html);
    exchanges::lists(snapshot, options, &mut html);
    llm::section(snapshot, &mut html);
    sessions::sections(snapshot, &mut html);
    terms::section(&mut html);
    html.raw("</main><footer>Made by mcpdump ").raw(env!("CARGO_PKG_VERSION"));
    html.raw(
        " from the packets alone. Message bodies and header fields are not in this page; credentials in \
        texts are masked.</footer></div>\n<script type=\"application/json\" id=\"data\">",
    );
    out.write_all(html.as_str().as_bytes())?;
    data::write(rows, options, out)?;
    out.write_all(b"</script>\n")?;
    match served {
        None => {
            out.write_all(b"<script>")?;
            out.write_all(SCRIPT.as_bytes())?;
            out.write_all(b"</script>")?;
        }
        Some(_) => out.write_all(b"<script src=\"page.js\"></script>")?,
    }
    out.write_all(b"\n</body>\n</html>\n")
}

fn head(served: Option<Served>, options: &Options, html: &mut Html) {
    html.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    match served {
        None => {
            html.raw(
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; \
                form-action 'none'; style-src 'sha256-",
            );
            html.own(&hash(STYLE)).raw("'; script-src 'sha256-").own(&hash(SCRIPT)).raw("'\">\n");
        }
        Some(Served { version, .. }) => {
            html.raw("<meta name=\"mcpdump-version\" content=\"").own(&version.to_string()).raw("\">\n");
        }
    }
    html.raw(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
        <title>",
    );
    html.own(&summary::source(options)).raw(" · mcpdump report</title>\n");
    match served {
        None => html.raw("<style>").raw(STYLE).raw("</style>"),
        Some(_) => html.raw("<link rel=\"stylesheet\" href=\"page.css\">"),
    };
    html.raw("\n</head>\n");
}

/// Returns the hash of a style sheet or script as the policy names it.
fn hash(text: &str) -> String {
    BASE64_STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// Adds links to the sections that the page has.
fn contents(snapshot: &Snapshot, rows: &Rows, is_reading: bool, html: &mut Html) {
    let has_exchanges = rows.shares().iter().any(|count| *count > 0);
    let has_security = snapshot.findings.iter().any(|row| row.code.is_security());
    let sections = [
        ("summary", "Summary", true),
        ("waiting", "Waiting", is_reading && rows.waiting().len() > 0),
        ("findings", "Findings", true),
        ("security", "Security", has_security),
        ("latency", "Latency", !snapshot.latency.is_empty()),
        ("exchanges", "Exchanges", has_exchanges),
        ("slowest", "Slowest", !snapshot.slowest.is_empty()),
        ("unanswered", "Without an answer", snapshot.unanswered.exchanges > 0),
        ("llm", "LLM calls", !snapshot.llm.is_empty()),
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
