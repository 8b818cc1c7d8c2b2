//! Exchanges on one time axis, and the lists of the slowest and of those without an answer.
//!
//! Without scripts the first exchanges are shown. The script replaces them by all that the page
//! holds.

use super::call;
use super::charts;
use super::html::Html;
use super::rows::{Rows, Timely};
use crate::base::{Files, Timestamp, units};
use crate::ledger::{Exchange, Snapshot, Tone};
use crate::report::label;
use crate::report::options::Options;

/// Exchanges that are shown without scripts.
const SHOWN: usize = 100;

/// Width of a timeline.
const WIDTH: i64 = 10_000;

/// The least width of a part of a bar that is drawn.
const LEAST: i64 = 20;

/// Adds the exchanges with their timelines.
pub(super) fn section(rows: &Rows, html: &mut Html) {
    let exchanges = rows.exchanges();
    if exchanges.is_empty() {
        return;
    }
    html.raw(
        "<section id=\"exchanges\" aria-labelledby=\"exchanges-title\">\
        <h2 id=\"exchanges-title\">Exchanges</h2>",
    );
    left_out(rows, html);
    // The script fills these.
    html.raw("<div id=\"controls\" hidden></div><p id=\"message\" class=\"message\" role=\"status\"></p>");
    charts::heat_map(rows.grid(), html);
    let shown: Vec<_> = exchanges.iter().take(SHOWN).copied().collect();
    let axis = Axis::of(&shown);
    html.raw(
        "<div id=\"list\" class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Exchanges\">\
        <table class=\"exchanges\" id=\"rows\"><thead><tr><th scope=\"col\" class=\"n\">#</th>\
        <th scope=\"col\" class=\"time\">time (UTC)</th><th scope=\"col\" class=\"session\">session</th>\
        <th scope=\"col\">call</th><th scope=\"col\" class=\"status\">status</th>\
        <th scope=\"col\" class=\"n\">duration</th><th scope=\"col\" class=\"timeline\">",
    );
    html.raw("<span class=\"hidden\">timeline</span><span class=\"axis\" id=\"axis\" aria-hidden=\"true\">");
    for part in 0..=3_i64 {
        html.raw("<span>").text(&axis.label(part)).raw("</span>");
    }
    html.raw("</span></th></tr></thead><tbody>");
    for exchange in &shown {
        row(exchange, &axis, html);
    }
    html.raw("</tbody></table></div>");
    if exchanges.len() > shown.len() {
        html.raw("<p class=\"more\" id=\"static-note\">The first ").number(shown.len() as u64).raw(" of ");
        html.number(exchanges.len() as u64).raw(" exchanges. With scripts the page shows all.</p>");
    }
    html.raw(
        "<p class=\"legend\" id=\"legend\"><span class=\"key send\"></span>send \
        <span class=\"key wait\"></span>wait <span class=\"key receive\"></span>receive \
        <span class=\"key open\"></span>no answer</p>",
    );
    html.raw("<div id=\"exchange\" class=\"exchange\" hidden></div></section>");
}

/// Says which exchanges are not on the page.
fn left_out(rows: &Rows, html: &mut Html) {
    let shares = rows.shares();
    let kept: usize = shares.iter().sum();
    if rows.len() <= kept as u64 {
        return;
    }
    html.raw("<p class=\"note\">").number(kept as u64).raw(" of ").number(rows.len());
    html.raw(match rows.keeps() {
        Timely::First => " exchanges are listed here: the first ",
        Timely::Latest => " exchanges are listed here: the latest ",
    });
    html.number(shares[0] as u64);
    if shares[1] > 0 {
        html.raw(", then ").number(shares[1] as u64).raw(" that failed or were cancelled");
    }
    if shares[2] > 0 {
        html.raw(", and the ").number(shares[2] as u64).raw(" slowest of the rest");
    }
    html.raw(". The tables, the histograms and the map of durations count all. ");
    html.raw("<code>--filter</code> makes a page of fewer.</p>");
}

/// The span of time that timelines show.
struct Axis {
    start: i64,
    /// At least 1.
    length: i64,
}

impl Axis {
    fn of(exchanges: &[&Exchange]) -> Self {
        let starts = exchanges.iter().map(|exchange| exchange.request.span.start.time.0);
        let ends = exchanges.iter().map(|exchange| end(exchange).0);
        let start = starts.min().unwrap_or(0);
        Self { start, length: ends.max().unwrap_or(0).saturating_sub(start).max(1) }
    }

    /// Returns the place of a time, in [`WIDTH`]ths.
    fn place(&self, time: Timestamp) -> i64 {
        let since = i128::from(time.0) - i128::from(self.start);
        let place = since * i128::from(WIDTH) / i128::from(self.length);
        i64::try_from(place.clamp(0, i128::from(WIDTH))).unwrap_or(0)
    }

    /// Returns the label of a third of the axis.
    fn label(&self, thirds: i64) -> String {
        let after = self.length / 3 * thirds;
        if thirds == 0 {
            charts::time_label(Timestamp(self.start), self.length)
        } else {
            format!("+{}", units::duration(after))
        }
    }
}

/// Returns the time up to which the bar of an exchange goes.
fn end(exchange: &Exchange) -> Timestamp {
    let start = exchange.request.span.end.time;
    match (exchange.response, exchange.waited_until()) {
        (Some(response), _) => response.span.end.time,
        (None, Some(end)) => end.time.max(start),
        (None, None) => start,
    }
}

fn row(exchange: &Exchange, axis: &Axis, html: &mut Html) {
    html.raw("<tr id=\"x").number(exchange.n).raw("\"><td class=\"n\">").number(exchange.n);
    html.raw("</td><td class=\"time\">").text(&units::time_of_day(exchange.request.span.start.time));
    html.raw("</td><td class=\"session\">").text(&label::session(&exchange.session));
    html.raw("</td><td class=\"call\">");
    call::write(exchange.origin, &exchange.method, exchange.name.as_deref(), html);
    html.raw("</td>");
    status(exchange, html);
    html.number_cell(&elapsed(exchange));
    html.raw("<td class=\"timeline\">");
    timeline(exchange, axis, html);
    html.raw("</td></tr>");
}

fn status(exchange: &Exchange, html: &mut Html) {
    html.raw("<td class=\"status ").raw(tone(exchange)).raw("\">").raw(exchange.status.name()).raw("</td>");
}

/// Returns how long an exchange took, or waited; `≥` stands before a wait without an answer. Empty
/// if neither is known.
pub(super) fn elapsed(exchange: &Exchange) -> String {
    match (exchange.unanswered_ns(), exchange.total_ns().or_else(|| exchange.waited_ns())) {
        (Some(waited), _) => label::at_least(units::duration(waited), true),
        (None, Some(total)) => units::duration(total),
        (None, None) => String::new(),
    }
}

/// Returns the class of the style sheet for what an exchange led to.
pub(super) fn tone(exchange: &Exchange) -> &'static str {
    match Tone::from(exchange) {
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Good => "good",
        Tone::Faint | Tone::Neutral => "faint",
    }
}

/// Adds the bar of an exchange: request, wait, response.
fn timeline(exchange: &Exchange, axis: &Axis, html: &mut Html) {
    html.raw("<svg viewBox=\"0 0 ")
        .number(WIDTH)
        .raw(" 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    let request = exchange.request.span;
    let (start, sent) = (axis.place(request.start.time), axis.place(request.end.time));
    match exchange.response {
        Some(response) => {
            let (first, last) = (axis.place(response.span.start.time), axis.place(response.span.end.time));
            part("wait", start, last.max(start), html);
            if sent > start {
                part("send", start, sent, html);
            }
            part("receive", first, last, html);
        }
        None => part("open", start, axis.place(end(exchange)), html),
    }
    html.raw("</svg>");
}

fn part(class: &'static str, from: i64, to: i64, html: &mut Html) {
    let width = to.saturating_sub(from).max(LEAST);
    html.raw("<rect class=\"").raw(class).raw("\" x=\"").number(from.min(WIDTH - width).max(0));
    html.raw("\" y=\"1\" height=\"8\" width=\"").number(width).raw("\"/>");
}

/// Adds the slowest exchanges and those without an answer.
pub(super) fn lists(snapshot: &Snapshot, options: &Options, html: &mut Html) {
    if !snapshot.slowest.is_empty() {
        html.raw(
            "<section id=\"slowest\" aria-labelledby=\"slowest-title\"><h2 id=\"slowest-title\">Slowest</h2>",
        );
        table("Slowest exchanges", &snapshot.slowest, options, html);
        html.raw("</section>");
    }
    let unanswered = &snapshot.unanswered;
    if unanswered.exchanges > 0 {
        html.raw(
            "<section id=\"unanswered\" aria-labelledby=\"unanswered-title\">\
            <h2 id=\"unanswered-title\">Without an answer</h2><ul class=\"causes\">",
        );
        for cause in &unanswered.causes {
            html.raw("<li><strong>").number(cause.exchanges).raw("</strong> ").raw(cause.status.name());
            html.raw(": ").text(&label::cause(cause.cause, cause.http_status)).raw(": ");
            html.text(&label::unanswered_calls(cause)).raw("</li>");
        }
        html.raw("</ul>");
        table("Exchanges without an answer", &unanswered.listed, options, html);
        html.more(unanswered.exchanges, unanswered.listed.len()).raw("</section>");
    }
}

fn table(title: &'static str, exchanges: &[Exchange], options: &Options, html: &mut Html) {
    let reasons: Vec<_> = exchanges.iter().map(|exchange| label::why(exchange, &options.limits)).collect();
    let has_reasons = reasons.iter().any(Option::is_some);
    html.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"").raw(title);
    html.raw(
        "\"><table><thead><tr><th scope=\"col\" class=\"n\">#</th>\
        <th scope=\"col\" class=\"n\">duration</th><th scope=\"col\">status</th><th scope=\"col\">call</th>\
        <th scope=\"col\">server</th><th scope=\"col\">session</th><th scope=\"col\">packets</th>",
    );
    html.raw(if has_reasons { "<th scope=\"col\">why</th>" } else { "" }).raw("</tr></thead><tbody>");
    for (exchange, why) in exchanges.iter().zip(&reasons) {
        html.raw("<tr><td class=\"n\"><a href=\"#x").number(exchange.n).raw("\">").number(exchange.n);
        html.raw("</a></td>").number_cell(&elapsed(exchange));
        status(exchange, html);
        html.raw("<td class=\"call\">");
        call::write(exchange.origin, &exchange.method, exchange.name.as_deref(), html);
        let server =
            label::server_name(exchange.session.server_name.as_deref(), &exchange.session.identity());
        html.raw("</td>").cell(&server).cell(&label::session_and_leg(&exchange.session));
        html.cell(&label::packets(exchange, &options.numbering));
        if has_reasons {
            html.cell(why.as_deref().unwrap_or_default());
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></div>");
}

/// Returns the display filter of Wireshark for the packets of an exchange; of several files, for
/// each.
pub(super) fn wireshark(exchange: &Exchange, files: &Files) -> String {
    let mut streams = vec![exchange.tcp_stream];
    streams.extend(exchange.answered_on.map(|(stream, _)| stream).filter(|on| *on != exchange.tcp_stream));
    let spans = [Some(exchange.request.span), exchange.response.map(|response| response.span)];
    let packets: Vec<_> = spans.into_iter().flatten().map(|span| (span.first, span.last)).collect();
    let of_file = |it: &crate::base::files::InFile<'_>| match it.file {
        Some(file) => format!("{file}: {}", it.filter()),
        None => it.filter(),
    };
    files.by_file(&streams, &packets).iter().map(of_file).collect::<Vec<_>>().join("\n")
}
