//! Faulty and odd conversations from public bug reports (`captures/field`): what the program prints
//! of each agrees with its `expect.json`.

mod expect;
mod output;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::corpus;
use output::Output;

/// Cases that do not agree yet. One that agrees has to leave the list.
const UNRESOLVED: [&str; 0] = [];

/// A test for each case, and the list of all of them.
macro_rules! cases {
    ($($test:ident: $name:literal),+ $(,)?) => {
        const CASES: &[&str] = &[$($name),+];
        $(
            #[test]
            fn $test() {
                agrees($name);
            }
        )+
    };
}

cases! {
    absolute_form_through_proxy: "absolute-form-through-proxy",
    call_executed_twice_after_a_reset: "call-executed-twice-after-a-reset",
    clock_steps_back_in_the_capture: "clock-steps-back-in-the-capture",
    cors_preflight_refused: "cors-preflight-refused",
    duplicate_id_cross_wired: "duplicate-id-cross-wired",
    elicitation_on_the_get_stream: "elicitation-on-the-get-stream",
    empty_200_for_a_call: "empty-200-for-a-call",
    endpoint_names_an_internal_host: "endpoint-names-an-internal-host",
    error_null_beside_result: "error-null-beside-result",
    error_with_null_id: "error-with-null-id",
    events_without_space_crlf_multi_line: "events-without-space-crlf-multi-line",
    expect_100_continue: "expect-100-continue",
    get_404_while_the_session_works: "get-404-while-the-session-works",
    get_answered_200_with_a_json_error: "get-answered-200-with-a-json-error",
    id_1_for_every_request: "id-1-for-every-request",
    ipv6_loopback_and_host_with_zone: "ipv6-loopback-and-host-with-zone",
    messages_broadcast_to_other_sessions: "messages-broadcast-to-other-sessions",
    notification_answered_200_null: "notification-answered-200-null",
    plain_http_in_connect_tunnel: "plain-http-in-connect-tunnel",
    redirect_307_to_slash: "redirect-307-to-slash",
    replica_refuses_session_of_another: "replica-refuses-session-of-another",
    request_answered_202_then_on_the_get_stream: "request-answered-202-then-on-the-get-stream",
    request_body_never_complete: "request-body-never-complete",
    retyped_progress_token_and_cancel: "retyped-progress-token-and-cancel",
    silent_stream_dies_at_the_idle_limit: "silent-stream-dies-at-the-idle-limit",
    sse_without_endpoint_event: "sse-without-endpoint-event",
    string_id_answered_as_number: "string-id-answered-as-number",
    transfer_encoding_twice: "transfer-encoding-twice",
    unterminated_event_on_open_stream: "unterminated-event-on-open-stream",
}

/// Asserts that a case agrees with what is expected, or is listed in [`UNRESOLVED`] and does not.
#[track_caller]
fn agrees(name: &str) {
    let directory = corpus::directory().join("field").join(name);
    let output = Output::of(&directory.join("capture.pcap"));
    let expect: Value = serde_json::from_slice(&corpus::bytes(&directory.join("expect.json")))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let differences = expect::differences(&output, &expect);
    let is_unresolved = UNRESOLVED.contains(&name);
    assert!(is_unresolved || differences.is_empty(), "{name}:\n  {}", differences.join("\n  "));
    assert!(!is_unresolved || !differences.is_empty(), "{name} agrees: remove it from UNRESOLVED");
}

#[test]
fn every_directory_has_its_test() {
    let entries = std::fs::read_dir(corpus::directory().join("field")).unwrap();
    let directories: BTreeSet<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(directories, CASES.iter().map(|&name| name.to_owned()).collect());
    assert!(UNRESOLVED.iter().all(|name| directories.contains(*name)));
}
