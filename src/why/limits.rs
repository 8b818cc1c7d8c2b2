//! Known limits: times after which programs end a wait, a stream or an idle connection.
//!
//! Each has the page that documents it. Users add their own in the configuration:
//!
//! ```toml
//! [[limits]]
//! name = "our gateway's read time-out"
//! seconds = 47
//! clock = "silence"              # silence, wait or idle
//! by = "server"                  # client or server; left out: either
//! status = [504]                 # HTTP statuses that tell of it; left out: it closes
//! cancels = false                # true: it sends notifications/cancelled
//! late = 1                       # seconds that the end may come later; left out: 1 percent
//! source = "https://wiki.example/gateway"
//! ```

use std::borrow::Cow;

use serde::Deserialize;

use crate::base::Side;

const MS: i64 = 1_000_000;
const SECOND: i64 = 1000 * MS;

/// Longest limit that can be configured, in seconds: a week.
const MAX_SECONDS: f64 = 604_800.0;

/// What a limit counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// From the last byte in either direction, while an answer is awaited or a stream is open.
    Silence,
    /// From the request, whatever is sent meanwhile.
    Wait,
    /// From the last byte in either direction, while nothing is awaited.
    Idle,
}

impl Clock {
    /// Returns the words for what is measured.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Silence => "of silence",
            Self::Wait => "from the request on",
            Self::Idle => "without a request",
        }
    }
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// The connection or the stream was closed or reset.
    Closed,
    /// The connection was reset in answer to a packet, after it had been given up silently.
    ResetInAnswer,
    /// `notifications/cancelled`.
    Cancelled,
    /// An HTTP response with this status.
    Status(u16),
}

/// The end of something, with its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How it ended.
    pub how: How,
    /// The side that ended it, as the packets say; `None` if it is not known.
    pub by: Option<Side>,
    /// From the last byte in either direction, in nanoseconds, while something was awaited; `None`
    /// if it is not known.
    pub silence_ns: Option<i64>,
    /// From the last byte of the request, in nanoseconds; `None` without a request.
    pub wait_ns: Option<i64>,
    /// From the last byte in either direction, in nanoseconds, while nothing was awaited; `None` if
    /// something was.
    pub idle_ns: Option<i64>,
}

impl Ending {
    /// Returns the time by a clock; `None` if it is not known.
    #[must_use]
    pub fn by_clock(&self, clock: Clock) -> Option<i64> {
        match clock {
            Clock::Silence => self.silence_ns,
            Clock::Wait => self.wait_ns,
            Clock::Idle => self.idle_ns,
        }
    }
}

/// A known limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whose limit it is.
    pub name: Cow<'static, str>,
    /// The limit, in nanoseconds.
    pub ns: i64,
    /// How much later the end may come, in nanoseconds: programs check some limits now and then.
    pub late_ns: i64,
    /// What it counts from.
    pub clock: Clock,
    /// The side at whose end it is; `None` for something between them, and for limits of both.
    pub by: Option<Side>,
    /// How it ends something.
    pub ends_by: EndsBy,
    /// Where it is documented; empty if it is not.
    pub source: Cow<'static, str>,
}

/// How a limit ends something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndsBy {
    /// It closes or resets the connection or the stream.
    Closing,
    /// It forgets the connection, and answers the next packet with a reset.
    Forgetting,
    /// It sends `notifications/cancelled`.
    Cancelling,
    /// It answers with one of these HTTP statuses, or closes if the answer has begun.
    Status(Cow<'static, [u16]>),
}

impl Limit {
    /// Whether the limit explains an ending.
    #[must_use]
    pub fn matches(&self, ending: &Ending) -> bool {
        let Some(ns) = ending.by_clock(self.clock) else { return false };
        let is_side = self.by.is_none() || ending.by.is_none() || self.by == ending.by;
        let is_how = match (&self.ends_by, ending.how) {
            (EndsBy::Closing, How::Closed) | (EndsBy::Forgetting, How::ResetInAnswer) => is_side,
            (EndsBy::Cancelling, How::Cancelled) => is_side,
            (EndsBy::Status(statuses), How::Status(status)) => statuses.contains(&status),
            // The head is sent: a gateway can only cut the answer short.
            (EndsBy::Status(_), How::Closed) => ending.by == Some(Side::Server),
            _ => false,
        };
        is_how && (self.ns - early(self.ns)..=self.ns.saturating_add(self.late_ns)).contains(&ns)
    }
}

/// How much sooner an end may be seen, in nanoseconds: the point of capture sees the last byte a
/// network's delay later than the one whose limit it is.
fn early(ns: i64) -> i64 {
    (ns / 200).clamp(50 * MS, 500 * MS)
}

/// How much later an end may come that is not documented to come late, in nanoseconds.
fn late(ns: i64) -> i64 {
    (ns / 100).clamp(250 * MS, SECOND)
}

/// The known limits: the table of the program, and the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    limits: Vec<Limit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { limits: KNOWN.iter().map(Row::limit).collect() }
    }
}

impl Limits {
    /// Adds the limits of a configuration in front of those of the program. Other entries are
    /// ignored.
    ///
    /// # Errors
    /// The text is not TOML, or a limit is not as the module documentation says. The message has
    /// the line.
    pub fn parse(configuration: &str) -> Result<Self, String> {
        let parsed: Configuration = toml::from_str(configuration).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = 1 + configuration.get(..at).unwrap_or_default().matches('\n').count();
            format!("line {line}: {}", error.message().replace('\n', ", "))
        })?;
        let mut limits = Vec::new();
        for (index, entry) in parsed.limits.into_iter().enumerate() {
            limits.push(entry.limit().map_err(|what| format!("limit {}: {what}", index + 1))?);
        }
        limits.extend(Self::default().limits);
        Ok(Self { limits })
    }

    /// Returns the limits that explain an ending, the nearest first.
    #[must_use]
    pub fn matching(&self, ending: &Ending) -> Vec<&Limit> {
        let mut found: Vec<_> = self.limits.iter().filter(|limit| limit.matches(ending)).collect();
        found.sort_by_key(|limit| {
            ending.by_clock(limit.clock).map_or(i64::MAX, |ns| ns.saturating_sub(limit.ns).saturating_abs())
        });
        found
    }

    /// Returns all limits.
    pub fn iter(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter()
    }
}

/// The part of a configuration that is read here.
#[derive(Debug, Deserialize)]
struct Configuration {
    #[serde(default)]
    limits: Vec<ConfiguredLimit>,
}

/// A limit of the user.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfiguredLimit {
    name: String,
    seconds: f64,
    clock: Clock,
    by: Option<ConfiguredSide>,
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    cancels: bool,
    late: Option<f64>,
    #[serde(default)]
    source: String,
}

/// A side, as the configuration names it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ConfiguredSide {
    Client,
    Server,
}

impl ConfiguredLimit {
    fn limit(self) -> Result<Limit, String> {
        let ns = nanoseconds(self.seconds)?;
        let late_ns = self.late.map_or(Ok(late(ns)), nanoseconds)?;
        let ends_by = match (self.status.is_empty(), self.cancels) {
            (false, true) => return Err("status and cancels: leave out one of them".to_owned()),
            (false, false) => EndsBy::Status(self.status.into()),
            (true, true) => EndsBy::Cancelling,
            (true, false) => EndsBy::Closing,
        };
        Ok(Limit {
            name: self.name.into(),
            ns,
            late_ns,
            clock: self.clock,
            by: self.by.map(|by| match by {
                ConfiguredSide::Client => Side::Client,
                ConfiguredSide::Server => Side::Server,
            }),
            ends_by,
            source: self.source.into(),
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most a week")]
fn nanoseconds(seconds: f64) -> Result<i64, String> {
    if (0.0..=MAX_SECONDS).contains(&seconds) {
        Ok((seconds * 1e9) as i64)
    } else {
        Err(format!("{seconds} seconds: expected 0 to {MAX_SECONDS}"))
    }
}

/// A limit of the program's table.
struct Row {
    name: &'static str,
    seconds: i64,
    /// How much later the end may come, in milliseconds; `None` for the default.
    late_ms: Option<i64>,
    clock: Clock,
    by: Option<Side>,
    ends_by: RowEnd,
    source: &'static str,
}

#[derive(Clone, Copy)]
enum RowEnd {
    Closes,
    Forgets,
    Cancels,
    Status(&'static [u16]),
}

impl Row {
    fn limit(&self) -> Limit {
        let ns = self.seconds * SECOND;
        Limit {
            name: self.name.into(),
            ns,
            late_ns: self.late_ms.map_or_else(|| late(ns), |ms| ms * MS),
            clock: self.clock,
            by: self.by,
            ends_by: match self.ends_by {
                RowEnd::Closes => EndsBy::Closing,
                RowEnd::Forgets => EndsBy::Forgetting,
                RowEnd::Cancels => EndsBy::Cancelling,
                RowEnd::Status(statuses) => EndsBy::Status(statuses.into()),
            },
            source: self.source.into(),
        }
    }
}

const fn row(
    name: &'static str,
    seconds: i64,
    clock: Clock,
    (by, ends_by): (Option<Side>, RowEnd),
    source: &'static str,
) -> Row {
    Row { name, seconds, late_ms: None, clock, by, ends_by, source }
}

/// A row whose end may come up to `late_ms` milliseconds later.
const fn checked_every(late_ms: i64, mut row: Row) -> Row {
    row.late_ms = Some(late_ms);
    row
}

const BY_CLIENT: (Option<Side>, RowEnd) = (Some(Side::Client), RowEnd::Closes);
const BY_SERVER: (Option<Side>, RowEnd) = (Some(Side::Server), RowEnd::Closes);
const BY_EITHER: (Option<Side>, RowEnd) = (None, RowEnd::Closes);
const FORGETS: (Option<Side>, RowEnd) = (None, RowEnd::Forgets);
const CANCELS: (Option<Side>, RowEnd) = (Some(Side::Client), RowEnd::Cancels);

const fn answers(statuses: &'static [u16]) -> (Option<Side>, RowEnd) {
    (Some(Side::Server), RowEnd::Status(statuses))
}

/// How long after a flow was forgotten its next packet may come, in milliseconds: an hour.
const FORGOTTEN_LATE: i64 = 3_600_000;

/// The table. Defaults, as documented; many can be configured there.
#[rustfmt::skip]
const KNOWN: [Row; 37] = [
    // Waits of clients.
    row("the TypeScript SDK's request time-out", 60, Clock::Wait, CANCELS, "https://github.com/modelcontextprotocol/typescript-sdk/blob/main/src/shared/protocol.ts"),
    row("the Python SDK's read time-out of event streams", 300, Clock::Silence, BY_CLIENT, "https://github.com/modelcontextprotocol/python-sdk/blob/main/src/mcp/shared/_httpx_utils.py"),
    row("httpx's read time-out", 5, Clock::Silence, BY_CLIENT, "https://www.python-httpx.org/advanced/timeouts/"),
    checked_every(2000, row("undici's headersTimeout and bodyTimeout (Node's fetch)", 300, Clock::Silence, BY_CLIENT, "https://undici.nodejs.org/#/docs/api/Client")),
    row("aiohttp's total time-out", 300, Clock::Wait, BY_CLIENT, "https://docs.aiohttp.org/en/stable/client_quickstart.html#timeouts"),
    row(".NET's HttpClient.Timeout", 100, Clock::Wait, BY_CLIENT, "https://learn.microsoft.com/dotnet/api/system.net.http.httpclient.timeout"),
    // Idle connections, closed by clients.
    checked_every(1500, row("undici's keepAliveTimeout (Node's fetch)", 4, Clock::Idle, BY_CLIENT, "https://undici.nodejs.org/#/docs/api/Client")),
    row("nginx keepalive_timeout of its upstream connections", 60, Clock::Idle, BY_CLIENT, "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive_timeout"),
    row("Go's http.DefaultTransport IdleConnTimeout", 90, Clock::Idle, BY_CLIENT, "https://pkg.go.dev/net/http#RoundTripper"),
    row("Google Cloud's load balancer, towards its backends", 600, Clock::Idle, BY_CLIENT, "https://cloud.google.com/load-balancing/docs/https/request-distribution"),
    row("Cloudflare's Proxy Idle Timeout", 900, Clock::Idle, BY_CLIENT, "https://developers.cloudflare.com/fundamentals/reference/connection-limits/"),
    // Idle connections, closed by servers.
    checked_every(1500, row("Node's http.Server keepAliveTimeout", 5, Clock::Idle, BY_SERVER, "https://nodejs.org/api/http.html#serverkeepalivetimeout")),
    row("uvicorn's --timeout-keep-alive", 5, Clock::Idle, BY_SERVER, "https://www.uvicorn.org/settings/#timeouts"),
    row("Apache's KeepAliveTimeout", 5, Clock::Idle, BY_SERVER, "https://httpd.apache.org/docs/2.4/mod/core.html#keepalivetimeout"),
    checked_every(1500, row("Node's http.Server keepAliveTimeout (newer versions)", 65, Clock::Idle, BY_SERVER, "https://nodejs.org/api/http.html#serverkeepalivetimeout")),
    row("nginx keepalive_timeout", 75, Clock::Idle, BY_SERVER, "https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_timeout"),
    row("Kestrel's KeepAliveTimeout", 130, Clock::Idle, BY_SERVER, "https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.keepalivetimeout"),
    row("Cloudflare's keep-alive of clients", 400, Clock::Idle, BY_SERVER, "https://developers.cloudflare.com/fundamentals/reference/connection-limits/"),
    row("Google Cloud's load balancer, towards clients", 610, Clock::Idle, BY_SERVER, "https://cloud.google.com/load-balancing/docs/https/request-distribution"),
    row("an AWS Application Load Balancer's idle time-out", 60, Clock::Idle, BY_EITHER, "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"),
    // Waits of what stands in front of a server.
    row("Envoy's route timeout", 15, Clock::Wait, answers(&[504]), "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts"),
    row("AWS API Gateway's integration time-out", 29, Clock::Wait, answers(&[504]), "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"),
    row("Heroku's request time-out (H12)", 30, Clock::Wait, answers(&[503]), "https://devcenter.heroku.com/articles/request-timeout"),
    row("Google Cloud's backend service timeout", 30, Clock::Wait, answers(&[408, 502, 504]), "https://cloud.google.com/load-balancing/docs/backend-service#timeout-setting"),
    row("CloudFront's origin response time-out", 30, Clock::Silence, answers(&[504]), "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html"),
    row("HAProxy timeout server, as Debian configures it", 50, Clock::Silence, answers(&[504]), "https://docs.haproxy.org/3.2/configuration.html#4.2-timeout%20server"),
    row("nginx proxy_read_timeout", 60, Clock::Silence, answers(&[504]), "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout"),
    row("nginx proxy_read_timeout, at the leg behind it", 60, Clock::Silence, BY_CLIENT, "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout"),
    row("an AWS Application Load Balancer's idle time-out", 60, Clock::Silence, answers(&[504]), "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html"),
    row("Cloudflare's Proxy Read Timeout, as documented in 2024", 100, Clock::Silence, answers(&[524]), "https://web.archive.org/web/20240510000000/https://developers.cloudflare.com/fundamentals/reference/connection-limits/"),
    row("Cloudflare's Proxy Read Timeout", 120, Clock::Silence, answers(&[524]), "https://developers.cloudflare.com/fundamentals/reference/connection-limits/"),
    row("Cloud Run's request time-out", 300, Clock::Wait, answers(&[504]), "https://cloud.google.com/run/docs/configuring/request-timeout"),
    checked_every(30_500, row("Node's http.Server requestTimeout", 300, Clock::Wait, answers(&[408]), "https://nodejs.org/api/http.html#serverrequesttimeout")),
    row("Envoy's stream_idle_timeout", 300, Clock::Silence, answers(&[408, 504]), "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts"),
    // Flows that are forgotten.
    checked_every(FORGOTTEN_LATE, row("an Azure load balancer's idle time-out", 240, Clock::Silence, FORGETS, "https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset")),
    checked_every(FORGOTTEN_LATE, row("an AWS NAT gateway, Network Load Balancer or Network Firewall", 350, Clock::Silence, FORGETS, "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html")),
    checked_every(FORGOTTEN_LATE, row("an AWS NAT gateway, Network Load Balancer or Network Firewall", 350, Clock::Idle, FORGETS, "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(how: How, by: Side, clock: Clock, ms: i64) -> Ending {
        let of = |it: Clock| (it == clock).then_some(ms * MS);
        Ending {
            how,
            by: Some(by),
            silence_ns: of(Clock::Silence),
            wait_ns: of(Clock::Wait),
            idle_ns: of(Clock::Idle),
        }
    }

    fn names(ending: &Ending) -> Vec<String> {
        let limits = Limits::default();
        limits.matching(ending).iter().map(|limit| limit.name.to_string()).collect()
    }

    #[test]
    fn each_limit_explains_its_own_end_and_not_half_of_it() {
        for limit in Limits::default().iter() {
            let how = match &limit.ends_by {
                EndsBy::Closing => How::Closed,
                EndsBy::Forgetting => How::ResetInAnswer,
                EndsBy::Cancelling => How::Cancelled,
                EndsBy::Status(statuses) => How::Status(statuses[0]),
            };
            let at = |ns: i64| ending(how, limit.by.unwrap_or(Side::Server), limit.clock, ns / MS);
            for ns in [limit.ns, limit.ns + 20 * MS, limit.ns - 20 * MS, limit.ns + limit.late_ns] {
                assert!(limit.matches(&at(ns)), "{} after {ns} ns", limit.name);
            }
            for ns in [0, limit.ns / 2, limit.ns - SECOND, limit.ns + limit.late_ns + SECOND] {
                assert!(!limit.matches(&at(ns)), "{} after {ns} ns", limit.name);
            }
            assert!(limit.source.starts_with("https://"), "{}", limit.name);
        }
    }

    #[test]
    fn the_side_and_the_kind_of_the_end_decide() {
        let nginx =
            |found: Vec<String>| found.iter().any(|name| name.starts_with("nginx proxy_read_timeout"));
        assert!(nginx(names(&ending(How::Status(504), Side::Server, Clock::Silence, 60_003))));
        assert!(
            nginx(names(&ending(How::Closed, Side::Server, Clock::Silence, 60_003))),
            "the head was sent"
        );
        assert!(nginx(names(&ending(How::Closed, Side::Client, Clock::Silence, 60_003))), "the leg behind");
        assert!(!nginx(names(&ending(How::Status(500), Side::Server, Clock::Silence, 60_003))));
        assert!(!nginx(names(&ending(How::Cancelled, Side::Client, Clock::Wait, 60_003))));
        let cancelled = names(&ending(How::Cancelled, Side::Client, Clock::Wait, 60_005));
        assert_eq!(cancelled, ["the TypeScript SDK's request time-out"]);
        // Node closes an idle connection, and never one that it owes an answer.
        assert!(names(&ending(How::Closed, Side::Server, Clock::Idle, 5010)).len() >= 2);
        assert_eq!(names(&ending(How::Closed, Side::Server, Clock::Silence, 5010)), [""; 0]);
    }

    const BEGIN: &str =
        "<!-- limits: generated from the program's own table by `BLESS=1 cargo test documents` -->\n";
    const END: &str = "<!-- end of the limits -->\n";

    #[test]
    fn documents_have_the_limits() {
        let mut table = "| seconds | clock | ends by | limit |\n|---|---|---|---|\n".to_owned();
        for limit in Limits::default().iter() {
            let clock = format!("{:?}", limit.clock).to_lowercase();
            let by = match (&limit.ends_by, limit.by) {
                (EndsBy::Closing, Some(Side::Client)) => "the client's close".to_owned(),
                (EndsBy::Closing, Some(Side::Server)) => "the server's close".to_owned(),
                (EndsBy::Closing, None) => "a close".to_owned(),
                (EndsBy::Forgetting, _) => "a reset in answer to the next packet".to_owned(),
                (EndsBy::Cancelling, _) => "`notifications/cancelled`".to_owned(),
                (EndsBy::Status(statuses), _) => {
                    let statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
                    format!("HTTP {}, or a close after the head", statuses.join(", "))
                }
            };
            let (seconds, name, source) = (limit.ns / SECOND, &limit.name, &limit.source);
            table.push_str(&format!("| {seconds} | {clock} | {by} | [{name}]({source}) |\n"));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/why.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (there, after) = rest.split_once(END).unwrap();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, [before, BEGIN, &table, END, after].concat()).unwrap();
        } else {
            assert_eq!(there, table, "run `BLESS=1 cargo test documents`");
        }
    }

    #[test]
    fn users_add_limits() {
        let limits = Limits::parse(
            "theme = \"dark\"\n[[limits]]\nname = \"ours\"\nseconds = 47.1\nclock = \"silence\"\nby = \"server\"\n",
        )
        .unwrap();
        let found = ending(How::Closed, Side::Server, Clock::Silence, 47_110);
        assert_eq!(limits.matching(&found)[0].name, "ours");
        assert_eq!(Limits::parse("").unwrap(), Limits::default());
        for (text, line) in [
            ("[[limits]]\nname = 1", "line 2"),
            ("[[limits]]\nname = \"a\"\nseconds = 1\nclock = \"moon\"", "line 4"),
            ("[[limits]]\nname = \"a\"\nseconds = -1\nclock = \"wait\"", "limit 1: -1 seconds"),
            ("[[limits]]\nname = \"a\"\nseconds = 1\nclock = \"wait\"\nwhat = 1", "line 5"),
        ] {
            let error = Limits::parse(text).unwrap_err();
            assert!(error.starts_with(line), "{error}");
        }
    }
}
