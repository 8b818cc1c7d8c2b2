//! What a meter counted, as OpenMetrics text (version 1.0), for Prometheus to scrape.
//!
//! Names follow OpenTelemetry's rules for Prometheus: dots become `_`, the unit is a suffix,
//! counters end in `_total`. Exponential histograms have no form in this text.

use std::fmt::Write as _;

use super::meter::names::{BUCKETS, Metric, attribute, metric};
use super::meter::{Explicit, Labels, Meter, lost_by, seconds};
use crate::base::Status;
use crate::base::fact::{Loser, Losses};

/// The media type.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the program knows of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Packets that were read.
    pub packets: u64,
    /// Packets that were lost.
    pub lost: Losses,
    /// Packets that were written to a file and not analysed.
    pub packets_not_analysed: u64,
    /// Resident memory in bytes; `None` if the system does not tell.
    pub memory: Option<u64>,
}

/// The metrics of [`Health`], and those that OpenMetrics has and OTLP has not.
pub mod own {
    use crate::export::meter::names::Metric;

    /// Resident memory.
    pub const MEMORY: Metric =
        Metric { name: "process.resident_memory", unit: "By", description: "Resident memory." };
    /// Packets that were only written.
    pub const NOT_ANALYSED: Metric = Metric {
        name: "mcpdump.packets.not_analysed",
        unit: "{packet}",
        description: "Packets that were written to a file, and not analysed because the analysis was too slow.",
    };
    /// Bytes that were given up.
    pub const GIVEN_UP: Metric = Metric {
        name: "mcpdump.given_up",
        unit: "By",
        description: "Captured bytes of closed connections that were not passed on: copies, or a cap was reached.",
    };
    /// Bytes that are missing.
    pub const MISSING: Metric = Metric {
        name: "mcpdump.missing",
        unit: "By",
        description: "Bytes of closed connections that no captured packet carries.",
    };
}

/// Metrics of OTLP that are written here, and those of [`own`].
pub const WRITTEN: [(Metric, Kind); 15] = [
    (metric::CLIENT_OPERATION, Kind::Histogram),
    (metric::SERVER_OPERATION, Kind::Histogram),
    (metric::OPERATIONS, Kind::Counter),
    (metric::RETRANSMISSIONS, Kind::Counter),
    (metric::NOTIFICATIONS, Kind::Counter),
    (metric::CLIENT_SESSION, Kind::Histogram),
    (metric::SERVER_SESSION, Kind::Histogram),
    (metric::SESSIONS, Kind::Counter),
    (metric::FINDINGS, Kind::Counter),
    (metric::PACKETS, Kind::Counter),
    (metric::PACKETS_LOST, Kind::Counter),
    (own::NOT_ANALYSED, Kind::Counter),
    (own::GIVEN_UP, Kind::Counter),
    (own::MISSING, Kind::Counter),
    (own::MEMORY, Kind::Gauge),
];

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A total.
    Counter,
    /// A value that falls, too.
    Gauge,
    /// Numbers in buckets.
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Returns the name of a metric in OpenMetrics, without the suffixes of its samples (`_total`,
/// `_bucket`, `_sum`, `_count`).
#[must_use]
pub fn family(metric: Metric) -> String {
    let unit = unit(metric);
    let name = plain(metric.name);
    if unit.is_empty() { name } else { format!("{name}_{unit}") }
}

/// Returns everything as text.
#[must_use]
pub fn text(meter: &Meter, health: &Health) -> String {
    let mut page = Page { text: String::new() };
    let operations = meter.operations.all();
    page.histogram(metric::CLIENT_OPERATION, operations.iter().map(|(labels, it)| (labels, &it.client)));
    page.histogram(metric::SERVER_OPERATION, operations.iter().map(|(labels, it)| (labels, &it.server)));
    page.counter(
        metric::OPERATIONS,
        operations.iter().flat_map(|(labels, it)| {
            let counts = Status::ALL.iter().zip(it.by_status).filter(|(_, count)| *count > 0);
            counts.map(|(status, count)| (labels.with(attribute::STATUS, status.name()), count))
        }),
    );
    page.counter(
        metric::RETRANSMISSIONS,
        operations.iter().map(|(labels, it)| (labels.clone(), it.retransmissions)),
    );
    page.counter(
        metric::NOTIFICATIONS,
        meter.notifications.all().into_iter().map(|(labels, count)| (labels, *count)),
    );
    let sessions = meter.sessions.all();
    for metric in [metric::CLIENT_SESSION, metric::SERVER_SESSION] {
        page.histogram(metric, sessions.iter().map(|(labels, it)| (labels, &it.duration)));
    }
    page.counter(
        metric::SESSIONS,
        sessions.iter().flat_map(|(labels, it)| {
            it.by_end.iter().map(|(end, count)| (labels.with(attribute::ENDED, end), *count))
        }),
    );
    page.counter(
        metric::FINDINGS,
        meter.findings.iter().map(|(code, count)| {
            let labels = Labels::default().with(attribute::CODE, code.name());
            (labels.with(attribute::SEVERITY, code.severity().name()), *count)
        }),
    );
    page.counter(metric::PACKETS, [(Labels::default(), health.packets)]);
    page.counter(
        metric::PACKETS_LOST,
        Loser::ALL.map(|by| (Labels::default().with(attribute::LOST_BY, lost_by(by)), health.lost.by(by))),
    );
    page.counter(own::NOT_ANALYSED, [(Labels::default(), health.packets_not_analysed)]);
    page.counter(own::GIVEN_UP, [(Labels::default(), meter.given_up)]);
    page.counter(own::MISSING, [(Labels::default(), meter.missing)]);
    if let Some(memory) = health.memory {
        let name = page.begin(own::MEMORY, Kind::Gauge);
        page.sample(&name, &Labels::default(), None, &memory.to_string());
    }
    page.text.push_str("# EOF\n");
    page.text
}

/// The text so far.
struct Page {
    text: String,
}

impl Page {
    /// Writes what describes a metric, and returns its name.
    fn begin(&mut self, metric: Metric, kind: Kind) -> String {
        let name = family(metric);
        self.line(&format!("# TYPE {name} {}", kind.name()));
        if !unit(metric).is_empty() {
            self.line(&format!("# UNIT {name} {}", unit(metric)));
        }
        self.line(&format!("# HELP {name} {}", metric.description));
        name
    }

    fn counter(&mut self, metric: Metric, samples: impl IntoIterator<Item = (Labels, u64)>) {
        let name = format!("{}_total", self.begin(metric, Kind::Counter));
        for (labels, value) in samples {
            self.sample(&name, &labels, None, &value.to_string());
        }
    }

    /// Histograms; those without durations are left out.
    fn histogram<'a>(&mut self, metric: Metric, samples: impl Iterator<Item = (&'a Labels, &'a Explicit)>) {
        let name = self.begin(metric, Kind::Histogram);
        for (labels, histogram) in samples.filter(|(_, histogram)| histogram.count() > 0) {
            let mut count = 0;
            let limits = BUCKETS.iter().map(|limit| format!("{limit:?}")).chain(["+Inf".to_owned()]);
            for (limit, of_bucket) in limits.zip(histogram.counts) {
                count += of_bucket;
                self.sample(&format!("{name}_bucket"), labels, Some(&limit), &count.to_string());
            }
            self.sample(&format!("{name}_sum"), labels, None, &format!("{:?}", seconds(histogram.sum_ns)));
            self.sample(&format!("{name}_count"), labels, None, &count.to_string());
        }
    }

    fn sample(&mut self, name: &str, labels: &Labels, limit: Option<&str>, value: &str) {
        self.text.push_str(name);
        let pairs = labels.iter().chain(limit.map(|limit| ("le", limit)));
        let pairs: Vec<String> =
            pairs.map(|(key, value)| format!("{}=\"{}\"", plain(key), escaped(value))).collect();
        if !pairs.is_empty() {
            // A buffer takes everything.
            let _ = write!(self.text, "{{{}}}", pairs.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// The unit as a suffix; empty for a number of things.
fn unit(metric: Metric) -> &'static str {
    match metric.unit {
        "s" => "seconds",
        "By" => "bytes",
        _ => "",
    }
}

/// A name without dots.
#[must_use]
pub fn plain(name: &str) -> String {
    name.replace('.', "_")
}

/// Escapes the value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ledger::{Entry, Record, sample};

    fn page(name: &str) -> String {
        let mut meter = Meter::default();
        for n in 1..4 {
            let call = sample::exchange(n, "tools/call", Some(name), 30_000_000);
            meter.record(&Entry::Record(Record::Exchange(Box::new(call))));
        }
        let health = Health { packets: 7, memory: Some(1 << 20), ..Health::default() };
        text(&meter, &health)
    }

    #[test]
    fn a_histogram_has_buckets_that_add_up() {
        let page = page("search");
        let of = |start: &str| -> Vec<&str> {
            let lines = page.lines().filter(|line| line.starts_with(start));
            lines.map(|line| line.rsplit_once(' ').unwrap().1).collect()
        };
        let buckets = of("mcp_client_operation_duration_seconds_bucket{");
        assert_eq!(buckets.len(), BUCKETS.len() + 1);
        assert_eq!((buckets[1], buckets[2], buckets[14]), ("0", "3", "3"));
        assert_eq!(of("mcp_client_operation_duration_seconds_count"), ["3"]);
        assert_eq!(of("mcp_client_operation_duration_seconds_sum"), ["0.09"]);
        assert_eq!(of("mcpdump_packets_total"), ["7"]);
        assert_eq!(of("process_resident_memory_bytes"), ["1048576"]);
        assert!(page.ends_with("# EOF\n"));
    }

    /// Text from traffic stays in its label.
    #[test]
    fn labels_are_escaped() {
        let page = page("a\"} 1\n# EOF\\");
        assert_eq!(page.matches("\n# EOF").count(), 1);
        assert!(page.contains(r#"gen_ai_tool_name="a\"} 1␊# EOF\\""#), "{page}");
    }

    #[test]
    fn every_metric_is_in_the_table() {
        let page = page("a");
        let found: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let table: BTreeSet<String> = WRITTEN.iter().map(|(metric, _)| family(*metric)).collect();
        assert_eq!(found, table.iter().map(String::as_str).collect());
    }

    /// The queries of the dashboard use metrics and labels that there are.
    #[test]
    fn the_dashboard_asks_for_what_there_is() {
        use regex::Regex;
        use serde_json::Value;

        let dashboard: Value = serde_json::from_str(include_str!("../../docs/dashboards/mcp.json")).unwrap();
        let samples: BTreeSet<String> = WRITTEN
            .iter()
            .flat_map(|(metric, kind)| {
                let suffixes: &[&str] = match kind {
                    Kind::Counter => &["_total"],
                    Kind::Gauge => &[""],
                    Kind::Histogram => &["_bucket", "_sum", "_count"],
                };
                suffixes.iter().map(|suffix| format!("{}{suffix}", family(*metric)))
            })
            .collect();
        let known = [
            attribute::METHOD,
            attribute::ERROR_TYPE,
            attribute::TOOL,
            attribute::SERVER,
            attribute::SERVER_PORT,
            attribute::STATUS,
            attribute::CODE,
            attribute::SEVERITY,
            attribute::ENDED,
            attribute::LOST_BY,
            "le",
            "job",
        ];
        let known: BTreeSet<String> = known.into_iter().map(plain).collect();
        let (metric, label, by) = (
            Regex::new(r"\b([a-z_]+)(?:\{|\[)").unwrap(),
            Regex::new(r"([a-z_]+)(?:=~|!=|=)").unwrap(),
            Regex::new(r"by \(([^)]*)\)").unwrap(),
        );
        let mut count = 0;
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let query = target["expr"].as_str().unwrap();
                for found in metric.captures_iter(query) {
                    assert!(samples.contains(&found[1]), "{}: {query}", &found[1]);
                    count += 1;
                }
                let of_groups = by
                    .captures_iter(query)
                    .flat_map(|found| found[1].split(", ").map(str::to_owned).collect::<Vec<_>>());
                let of_selectors = label.captures_iter(query).map(|found| found[1].to_owned());
                for found in of_groups.chain(of_selectors) {
                    assert!(known.contains(&found), "{found}: {query}");
                }
            }
        }
        assert!(count > 10);
    }

    #[test]
    fn the_documentation_has_every_metric() {
        let page = include_str!("../../docs/prometheus.md");
        for (metric, kind) in WRITTEN {
            let suffix = if kind == Kind::Counter { "_total" } else { "" };
            let name = format!("`{}{suffix}`", family(metric));
            assert!(page.contains(&name), "{name}");
        }
    }
}
