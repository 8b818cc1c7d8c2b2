//! Programs between client and server that name themselves: in a head, or on an error page.

use super::limits::How;
use super::story::{Certainty, Evidence, Sentence, Topic};
use super::trace::{Trace, TracedHead};
use super::wait_end::WaitEnd;
use crate::base::{Side, sanitize};
use crate::ledger::Exchange;

/// Columns of a header field's value that are shown.
const MAX_VALUE: usize = 60;

/// A program, and how an answer that it makes itself is recognised.
struct Gateway {
    name: &'static str,
    /// What the page of an error contains that it makes itself; empty if it makes none.
    page: &'static str,
    /// A field that its answers have, with the beginning of its value; both lower case.
    field: (&'static str, &'static str),
}

/// The programs. Pages are those of their source code or documentation.
const GATEWAYS: [Gateway; 10] = [
    Gateway { name: "nginx", page: "<hr><center>nginx", field: ("server", "nginx") },
    Gateway {
        name: "HAProxy",
        page: "</h1>\nThe server didn't respond in time.",
        field: ("server", "haproxy"),
    },
    Gateway {
        name: "HAProxy",
        page: "</h1>\nNo server is available to handle this request.",
        field: ("server", "haproxy"),
    },
    Gateway { name: "Envoy", page: "upstream request timeout", field: ("server", "envoy") },
    Gateway { name: "Cloudflare", page: "error code: 52", field: ("server", "cloudflare") },
    Gateway { name: "an AWS load balancer", page: "", field: ("server", "awselb") },
    Gateway { name: "CloudFront", page: "", field: ("server", "cloudfront") },
    Gateway { name: "Squid", page: "", field: ("x-squid-error", "") },
    Gateway { name: "Caddy", page: "", field: ("server", "caddy") },
    Gateway { name: "Traefik", page: "", field: ("server", "traefik") },
];

/// Statuses that a gateway answers with when the server behind it does not (RFC 9110 sections
/// 15.6.3 to 15.6.5, and Cloudflare's).
fn is_of_gateway(status: u16) -> bool {
    matches!(status, 502..=504 | 520..=530)
}

/// Says whether a program between client and server made the answer, or stands between them.
pub(super) fn sentence(exchange: &Exchange, end: &WaitEnd<'_>) -> Option<Sentence> {
    match (end.how, end.head) {
        (How::Status(status), Some(head)) if is_of_gateway(status) => {
            Some(own_answer(exchange, end.trace, status, head))
        }
        (How::Status(_), _) => None,
        _ if end.by == Some(Side::Server) => stands_between(exchange, end.trace?),
        _ => None,
    }
}

/// Says who made an error answer that gateways make.
fn own_answer(exchange: &Exchange, trace: Option<&Trace>, status: u16, head: &TracedHead) -> Sentence {
    let evidence = Evidence::none().range(exchange.tcp_stream, head.first.packet, head.last);
    let page = GATEWAYS.iter().find(|gateway| !gateway.page.is_empty() && head.body.contains(gateway.page));
    if let Some(gateway) = page {
        let text =
            format!("{} made that answer, not the server behind it: it is its own error page", gateway.name);
        return Sentence::new(Topic::Ended, Certainty::Likely, text, evidence);
    }
    // A gateway that leaves the server's name in its answers has another one in its own.
    let server = |head: &TracedHead| head.field("server").map(str::to_owned);
    let mut others = trace.into_iter().flat_map(Trace::responses).filter(|other| {
        other.transaction != head.transaction && other.status().is_some_and(|status| status < 400)
    });
    if let Some(other) = others.next_back()
        && server(other) != server(head)
    {
        let named = |head: &TracedHead| match server(head) {
            Some(name) => format!("\"Server: {}\"", shown(&name)),
            None => "no Server field".to_owned(),
        };
        let text = format!(
            "Something between made that answer: its head has {}, the server's other answers have {}",
            named(head),
            named(other)
        );
        let evidence = evidence.range(exchange.tcp_stream, other.first.packet, other.last);
        return Sentence::new(Topic::Ended, Certainty::Likely, text, evidence).quoting();
    }
    if let Some(gateway) = GATEWAYS.iter().find(|gateway| gateway.is_in(head)) {
        let text = format!(
            "{} answered, in front of the server: HTTP {status} is an answer of gateways",
            gateway.name
        );
        return Sentence::new(Topic::Ended, Certainty::Likely, text, evidence);
    }
    let text = format!(
        "HTTP {status} is an answer of gateways: whether the server or something in front of it made it cannot be told"
    );
    Sentence::new(Topic::Ended, Certainty::Unknown, text, evidence)
}

/// Says that what closed may be a gateway that its answers name.
fn stands_between(exchange: &Exchange, trace: &Trace) -> Option<Sentence> {
    let mut heads = trace.responses().filter(|head| head.status().is_some());
    let found = heads.find_map(|head| {
        let named = |field: &str| Some(format!("\"{field}: {}\"", shown(head.field(field)?)));
        let gateway = || GATEWAYS.iter().find(|gateway| gateway.is_in(head));
        let named = named("via").or_else(|| named(gateway()?.field.0))?;
        Some((head, named))
    });
    let (head, named) = found?;
    let text = format!(
        "A gateway answers at {} ({named}): the capture does not show whether it or the server behind it ended it",
        exchange.session.server
    );
    let tcp_stream = trace.tcp_stream()?;
    let evidence = Evidence::none().range(tcp_stream, head.first.packet, head.last);
    Some(Sentence::new(Topic::Ended, Certainty::Unknown, text, evidence).quoting())
}

impl Gateway {
    fn is_in(&self, head: &TracedHead) -> bool {
        let (name, begins) = self.field;
        head.field(name).is_some_and(|value| value.to_ascii_lowercase().starts_with(begins))
    }
}

fn shown(value: &str) -> String {
    sanitize::fit(&sanitize::clean(value), MAX_VALUE).into_owned()
}
