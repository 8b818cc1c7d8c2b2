//! Tools that only read: definitions and arguments.

use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use super::{
    Pair, Person, REVISIONS,
    api::{Api, Play},
    failure, refusal, snapshot, soon, text, texts,
};
use crate::serve::hackernews::{Hackernews, schema, tools};

/// The wire format of the public walkthrough, step by step.
#[tokio::test]
async fn the_walkthrough() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2024_11_05).await;
    let info = pair.client.peer_info().unwrap();
    assert_eq!(info.protocol_version, ProtocolVersion::V_2024_11_05);
    let server = info.server_info.clone().unwrap();
    assert_eq!(
        serde_json::to_value(server).unwrap(),
        json!({"name": "hackernews-server", "version": "1.0.0"})
    );

    let listed = soon(pair.client.list_tools(None)).await.unwrap();
    let first = serde_json::to_value(&listed.tools[0]).unwrap();
    let expected = json!({
        "name": "get-hackernews-top-stories",
        "description": "Get the stories from Hacker News",
        "inputSchema": {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["topstories", "newstories", "beststories"]},
                "amount": {"type": "number", "minimum": 1, "maximum": 500, "default": 10},
            },
            "required": ["type"],
            "additionalProperties": false,
            "$schema": "http://json-schema.org/draft-07/schema#",
        },
    });
    assert_eq!(first, expected);

    let result = pair.call(tools::TOP_STORIES, json!({"type": "topstories", "amount": 5})).await.unwrap();
    let (stories, is_error) = texts(&result);
    assert!(stories.len() == 5 && !is_error);
    for story in stories {
        let item: Value = serde_json::from_str(&story).unwrap();
        let places = ["by", "id", "score", "time", "title", "type"].map(|key| {
            let member = format!("\"{key}\":");
            assert!(item.get(key).is_some(), "{story}");
            story.find(&member).unwrap()
        });
        assert!(places.is_sorted(), "{story}");
    }
}

#[tokio::test]
async fn amounts_have_their_default_and_their_bounds() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2025_11_25).await;
    let count = async |arguments| {
        let result = pair.call(tools::TOP_STORIES, arguments).await.unwrap();
        let (stories, is_error) = texts(&result);
        assert!(!is_error, "{stories:?}");
        stories.len()
    };
    assert_eq!(count(json!({"type": "newstories"})).await, 10);
    assert_eq!(count(json!({"type": "beststories", "amount": 2.9})).await, 2);
    let all = count(json!({"type": "topstories", "amount": 500})).await;
    assert!((60..500).contains(&all), "as many as there are: {all}");
}

/// Definitions contain nothing that the revision does not know.
#[tokio::test]
async fn definitions_have_the_form_of_the_revision() {
    for version in REVISIONS {
        let pair = Pair::of_snapshot(&version).await;
        for tool in soon(pair.client.list_tools(None)).await.unwrap().tools {
            let is_walkthrough = tool.name == tools::TOP_STORIES;
            let has_titles = version >= ProtocolVersion::V_2025_06_18;
            assert_eq!(tool.title.is_some(), has_titles && !is_walkthrough, "{version} {}", tool.name);
            let annotations = tool.annotations.map(|one| (one.read_only_hint, one.open_world_hint));
            let asks = [tools::DIGEST, tools::ASK_READER].contains(&tool.name.as_ref());
            let expected = (version >= ProtocolVersion::V_2025_03_26).then_some((Some(true), Some(asks)));
            assert_eq!(annotations, expected, "{version} {}", tool.name);
        }
        let capabilities = pair.client.peer_info().unwrap().capabilities.clone();
        let completes = version >= ProtocolVersion::V_2025_03_26;
        assert_eq!(capabilities.completions.is_some(), completes, "{version}");
        assert!(capabilities.logging.is_none());
        assert!(
            capabilities.resources.is_some_and(|one| one.subscribe.is_none() && one.list_changed.is_none())
        );
    }
}

#[test]
fn every_keyword_of_the_schemas_is_checked() {
    for name in [tools::TOP_STORIES, tools::ITEM, tools::SEARCH, tools::DIGEST, tools::ASK_READER] {
        assert!(schema::is_covered(&tools::by_name(name).unwrap().input_schema), "{name}");
    }
}

#[tokio::test]
async fn an_unknown_tool_is_an_error_of_the_protocol() {
    for version in REVISIONS {
        let pair = Pair::of_snapshot(&version).await;
        let expected = (-32602, "Unknown tool: get-weather".to_owned());
        assert_eq!(refusal(pair.call("get-weather", json!({})).await), expected, "{version}");
    }
}

/// Since SEP-1303 wrong arguments are errors of the tool, so that a model can read the reason.
#[tokio::test]
async fn wrong_arguments_are_reported_as_the_revision_says() {
    let expected = "Invalid arguments for tool get-hackernews-top-stories: missing argument \"type\"";
    for version in REVISIONS {
        let pair = Pair::of_snapshot(&version).await;
        let result = pair.call(tools::TOP_STORIES, json!({"amount": 5})).await;
        match version >= ProtocolVersion::V_2025_11_25 {
            true => assert_eq!(failure(&result.unwrap()), expected, "{version}"),
            false => assert_eq!(refusal(result), (-32602, expected.to_owned()), "{version}"),
        }
    }
}

#[tokio::test]
async fn items_are_found_by_id() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2025_11_25).await;
    let result = pair.call(tools::TOP_STORIES, json!({"type": "topstories", "amount": 1})).await.unwrap();
    let story = text(&result);
    let id = serde_json::from_str::<Value>(&story).unwrap()["id"].clone();
    let result = pair.call(tools::ITEM, json!({"id": id})).await.unwrap();
    assert_eq!(text(&result), story);
    let result = pair.call(tools::ITEM, json!({"id": 1})).await.unwrap();
    assert_eq!(failure(&result), "There is no item 1 on Hacker News.");
}

#[tokio::test]
async fn a_search_finds_stories_with_all_words() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2025_11_25).await;
    let titles = async |words: &str| -> Vec<String> {
        let result = pair.call(tools::SEARCH, json!({"words": words, "amount": 50})).await.unwrap();
        let parsed = texts(&result).0.into_iter().map(|text| serde_json::from_str::<Value>(&text));
        parsed.map(|item| item.unwrap()["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles("PCAPNG reader").await, ["Writing a pcapng reader in 400 lines"]);
    let asked = titles("ask hn").await;
    assert!(asked.len() >= 5 && asked.iter().all(|title| title.starts_with("Ask HN")), "{asked:?}");
    let result = pair.call(tools::SEARCH, json!({"words": "pcapng zeppelin"})).await.unwrap();
    assert_eq!(text(&result), "No story has all of these words.");
    let result = pair.call(tools::SEARCH, json!({"words": "  "})).await.unwrap();
    assert_eq!(text(&result), "No story has all of these words.");
}

/// A failing API is an error of the tool and does not end the session.
#[tokio::test]
async fn a_failing_api_is_an_error_of_the_tool() {
    let api = Api::start(&[("topstories.json", Play::Status(503)), ("item/3.json", Play::Status(500))]).await;
    let handler = Hackernews::new(api.stories());
    let pair = Pair::new(handler, Person::plain(&ProtocolVersion::V_2025_06_18)).await;
    for (name, arguments) in [
        (tools::TOP_STORIES, json!({"type": "topstories"})),
        (tools::SEARCH, json!({"words": "story"})),
        (tools::DIGEST, json!({})),
    ] {
        let error = failure(&pair.call(name, arguments).await.unwrap());
        assert!(
            error.contains("the Hacker News API failed: GET topstories.json: HTTP status 503"),
            "{error}"
        );
    }
    let error = failure(&pair.call(tools::ITEM, json!({"id": 3})).await.unwrap());
    assert!(error.contains("HTTP status 500"), "{error}");
    let (code, message) = refusal(soon(pair.client.list_resources(None)).await);
    assert!(code == -32603 && message.contains("HTTP status 503"), "{code} {message}");
    let result = pair.call(tools::TOP_STORIES, json!({"type": "newstories", "amount": 2})).await.unwrap();
    assert_eq!(texts(&result).0.len(), 2);
    let tools = soon(pair.client.list_tools(None)).await.unwrap().tools;
    assert!(tools.iter().all(|tool| tool.annotations.as_ref().unwrap().open_world_hint == Some(true)));
}

/// A call that waits for a silent server ends when it is cancelled.
#[tokio::test]
async fn a_hanging_read_can_be_cancelled() {
    let api = Api::start(&[("item/3.json", Play::Silence)]).await;
    let mut pair = Pair::new(snapshot(), Person::plain(&ProtocolVersion::V_2025_06_18)).await;
    let context = super::asking::context_of(&mut pair).await;
    let cancel = context.ct.clone();
    let handler = Hackernews::new(api.stories());
    let request = super::call(tools::ITEM, json!({"id": 3}));
    let running = rmcp::ServerHandler::call_tool(&handler, request, context);
    let cancelled = async {
        while api.requests("item/3.json") == 0 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (result, ()) = soon(async { tokio::join!(running, cancelled) }).await;
    assert!(format!("{result:?}").contains("The call was cancelled."), "{result:?}");
}
