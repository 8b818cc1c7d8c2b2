use bytes::Bytes;

use super::*;
use crate::base::fact::{PayloadFact, PayloadKind};
use crate::base::{Degraded, Fact, Peers, Side};
use crate::ledger::{Record, RpcError, sample};

fn redactor(rules: &[&str]) -> Redactor {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Redactor::new(&rules).unwrap().unwrap()
}

fn payload(kind: PayloadKind, text: &str, rules: &[&str]) -> String {
    let fact = PayloadFact {
        peers: Peers {
            tcp_stream: 0,
            client: sample::address("127.0.0.1:52814"),
            server: sample::address("127.0.0.1:3000"),
            via: None,
        },
        transaction: 0,
        side: Side::Client,
        kind,
        span: sample::span(1, 1, 0, 0),
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        degraded: Degraded::NONE,
    };
    let entry = redactor(rules).redact(&Entry::Fact(Fact::Payload(Box::new(fact))));
    let Entry::Fact(Fact::Payload(fact)) = entry else { panic!("another entry") };
    String::from_utf8(fact.bytes.to_vec()).unwrap()
}

fn body(text: &str, rules: &[&str]) -> String {
    payload(PayloadKind::Body, text, rules)
}

#[test]
fn values_are_masked_by_the_name_of_their_member() {
    let rules = &["key:pass-word"];
    assert_eq!(body(r#"{"Password" : "a", "b":1}"#, rules), r#"{"Password" : "***", "b":1}"#);
    assert_eq!(body(r#"{"pass_word":{"a":["x"]}}"#, rules), r#"{"pass_word":"***"}"#);
    assert_eq!(body("a=1&password=hunter2&b=2", rules), "a=1&password=***&b=2");
    assert_eq!(body(r#"{"passwords":1}"#, rules), r#"{"passwords":1}"#);
    // JSON in a string of JSON.
    let nested = r#"{"text":"{\"password\":\"my long one\",\"n\":1}"}"#;
    assert_eq!(body(nested, rules), r#"{"text":"{\"password\":***,\"n\":1}"}"#);
}

#[test]
fn paths_select_in_each_message_of_a_batch() {
    let rules = &["$.params.arguments.email"];
    let message = r#"{"id": 1.0,"params":{"arguments":{"email":"a@b","x":"e\u0301"}}}"#;
    let masked = r#"{"id": 1.0,"params":{"arguments":{"email":"***","x":"e\u0301"}}}"#;
    assert_eq!(body(message, rules), masked);
    assert_eq!(body(&format!("[{message},{message}]"), rules), format!("[{masked},{masked}]"));
    for (path, masked) in [
        ("$..b", r#"{"a":[{"b":"***"},{"b":"***"}],"b":"***"}"#),
        ("$.a[1].b", r#"{"a":[{"b":1},{"b":"***"}],"b":3}"#),
        ("$.a[*]['b']", r#"{"a":[{"b":"***"},{"b":"***"}],"b":3}"#),
        ("$.*", r#"{"a":"***","b":"***"}"#),
        ("$.c", r#"{"a":[{"b":1},{"b":2}],"b":3}"#),
    ] {
        assert_eq!(body(r#"{"a":[{"b":1},{"b":2}],"b":3}"#, &[path]), masked, "{path}");
    }
    assert_eq!(body(r#"{"params":{"arguments":{"email":"#, rules), "***", "a message that cannot be read");
}

#[test]
fn patterns_see_text_without_its_escapes_and_numbers() {
    let rules = &["pattern:[0-9]{16}", "pattern:a@b"];
    assert_eq!(body(r#"{"n":1234567812345678,"m":12}"#, rules), r#"{"n":"***","m":12}"#);
    assert_eq!(body(r#"{"mail a\u0040b":"<a\u0040b>"}"#, rules), r#"{"mail ***":"<***>"}"#);
}

#[test]
fn heads_are_masked_by_field_and_in_the_target() {
    let head = "POST /m?sid=77&token=abc HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nMcp-Session-Id: 9f\r\n\r\n";
    assert_eq!(
        payload(PayloadKind::Head, head, &["default"]),
        "POST /m?sid=77&token=*** HTTP/1.1\r\nHost: h\r\nAuthorization: ***\r\nMcp-Session-Id: 9f\r\n\r\n"
    );
    assert_eq!(
        payload(PayloadKind::Head, head, &["session-ids"]),
        "POST /m?sid=***&token=*** HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nMcp-Session-Id: ***\r\n\r\n"
    );
}

#[test]
fn records_are_masked_as_their_members_would_be() {
    let mut call = sample::exchange(1, "tools/call", Some("ann"), 1);
    call.error =
        Some(RpcError { code: Some(1), message: "card 4111 1111 1111 1111, a.b@example.org".into() });
    let exchange = |rules: &[&str]| {
        let entry = Entry::Record(Record::Exchange(Box::new(call.clone())));
        let Entry::Record(Record::Exchange(masked)) = redactor(rules).redact(&entry) else {
            panic!("another")
        };
        (masked.name.unwrap().to_string(), masked.error.unwrap().message.to_string(), masked.session)
    };
    assert_eq!(exchange(&["$.params.name"]).0, "***");
    assert_eq!(exchange(&["key:uri"]).0, "***");
    assert_eq!(exchange(&["$.error.message"]).1, "***");
    assert_eq!(exchange(&["default"]).1, "card ***, ***");
    assert_eq!(exchange(&["$..clientInfo.name"]).2.client_name.as_deref(), Some("***"));
    assert_eq!(exchange(&["default"]).2.client_name.as_deref(), Some("inspector"));
    assert_eq!(exchange(&["session-ids"]).2.id.as_deref(), Some("***"));
}

/// What a finding quotes has lost the name of its member.
#[test]
fn what_findings_quote_is_left_out_with_names_and_paths() {
    let code = crate::base::Code::McpIdReused;
    let entry = Entry::Finding(sample::finding(code, "the server says hunter2 to id 7"));
    let masked = |rule: &str| match redactor(&[rule]).redact(&entry) {
        Entry::Finding(finding) => finding.detail,
        _ => panic!("another"),
    };
    assert_eq!(masked("$.params.x"), code.info().title);
    assert_eq!(masked("pattern:hunter"), "the server says ***2 to id 7");
}

#[test]
fn what_is_masked_is_counted_by_rule() {
    let rules: Vec<Rule> =
        ["pattern:absent", "pattern:b+"].iter().map(|rule| rule.parse().unwrap()).collect();
    let redactor = Redactor::new(&rules).unwrap().unwrap();
    let finding = sample::finding(crate::base::Code::McpIdReused, "session_id=1 bbb b");
    let _ = redactor.redact(&Entry::Finding(finding));
    let counts: Vec<(String, u64)> =
        redactor.tally().counts().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(counts, [("pattern:absent".to_owned(), 0), ("pattern:b+".to_owned(), 2)]);
    assert_eq!(redactor.tally().total(), 2);
}

#[test]
fn a_wrong_rule_says_what_is_expected() {
    for (rule, says) in [
        ("passwords", "key:NAME"),
        ("key:", "key:NAME"),
        ("pattern:(", "unclosed group"),
        ("pattern:a*", "matches no text"),
        ("$.a[?(@.b)]", "[*]"),
    ] {
        let error = rule.parse::<Rule>().unwrap_err();
        assert!(error.contains(says), "{rule}: {error}");
    }
}
