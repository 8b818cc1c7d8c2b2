use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::base::{Code, Degraded, Origin, Span, Timestamp};
use crate::ledger::sample::{self, T0};
use crate::ledger::{Cause, Id, MessageSpan, RpcError, Status};

fn line(entry: &Entry) -> String {
    let mut out = Vec::new();
    write(entry, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn exchange_line(exchange: Exchange) -> String {
    line(&Entry::Record(Record::Exchange(Box::new(exchange))))
}

#[test]
fn exchange_line_is_exact() {
    let mut exchange = sample::exchange(4, "tools/call", Some("get-hackernews-top-stories"), 12_100_000);
    exchange.request.span = Span::of(Origin::new(61, T0));
    exchange.ack = Some(Timestamp(T0 + 1_900_000));
    exchange.response = Some(MessageSpan { span: Span::of(Origin::new(66, T0 + 12_100_000)), bytes: 1772 });
    let want = concat!(
        r#"{"type":"exchange","v":1,"n":4,"tcp_stream":3,"session":"s1","session_id":"7f4d5d49-1","transport":"http+sse","#,
        r#""protocol_version":"2024-11-05","origin":"client","id":3,"method":"tools/call","#,
        r#""name":"get-hackernews-top-stories","status":"ok","error":null,"http_status":202,"#,
        r#""request":{"start":1795337355.351000000,"end":1795337355.351000000,"first_packet":61,"last_packet":61,"bytes":143},"#,
        r#""response":{"start":1795337355.363100000,"end":1795337355.363100000,"first_packet":66,"last_packet":66,"bytes":1772},"#,
        r#""total_ms":12.1,"send_ms":0.0,"wait_ms":12.1,"receive_ms":0.0,"ack_ms":1.9,"progress":0,"cause":null,"#,
        r#""continues":null,"degraded":[],"findings":[],"client":"127.0.0.1:52820","server":"127.0.0.1:3000","#,
        r#""path":null,"waited_ms":12.1,"waited_packet":66,"view":null,"twin":null,"proxy_ms":null,"#,
        r#""server_name":"hackernews","client_name":"inspector","parent":null,"asked":0,"server_ms":12.1,"#,
        r#""user_ms":null,"network_ms":0.0,"input_ms":null,"via":null,"#,
        r#""http_version":"1.1","http2_stream":null,"tls":null,"suite":null,"sni":null,"alpn":null,"#,
        r#""send_window_ms":null,"receive_window_ms":null,"closed_by":null}"#,
        "\n"
    );
    assert_eq!(exchange_line(exchange), want);
}

#[test]
fn exchange_without_response_has_nulls() {
    let mut exchange =
        sample::unanswered(sample::exchange(7, "ping", None, 1), Status::Cancelled, Cause::Cancelled);
    exchange.id = Id::Number("1.0".into());
    exchange.ack = None;
    exchange.degraded = Degraded::GAP.and(Degraded::MIDSTREAM);
    exchange.findings = vec![Code::McpIdReused, Code::TcpGap];
    exchange.error = Some(RpcError { code: Some(-32602), message: "a \"b\"\n\u{1b}".into() });
    let line = exchange_line(exchange);
    for part in [
        r#""id":1.0,"#,
        r#""error":{"code":-32602,"message":"a \"b\"\n\u001b"}"#,
        r#""response":null,"total_ms":null,"send_ms":0.0,"wait_ms":null,"receive_ms":null,"ack_ms":null"#,
        r#""cause":"cancelled","continues":null,"degraded":["midstream","gap"],"findings":["mcp.id_reused","tcp.gap"]"#,
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[test]
fn other_lines_are_exact() {
    let session = line(&Entry::Record(Record::Session(Box::new(sample::session(1)))));
    let stream = line(&Entry::Record(Record::Stream(Box::new(sample::stream(None)))));
    let notification = line(&Entry::Record(Record::Notification(Box::new(sample::notification()))));
    let finding = line(&Entry::Finding(sample::finding(Code::TcpGap, "…")));
    for (line, want) in [
        (
            &session,
            concat!(
                r#"{"type":"session","v":1,"session":"s1","session_id":"7f4d5d49-1","transport":"http+sse","protocol_version":"2024-11-05","#,
                r#""server":"127.0.0.1:3000","client":"127.0.0.1:52814","client_info":{"name":"inspector","version":"0.16.1"},"#,
                r#""server_info":{"name":"hackernews","version":"1.0.0"},"exchanges":32,"ended":"stream_closed","degraded":[],"#,
            ),
        ),
        (
            &stream,
            concat!(
                r#"{"type":"stream","v":1,"session":null,"session_id":null,"exchange":null,"tcp_stream":0,"method":"GET","#,
                r#""target":"/sse?api_key=hunter2","http_status":200,"server":"127.0.0.1:3000","client":"127.0.0.1:52814","#,
                r#""start":1795337355.290000000,"first_event":1795337355.300000000,"last_event":1795337356.100000000,"#,
                r#""events":41,"bytes":9120,"first_packet":12,"last_packet":215,"ended":"client_closed","#,
            ),
        ),
        (
            &notification,
            concat!(
                r#"{"type":"notification","v":1,"session":"s1","session_id":"7f4d5d49-1","from":"client","#,
                r#""method":"notifications/initialized","time":1795337355.324600000,"packet":40,"bytes":54,"exchange":null,"#,
            ),
        ),
        (
            &finding,
            r#"{"type":"finding","v":1,"code":"tcp.gap","severity":"warning","session":null,"exchange":null,"packet":812,"detail":"…","#,
        ),
    ] {
        assert!(line.starts_with(want), "{line}\n{want}");
    }
}

#[test]
fn every_line_is_json_and_facts_have_none() {
    let mut lines = 0;
    for entry in sample::entries() {
        let line = line(&entry);
        if matches!(entry, Entry::Fact(_) | Entry::Record(Record::Offer(_))) {
            assert_eq!(line, "");
            continue;
        }
        let row: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(row["v"], 1);
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
        lines += 1;
    }
    assert_eq!(lines, 97);
}

proptest! {
    /// Compares the decimals as they are printed, not as floating point.
    #[test]
    fn send_wait_and_receive_add_up_to_total(times in prop::array::uniform4(-4_000_000_000_000i64..4_000_000_000_000)) {
        let mut exchange = sample::exchange(1, "ping", None, 1);
        let at = |ns| Origin::new(1, T0 + ns);
        exchange.request.span = Span { start: at(times[0]), end: at(times[1]), ..exchange.request.span };
        exchange.response = exchange.response.map(|mut response| {
            response.span = Span { start: at(times[2]), end: at(times[3]), ..response.span };
            response
        });
        let line = exchange_line(exchange);
        let row: Value = serde_json::from_str(&line).unwrap();
        prop_assert!(row["total_ms"].is_number());
        let ns = |key: &str| -> i128 {
            let from = line.split_once(&format!("\"{key}\":")).unwrap().1;
            let text = from.split(',').next().unwrap();
            let (whole, fraction) = text.split_once('.').unwrap();
            format!("{whole}{fraction:0<6}").parse().unwrap()
        };
        prop_assert_eq!(ns("total_ms"), ns("send_ms") + ns("wait_ms") + ns("receive_ms"));
    }

    #[test]
    fn any_text_round_trips(text in ".*") {
        let mut exchange = sample::exchange(1, &text, Some(&text), 1);
        exchange.id = Id::Text(text.as_str().into());
        let row: Value = serde_json::from_str(&exchange_line(exchange)).unwrap();
        prop_assert_eq!(row["id"].as_str(), Some(text.as_str()));
        prop_assert_eq!(row["method"].as_str(), Some(text.as_str()));
        prop_assert_eq!(row["name"].as_str(), Some(text.as_str()));
    }
}
