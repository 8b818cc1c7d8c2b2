//! What is said twice and has to agree: headers and arguments, pages of one list, a subscription
//! and its request, a Server Card and its server.

use serde_json::{Value, json};

use super::http::*;
use super::story::*;
use super::talk::*;

const A: &str = "10.0.0.1:5000";

/// A result of 2026-07-28.
fn hinted(mut result: Value) -> Value {
    result["resultType"] = "complete".into();
    result["ttlMs"] = 0.into();
    result.as_object_mut().unwrap().entry("cacheScope").or_insert("private".into());
    result
}

/// A tool whose region a header repeats is listed, and called with this header and these arguments.
fn called(annotation: &str, header: Option<&str>, arguments: Value) -> Talk {
    let schema = json!({"type": "object", "properties": {
        "region": {"type": ["string", "integer", "null"], "x-mcp-header": annotation}, "q": {"type": "string"}}});
    let mut talk = Talk::modern();
    talk.ask("tools/list", json!({}), hinted(json!({"tools": [{"name": "search", "inputSchema": schema}]})));
    talk.id += 1;
    let fields = [MODERN, ("Mcp-Method", "tools/call"), ("Mcp-Name", "search")];
    let header = header.map(|value| ("mcp-param-region", value));
    let fields: Vec<_> = fields.into_iter().chain(header).collect();
    let body = modern(talk.id, "tools/call", json!({"name": "search", "arguments": arguments}), Some("one"));
    talk.story.at(1000.0 * talk.id as f64).c(talk.conn, post("/mcp", &fields, &body));
    let answer =
        json!({"jsonrpc": "2.0", "id": talk.id, "result": {"content": [], "resultType": "complete"}});
    talk.story.s(talk.conn, ok(&answer.to_string()));
    talk
}

#[test]
fn headers_that_repeat_arguments() {
    const WRONG: &[&str] = &["contents.param_header"];
    called("Region", Some("eu"), json!({"region": "eu"})).says(&[]);
    called("Region", Some("=?base64?w7xiZXI=?="), json!({"region": "\u{fc}ber"})).says(&[]);
    called("Region", Some("42.0"), json!({"region": 42})).says(&[]);
    called("Region", None, json!({"region": null})).says(&[]);
    called("Region", None, json!({"q": "a"})).says(&[]);
    called("Region", Some("us"), json!({"region": "eu"})).says(WRONG);
    called("Region", None, json!({"region": "eu"})).says(WRONG);
    called("Region", Some("eu"), json!({"q": "a"})).says(WRONG);
    let found = called("Region", Some("secret"), json!({"region": "other"})).found();
    assert!(found.iter().all(|(_, detail)| !detail.contains("secret") && !detail.contains("other")));
}

/// What the tool takes, or what the client sends, is not captured.
#[test]
fn headers_of_which_something_is_missing() {
    let schema =
        json!({"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}});
    let listed = hinted(json!({"tools": [{"name": "search", "inputSchema": schema}]}));
    let call = json!({"name": "search", "arguments": {"region": "eu"}});
    let mut unlisted = Talk::modern();
    unlisted.lose("tools/list", json!({}), listed.clone());
    unlisted.conn = unlisted.story.at(2500.0).connect("10.0.0.1:5001", SERVER);
    unlisted.ask("tools/call", call.clone(), hinted(text("a")));
    unlisted.is_silent_on(&["contents.param_header", "contents.param_annotation"]);
    let mut headless = Talk::modern();
    headless.ask("tools/list", json!({}), listed);
    let request = headless.request("tools/call", call);
    let (head, body) = request.split_at(30);
    headless.story.at(3000.0).lose(headless.conn, Client, head);
    headless.story.c(headless.conn, body);
    headless.story.ack(headless.conn, Server);
    headless.story.at(5000.0).s(headless.conn, ok(&result(headless.id)));
    headless.is_silent_on(&["contents.param_header"]);
    // A list that is missing may have another definition, before the call or after it.
    let wrong = |last: bool| {
        let mut talk = called("Region", Some("us"), json!({"region": "eu"}));
        talk.conn = talk.story.at(3500.0).connect("10.0.0.1:5001", SERVER);
        if last {
            talk.lose("tools/list", json!({}), hinted(json!({"tools": []})));
        } else {
            talk.ask("tools/list", json!({}), hinted(json!({"tools": []})));
        }
        talk
    };
    wrong(false).says(&["contents.param_header"]);
    wrong(true).is_silent_on(&["contents.param_header"]);
}

/// Two clients behind one address may be one session: which definition a call follows is not known.
#[test]
fn headers_of_a_tool_that_was_listed_in_two_ways() {
    let listed = |header: Option<&str>| {
        let mut region = json!({"type": "string"});
        if let Some(header) = header {
            region["x-mcp-header"] = header.into();
        }
        let schema = json!({"type": "object", "properties": {"region": region}});
        hinted(json!({"tools": [{"name": "search", "inputSchema": schema}]}))
    };
    let call = json!({"name": "search", "arguments": {"region": "eu"}});
    for (first, second, expected) in [
        (Some("Region"), Some("Region"), &["contents.param_header"][..]),
        (Some("Region"), Some("Zone"), &[]),
        (Some("Region"), None, &[]),
        (None, Some("Region"), &[]),
    ] {
        // Before the call, and before and after it.
        for is_between in [false, true] {
            let mut talk = Talk::modern();
            talk.ask("tools/list", json!({}), listed(first));
            if is_between {
                talk.ask("tools/list", json!({}), listed(second));
            }
            talk.ask("tools/call", call.clone(), hinted(text("a")));
            talk.ask("tools/list", json!({}), listed(second));
            let found = talk.found();
            let codes: Vec<_> =
                found.iter().map(|(code, _)| *code).filter(|code| *code == "contents.param_header").collect();
            assert_eq!(codes, expected, "{first:?}, {second:?}, {is_between}");
        }
    }
}

/// A client that shares the address of another follows the list that it got itself, which may have
/// come before the capture began.
#[test]
fn headers_of_a_client_that_was_listed_nothing() {
    let region = json!({"type": "string", "x-mcp-header": "Region"});
    let schema = json!({"type": "object", "properties": {"region": region}});
    let listed = hinted(json!({"tools": [{"name": "search", "inputSchema": schema}]}));
    for is_other in [false, true] {
        let mut talk = Talk::modern();
        talk.ask("tools/list", json!({}), listed.clone());
        if is_other {
            talk.conn = talk.story.connect("10.0.0.1:5001", SERVER);
        }
        talk.ask("tools/call", json!({"name": "search", "arguments": {"region": "eu"}}), hinted(text("a")));
        if is_other {
            talk.is_silent_on(&["contents.param_header"]);
        } else {
            talk.says(&["contents.param_header"]);
        }
    }
}

#[test]
fn annotations_that_make_a_tool_invalid() {
    called("", None, json!({})).says(&["contents.param_annotation"]);
    called("not a token", None, json!({})).says(&["contents.param_annotation"]);
}

#[test]
fn pages_of_one_list_have_one_scope() {
    let page = |next: Option<&str>, scope: &str| {
        let mut page = hinted(json!({"tools": [], "cacheScope": scope}));
        if let Some(next) = next {
            page["nextCursor"] = next.into();
        }
        page
    };
    for (second, expected) in [("public", &[][..]), ("private", &["contents.cache_scope"])] {
        let mut talk = Talk::modern();
        talk.ask("tools/list", json!({}), page(Some("a"), "public"));
        talk.ask("tools/list", json!({"cursor": "a"}), page(None, second));
        talk.says(expected);
    }
    // Which page gave the cursor is not known.
    let mut lost = Talk::modern();
    lost.lose("tools/list", json!({}), page(Some("a"), "public"));
    lost.conn = lost.story.at(2500.0).connect("10.0.0.1:5001", SERVER);
    lost.ask("tools/list", json!({"cursor": "a"}), page(None, "private"));
    lost.is_silent_on(&["contents.cache_scope"]);
    // Another page, which is missing, may have given the cursor, too.
    let mut between = Talk::modern();
    between.ask("tools/list", json!({}), page(Some("a"), "public"));
    between.lose("tools/list", json!({}), page(Some("a"), "private"));
    between.conn = between.story.at(3500.0).connect("10.0.0.1:5001", SERVER);
    between.ask("tools/list", json!({"cursor": "a"}), page(None, "private"));
    between.is_silent_on(&["contents.cache_scope"]);
}

/// The pages of a list that changed between two readings.
#[test]
fn a_list_that_is_read_again_is_no_loop() {
    let page = |next: &str| json!({"tools": [], "nextCursor": next});
    let mut talk = Talk::new(json!({"tools": {}}));
    talk.ask("tools/list", json!({}), page("a"));
    talk.ask("tools/list", json!({"cursor": "a"}), page("b"));
    talk.ask("tools/list", json!({"cursor": "b"}), json!({"tools": []}));
    talk.ask("tools/list", json!({}), page("b"));
    talk.ask("tools/list", json!({"cursor": "b"}), page("a"));
    talk.ask("tools/list", json!({"cursor": "a"}), json!({"tools": []}));
    talk.says(&[]);
    let mut lost = Talk::new(json!({"tools": {}}));
    lost.ask("tools/list", json!({}), page("a"));
    lost.ask("tools/list", json!({"cursor": "a"}), page("b"));
    lost.lose("tools/list", json!({}), page("b"));
    lost.conn = lost.story.at(5000.0).connect("10.0.0.1:5001", SERVER);
    lost.id = 5;
    lost.ask("tools/list", json!({"cursor": "b"}), page("a"));
    lost.is_silent_on(&["contents.page_loop"]);
}

#[test]
fn subscriptions_get_what_they_ask_for() {
    let meta = json!({"io.modelcontextprotocol/subscriptionId": 2});
    let acknowledged = ("notifications/subscriptions/acknowledged", json!({"_meta": meta}));
    let of = |filter: Value, method: &str, mut params: Value| {
        let mut talk = Talk::modern();
        params["_meta"] = meta.clone();
        let asked = json!({"notifications": filter});
        let messages = [acknowledged.clone(), (method, params.clone()), (method, params)];
        talk.stream("subscriptions/listen", asked, &messages, Some(json!({"resultType": "complete"})));
        talk
    };
    const WRONG: &[&str] = &["contents.not_requested"];
    let tools = "notifications/tools/list_changed";
    of(json!({"toolsListChanged": true}), tools, json!({})).says(&[]);
    of(json!({"promptsListChanged": true}), tools, json!({})).says(WRONG);
    of(json!({"toolsListChanged": false}), tools, json!({})).says(WRONG);
    let (updated, uri) = ("notifications/resources/updated", json!({"uri": "file:///a/b"}));
    of(json!({"resourceSubscriptions": ["file:///a"]}), updated, uri.clone()).says(&[]);
    of(json!({"resourceSubscriptions": ["file:///c"]}), updated, uri).says(WRONG);
    let task = json!({"taskId": "t1", "status": "working"});
    of(json!({"taskIds": ["t1"]}), "notifications/tasks", task.clone()).says(&[]);
    of(json!({"taskIds": ["t2"]}), "notifications/tasks", task).says(WRONG);
    // What extensions define is not known here.
    of(json!({}), "notifications/events/event", json!({})).says(&[]);

    // What it asks for is not captured.
    let mut lost = Talk::modern();
    let request = lost.request("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let (front, back) = request.split_at(request.len() - 20);
    lost.story.at(1000.0).c(lost.conn, front);
    lost.story.lose(lost.conn, Client, back);
    lost.story.ack(lost.conn, Server);
    lost.story.at(2000.0).s(lost.conn, sse(&[]));
    lost.story
        .s(lost.conn, event(&notification("notifications/prompts/list_changed", json!({"_meta": meta}))));
    lost.story.s(lost.conn, LAST);
    lost.is_silent_on(&["contents.not_requested"]);
}

/// What is known of the revision of a session may be missing.
#[test]
fn methods_and_cancellations_of_an_unknown_revision() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    let ping = post("/mcp", &[MODERN], &modern(1, "ping", json!({}), Some("one")));
    let (half, rest) = ping.split_at(ping.len() - 20);
    story.at(1000.0).c(conn, half);
    story.lose(conn, Client, rest);
    story.ack(conn, Server);
    story.at(2000.0).s(conn, ok(&result(1)));
    let other = story.at(3000.0).connect("10.0.0.1:5001", SERVER);
    story.c(other, post("/mcp", &[], &notification("notifications/cancelled", json!({"requestId": 1}))));
    story.s(other, accepted());
    let talk = Talk { story, conn: other, id: 1, is_modern: true };
    talk.is_silent_on(&["contents.removed_method", "contents.bad_cancel"]);
}

/// A card at the endpoint of a server, then what the server says of itself with `method`.
fn carded(card: Value, method: &str, said: Value) -> Talk {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, "GET /mcp/server-card HTTP/1.1\r\nHost: example\r\n\r\n");
    let fields = [("Content-Type", "application/mcp-server-card+json")];
    story.s(conn, reply("200 OK", &fields, &card.to_string()));
    let mut talk = Talk { story, conn, id: 1, is_modern: method == "server/discover" };
    talk.ask(
        method,
        json!({"protocolVersion": NOW, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}),
        said,
    );
    talk
}

fn card(more: Value) -> Value {
    let mut card = json!({"name": "com.example/listener", "version": "2", "title": "Listener",
        "remotes": [{"type": "streamable-http", "url": "https://example/mcp",
            "supportedProtocolVersions": ["2025-11-25", "2026-07-28"]}]});
    card.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    card
}

fn discovered() -> Value {
    let info = json!({"io.modelcontextprotocol/serverInfo": {"name": "listener", "version": "2"}});
    hinted(json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "_meta": info}))
}

#[test]
fn server_cards_agree_with_their_servers() {
    let said = json!({"protocolVersion": NOW, "capabilities": {"tools": {}},
        "serverInfo": {"name": "listener", "version": "2"}});
    let of_server = |name: &str, value: Value| {
        let mut said = said.clone();
        *said.pointer_mut(name).unwrap() = value;
        said
    };
    carded(card(json!({})), "initialize", said.clone()).says(&[]);
    carded(card(json!({})), "server/discover", discovered()).says(&[]);
    let remote = |kind: &str, revisions: Value| json!({"remotes": [{"type": kind, "url": "https://example/mcp", "supportedProtocolVersions": revisions}]});
    let draft = remote("streamable-http", json!(["2026-07-28", "DRAFT-2027"]));
    carded(card(draft), "server/discover", discovered()).says(&[]);
    let later = remote("streamable-http", json!(["2026-07-28", "2027-03-01"]));
    for (more, method, said, word) in [
        (json!({}), "initialize", of_server("/serverInfo/version", json!("3")), "version 2"),
        (json!({}), "initialize", of_server("/serverInfo/name", json!("files")), "name com.example/listener"),
        (json!({}), "initialize", of_server("/protocolVersion", json!("2025-06-18")), "speaks 2025-06-18"),
        (later, "server/discover", discovered(), "2027-03-01"),
        (remote("sse", json!([NOW])), "initialize", said.clone(), "transport sse"),
        (json!({"capabilities": {"tools": {}, "prompts": {}}}), "initialize", said.clone(), "prompts"),
    ] {
        let found = carded(card(more), method, said).found();
        let details: Vec<_> = found
            .iter()
            .filter(|(code, _)| *code == "contents.card_differs")
            .map(|(_, detail)| detail)
            .collect();
        assert!(details.len() == 1 && details[0].contains(word), "{word}: {found:?}");
    }
}

/// Two endpoints with one path, at two hosts; and a card that names a revision, but lists none.
#[test]
fn server_cards_whose_endpoint_is_not_known() {
    let said = json!({"protocolVersion": NOW, "capabilities": {"tools": {}},
        "serverInfo": {"name": "listener", "version": "2"}});
    let remote = |kind: &str, host: &str| json!({"type": kind, "url": format!("https://{host}/mcp")});
    for (kinds, expected) in [
        (["sse", "streamable-http"], &[][..]),
        (["streamable-http", "sse"], &[]),
        (["sse", "sse"], &["contents.card_differs"]),
    ] {
        let remotes = json!([remote(kinds[0], "a.example"), remote(kinds[1], "b.example")]);
        carded(card(json!({"remotes": remotes})), "initialize", said.clone()).says(expected);
    }
    let one = card(json!({"remotes": [], "protocolVersion": "2026-07-28"}));
    carded(one, "initialize", said).says(&[]);
}

/// Half a card is no card.
#[test]
fn server_cards_of_which_something_is_missing() {
    let mut story = Story::new();
    let conn = story.connect(A, SERVER);
    story.c(conn, "GET /mcp/server-card HTTP/1.1\r\nHost: example\r\n\r\n");
    let fields = [("Content-Type", "application/mcp-server-card+json")];
    let answer = reply("200 OK", &fields, &card(json!({"version": "1"})).to_string());
    let (half, rest) = answer.split_at(answer.len() - 20);
    story.s(conn, half);
    story.lose(conn, Server, rest);
    story.ack(conn, Client);
    let other = story.at(2000.0).connect("10.0.0.1:5001", SERVER);
    let mut talk = Talk { story, conn: other, id: 2, is_modern: true };
    talk.ask("server/discover", json!({}), discovered());
    talk.is_silent_on(&["contents.card_differs"]);
}

/// One member of another type costs the whole list.
#[test]
fn lists_with_a_member_of_another_type() {
    let of = |method: &str, result: Value| {
        let mut talk = Talk::new(json!({"tools": {}, "resources": {}, "prompts": {}}));
        talk.ask(method, json!({}), result.clone());
        talk.ask(method, json!({}), result);
        talk
    };
    let tool = |description: Value| {
        json!({"tools": [{"name": "a", "description": description,
        "inputSchema": {"type": "object"}}]})
    };
    of("tools/list", tool("b".into())).says(&[]);
    of("tools/list", tool(json!(null))).says(&["contents.wrong_type"]);
    of("resources/list", json!({"resources": [{"uri": "file:///a", "name": "a"}]})).says(&[]);
    of("resources/list", json!({"resources": [{"uri": "file:///a"}]})).says(&["contents.wrong_type"]);
    of("prompts/list", json!({"prompts": [{"name": "a", "arguments": null}]})).says(&["contents.wrong_type"]);
    let mut lost = Talk::new(json!({"tools": {}}));
    lost.lose("tools/list", json!({}), tool(json!(null)));
    lost.is_silent_on(&["contents.wrong_type"]);
}

/// One member of another type costs the whole result.
#[test]
fn results_with_a_member_of_another_type() {
    let of = |method: &str, params: Value, result: Value| {
        let mut talk = Talk::new(json!({"tools": {}, "resources": {}, "prompts": {}, "completions": {}}));
        talk.ask(method, params.clone(), result.clone());
        talk.ask(method, params, result);
        talk
    };
    let wrong = json!({"content": [{"type": "text", "text": 7}]});
    of("tools/call", call(json!({})), text("a")).says(&[]);
    of("tools/call", call(json!({})), wrong.clone()).says(&["contents.result_shape"]);
    of("tools/call", call(json!({})), json!({"content": null})).says(&["contents.result_shape"]);
    of("prompts/get", json!({"name": "a"}), json!({"messages": {}})).says(&["contents.result_shape"]);
    let contents = |text: Value| json!({"contents": [{"uri": "file:///a", "text": text}]});
    of("resources/read", json!({"uri": "file:///a"}), contents("a".into())).says(&[]);
    of("resources/read", json!({"uri": "file:///a"}), contents(json!(null))).says(&["contents.result_shape"]);
    of("completion/complete", json!({}), json!({"completion": {"values": []}})).says(&[]);
    of("completion/complete", json!({}), json!({"completion": []})).says(&["contents.result_shape"]);
    // A revision without these members leaves their types open.
    let mut earlier = Talk::of("2024-11-05", json!({"tools": {}}));
    earlier.ask("tools/call", call(json!({})), json!({"content": [], "structuredContent": [1]}));
    earlier.says(&[]);
    let mut lost = Talk::new(json!({"tools": {}}));
    lost.lose("tools/call", call(json!({})), wrong);
    lost.is_silent_on(&["contents.result_shape"]);
}
