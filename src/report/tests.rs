use super::*;
use crate::base::fact::{Losses, Wrapper};
use crate::base::sanitize;
use crate::base::time_style::{TimeFormat, TimeStyle};
use crate::ledger::sample;
use crate::ledger::{By, Ledger, Speaks};

fn snapshot(by: Option<By>) -> Snapshot {
    let mut ledger = Ledger::new(by);
    for entry in sample::entries() {
        ledger.push(&entry);
    }
    ledger.snapshot()
}

fn report(format: Format, snapshot: &Snapshot, color: bool) -> String {
    let options = Options { color, files: vec!["many-sessions.pcap.zst".to_owned()], ..Options::default() };
    let mut out = Vec::new();
    write(format, snapshot, &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn listing(options: list::Options) -> String {
    let (mut lines, mut out) = (list::Lines::new(options), Vec::new());
    for entry in sample::entries().iter().filter(|entry| is_distinct(entry)) {
        lines.write(entry, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

fn epoch() -> TimeFormat {
    TimeFormat { style: TimeStyle::Epoch, ..TimeFormat::default() }
}

#[test]
fn ascii_has_the_same_columns() {
    let text = report(Format::Text, &snapshot(None), false);
    let options =
        Options { ascii: true, files: vec!["many-sessions.pcap.zst".to_owned()], ..Options::default() };
    let mut ascii = Vec::new();
    write(Format::Text, &snapshot(None), &options, &mut ascii).unwrap();
    let ascii = String::from_utf8(ascii).unwrap();
    assert!(ascii.is_ascii() && !text.is_ascii());
    for (line, other) in text.lines().zip(ascii.lines()) {
        assert_eq!(sanitize::width(line), other.len(), "{line}\n{other}");
    }
    assert!(listing(list::Options { ascii: true, ..Default::default() }).is_ascii());
}

/// Leaves out the eighty calls that look alike.
fn is_distinct(entry: &crate::ledger::Entry) -> bool {
    use crate::ledger::{Entry, Record};
    !matches!(entry, Entry::Record(Record::Exchange(exchange)) if (4..83).contains(&exchange.n))
}

#[test]
fn formats_are_known_by_name() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    assert!("pdf".parse::<Format>().unwrap_err().to_string().contains("html"));
}

#[test]
fn text() {
    insta::assert_snapshot!(report(Format::Text, &snapshot(None), false));
}

#[test]
fn of_findings_only_losses_are_listed() {
    use crate::base::{Code, Origin};
    use crate::ledger::Entry;
    let (mut lines, mut out) = (list::Lines::new(list::Options::default()), Vec::new());
    for code in [Code::TcpGap, Code::CaptureLostPackets] {
        let mut finding = sample::finding(code, "the kernel lost 12 packets");
        finding.at = Some(Origin::new(7, 1_500_000_000));
        lines.write(&Entry::Finding(finding), &mut out).unwrap();
    }
    let line = String::from_utf8(out).unwrap();
    assert_eq!(line.lines().count(), 1);
    assert!(
        line.starts_with("00:00:01.500 -") && line.ends_with(" lost       the kernel lost 12 packets\n"),
        "{line}"
    );
}

#[test]
fn losses_name_who_lost_packets_if_known() {
    let losses = |kernel, mcpdump, unknown| Losses { kernel, interface: 0, mcpdump, unknown };
    assert_eq!(label::lost(losses(0, 0, 0)), "0 packets lost");
    assert_eq!(label::lost(losses(0, 0, 1)), "1 packet lost");
    assert_eq!(label::lost(losses(3, 4, 1)), "8 packets lost (3 by the kernel, 4 by mcpdump)");
}

#[test]
fn protocols_that_are_not_read_are_named() {
    let described = |counts: &[(Speaks, Option<Wrapper>, u64)]| {
        let mut unread = UnreadConnections::default();
        counts.iter().for_each(|(speaks, wrapper, count)| unread.add(*speaks, *wrapper, *count));
        unread.describe()
    };
    let tunnel = Some(Wrapper::ConnectTunnel);
    assert_eq!(
        described(&[
            (Speaks::Http1, tunnel, 2),
            (Speaks::Other, None, 3),
            (Speaks::Http2, None, 4),
            (Speaks::Http2, tunnel, 4),
            (Speaks::WebSocket, None, 5)
        ]),
        None
    );
    let other = "a protocol other than HTTP in a CONNECT tunnel on 1 connection";
    assert_eq!(described(&[(Speaks::Other, tunnel, 1)]).as_deref(), Some(other));
    let tls = "TLS on 7 connections without its secrets; read it with --tls-keylog FILE";
    assert_eq!(described(&[(Speaks::Tls, None, 7)]).as_deref(), Some(tls));
    let mut quic = UnreadConnections::default();
    quic.add_quic(2);
    let text = "QUIC (HTTP/3) on 2 connections, not supported; turn HTTP/3 off in the client";
    assert_eq!(quic.describe().as_deref(), Some(text));
    let both = described(&[(Speaks::Tls, None, 6), (Speaks::Tls, tunnel, 1), (Speaks::Other, tunnel, 1)]);
    assert_eq!(both.unwrap(), format!("{tls}; {other}"));
}

#[test]
fn text_by_session() {
    let text = report(Format::Text, &snapshot(Some(By::Session)), false);
    let (_, from) = text.split_once("Latency by session").unwrap();
    insta::assert_snapshot!(from.split_once("Slowest").unwrap().0);
}

#[test]
fn text_without_mcp() {
    insta::assert_snapshot!(report(Format::Text, &Snapshot::default(), false));
}

#[test]
fn text_fits_the_width_and_colours_change_nothing_else() {
    let shot = snapshot(Some(By::Server));
    let plain = report(Format::Text, &shot, false);
    for line in plain.lines() {
        assert!(sanitize::width(line) <= 80, "{line}");
        assert!(!line.ends_with(' '), "{line:?}");
    }
    let coloured = report(Format::Text, &shot, true);
    let without: String = coloured
        .split('\u{1b}')
        .enumerate()
        .map(|(i, part)| if i == 0 { part } else { part.split_once('m').unwrap().1 })
        .collect();
    let trimmed: Vec<_> = without.lines().map(str::trim_end).collect();
    assert_ne!(coloured, plain);
    assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
}

#[test]
fn json() {
    insta::assert_snapshot!(report(Format::Json, &snapshot(None), false));
}

#[test]
fn json_is_json() {
    let document: serde_json::Value =
        serde_json::from_str(&report(Format::Json, &snapshot(Some(By::Client)), false)).unwrap();
    assert_eq!(document["v"], 1);
    assert_eq!(document["exchanges"]["total"], 88);
    assert_eq!(document["by"], "client");
    assert!(document["latency"][0]["p95_ms"].is_number());
}

#[test]
fn csv() {
    insta::assert_snapshot!(report(Format::Csv, &snapshot(None), false));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(report(Format::Markdown, &snapshot(None), false));
}

#[test]
fn list() {
    insta::assert_snapshot!(listing(list::Options::default()));
}

#[test]
fn list_of_messages() {
    insta::assert_snapshot!(listing(list::Options { messages: true, time: epoch(), ..Default::default() }));
}

#[test]
fn credentials_and_control_characters_are_removed() {
    let shot = snapshot(Some(By::Session));
    let mut all: Vec<_> = Format::ALL.iter().map(|format| report(*format, &shot, false)).collect();
    all.push(listing(list::Options { messages: true, ..list::Options::default() }));
    for text in all {
        assert!(!text.contains("hunter2") && !text.contains("joe:secret"), "{text}");
        assert!(!text.chars().any(|c| c == '\u{1b}'), "{text}");
        assert!(text.starts_with('{') || !text.contains('\u{202e}'), "{text}");
    }
}

/// A limit of the user's configuration is named in every format.
#[test]
fn own_limits_are_named() {
    let limits = "[[limits]]\nname = \"our gateway\"\nseconds = 3\nclock = \"wait\"\ncancels = true\n";
    let limits = crate::why::Limits::parse(limits).unwrap();
    let options = Options { limits, ..Options::default() };
    for format in [Format::Text, Format::Json, Format::Markdown] {
        let mut text = Vec::new();
        write(format, &snapshot(None), &options, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("our gateway"), "{format:?}: {text}");
    }
}
