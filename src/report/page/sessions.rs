//! Sessions, and what servers offer.

use super::html::Html;
use crate::base::units;
use crate::ledger::{Implementation, OfferRow, SessionRow, Snapshot};
use crate::report::label;

/// Sessions that are listed.
const SESSIONS: usize = 200;

/// Servers and kinds of definitions that are listed.
const OFFERS: usize = 50;

/// Definitions of a server that are listed, the largest first.
const DEFINITIONS: usize = 200;

/// Adds both sections.
pub(super) fn sections(snapshot: &Snapshot, html: &mut Html) {
    if !snapshot.sessions.is_empty() {
        html.raw(
            "<section id=\"sessions\" aria-labelledby=\"sessions-title\">\
            <h2 id=\"sessions-title\">Sessions</h2>",
        );
        sessions(snapshot, html);
        html.raw("</section>");
    }
    if !snapshot.offers.is_empty() {
        html.raw(
            "<section id=\"offers\" aria-labelledby=\"offers-title\"><h2 id=\"offers-title\">Definitions</h2>\
            <p class=\"note\">What servers offer. A definition takes its bytes of a model's context in every \
            conversation.</p>",
        );
        snapshot.offers.iter().take(OFFERS).for_each(|offer| definitions(offer, html));
        html.more(snapshot.offers.len() as u64, snapshot.offers.len().min(OFFERS)).raw("</section>");
    }
}

fn sessions(snapshot: &Snapshot, html: &mut Html) {
    html.raw(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Sessions\"><table><thead><tr>\
        <th scope=\"col\">session</th><th scope=\"col\">client</th><th scope=\"col\">server</th>\
        <th scope=\"col\">transport</th><th scope=\"col\">revision</th>\
        <th scope=\"col\" class=\"n\">exchanges</th><th scope=\"col\" class=\"n\">errors</th>\
        <th scope=\"col\" class=\"n\">no answer</th><th scope=\"col\" class=\"n\">longest</th>\
        <th scope=\"col\">ended</th></tr></thead><tbody>",
    );
    for row in snapshot.sessions.iter().take(SESSIONS) {
        session(row, html);
    }
    html.raw("</tbody></table></div>");
    html.more(snapshot.sessions_count, snapshot.sessions.len().min(SESSIONS));
}

fn session(row: &SessionRow, html: &mut Html) {
    let (session, of) = (&row.session, &row.session.session);
    html.raw("<tr><th scope=\"row\"><a href=\"#exchanges\" data-filter=\"session:").text(&label::session(of));
    html.raw("\">").text(&label::session_and_leg(of)).raw("</a></th>");
    end(session.client_info.as_ref(), &label::client(of), html);
    end(session.server_info.as_ref(), &label::server(&of.identity()), html);
    html.cell(of.transport.name()).cell(session.protocol_version.as_deref().unwrap_or_default());
    html.count_cell(row.exchanges).failures_cell(row.errors).failures_cell(row.unanswered);
    html.number_cell(&row.max_ns.map(units::duration).unwrap_or_default());
    let degraded = if session.degraded.any() { " (degraded)" } else { "" };
    html.cell(&format!("{}{degraded}", session.ended.name())).raw("</tr>");
}

/// Adds the name that an end gives itself, and its address.
fn end(info: Option<&Implementation>, address: &str, html: &mut Html) {
    html.raw("<td>");
    if let Some(info) = info {
        html.raw("<span class=\"name\">").text(format!("{} {}", info.name, info.version).trim());
        html.raw("</span> ");
    }
    html.raw("<span class=\"address\">").text(address).raw("</span></td>");
}

fn definitions(offer: &OfferRow, html: &mut Html) {
    let unused = offer.definitions.iter().filter(|definition| definition.uses == 0).count();
    html.raw("<details><summary><span class=\"title\">").text(&label::server(&offer.server)).raw(" ");
    html.raw(offer.kind).raw("</span> <span class=\"count\">");
    let listed = match offer.definitions.len() {
        0 => "none".to_owned(),
        count => format!("{count} listed, {}, {unused} never used", units::bytes(offer.bytes())),
    };
    html.text(&listed).raw(
        "</span></summary><div class=\"body\"><table class=\"narrow\"><thead><tr>\
        <th scope=\"col\">name</th><th scope=\"col\" class=\"n\">definition</th>\
        <th scope=\"col\" class=\"n\">uses</th></tr></thead><tbody>",
    );
    let mut largest: Vec<_> = offer.definitions.iter().collect();
    largest.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    for definition in largest.iter().take(DEFINITIONS) {
        html.raw("<tr><th scope=\"row\">").text(&definition.name).raw("</th>");
        html.number_cell(&units::bytes(definition.bytes));
        html.count_cell(definition.uses).raw("</tr>");
    }
    html.raw("</tbody></table>");
    html.more(largest.len() as u64, largest.len().min(DEFINITIONS)).raw("</div></details>");
}
