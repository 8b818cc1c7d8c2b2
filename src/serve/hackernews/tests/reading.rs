//! Resources, the prompt, and completion.

use std::collections::HashSet;

use rmcp::model::{
    GetPromptRequestParams, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams,
    ResourceContents,
};
use serde_json::{Value, json};

use super::{Pair, REVISIONS, refusal, soon};

async fn read(pair: &Pair, uri: &str) -> Value {
    let result = soon(pair.client.read_resource(ReadResourceRequestParams::new(uri))).await.unwrap();
    let [ResourceContents::TextResourceContents { uri: own, mime_type, text, .. }] = &result.contents[..]
    else {
        panic!("{result:?}")
    };
    assert_eq!((own.as_str(), mime_type.as_deref()), (uri, Some("application/json")));
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn pages_cover_all_resources_once() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2025_11_25).await;
    let (mut cursor, mut uris, mut pages) = (None, Vec::new(), 0);
    loop {
        let request = PaginatedRequestParams::default().with_cursor(cursor);
        let page = soon(pair.client.list_resources(Some(request))).await.unwrap();
        uris.extend(page.resources.into_iter().map(|resource| resource.uri));
        pages += 1;
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let top = read(&pair, "hackernews://list/topstories").await;
    let stories = top.as_array().unwrap();
    assert_eq!((pages, uris.len()), (stories.len().div_ceil(20), stories.len() + 3));
    assert_eq!(uris.iter().collect::<HashSet<_>>().len(), uris.len());
    let expected = stories.iter().map(|id| format!("hackernews://item/{id}"));
    assert!(uris[3..].iter().cloned().eq(expected));
}

#[tokio::test]
async fn listed_resources_can_be_read_and_have_the_stated_size() {
    for version in [ProtocolVersion::V_2024_11_05, ProtocolVersion::V_2025_06_18] {
        let pair = Pair::of_snapshot(&version).await;
        let page = soon(pair.client.list_resources(None)).await.unwrap();
        for resource in page.resources {
            let read = read(&pair, &resource.uri).await;
            if let Some(size) = resource.size {
                assert_eq!(read.to_string().len() as u64, size, "{}", resource.uri);
                let shown = resource.title.as_ref().unwrap_or(&resource.name);
                assert_eq!(read["title"], shown.as_str());
            }
            assert_eq!(resource.title.is_some(), version >= ProtocolVersion::V_2025_06_18);
        }
    }
}

#[tokio::test]
async fn an_unknown_cursor_is_refused() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2025_11_25).await;
    for cursor in ["", "x", "topstories-0", "topstories-7", "topstories-020", "topstories--20", "20"] {
        let request = PaginatedRequestParams::default().with_cursor(Some(cursor.to_owned()));
        assert_eq!(refusal(soon(pair.client.list_resources(Some(request))).await).0, -32602, "{cursor}");
    }
    let request = || Some(PaginatedRequestParams::default().with_cursor(Some("topstories-20".to_owned())));
    assert_eq!(refusal(soon(pair.client.list_tools(request())).await).0, -32602);
    assert_eq!(refusal(soon(pair.client.list_prompts(request())).await).0, -32602);
    assert_eq!(refusal(soon(pair.client.list_resource_templates(request())).await).0, -32602);
}

#[tokio::test]
async fn an_unknown_resource_has_the_error_code_of_the_revision() {
    for version in REVISIONS {
        let pair = Pair::of_snapshot(&version).await;
        let code = if version.has_initialize() { -32002 } else { -32602 };
        for uri in [
            "hackernews://item/1",
            "hackernews://item/x",
            "hackernews://item/048100030",
            "hackernews://item/",
            "hackernews://list/worststories",
            "hackernews://user/someone",
            "https://example.com/",
            "",
        ] {
            let result = soon(pair.client.read_resource(ReadResourceRequestParams::new(uri))).await;
            assert_eq!(refusal(result), (code, format!("Resource not found: {uri}")), "{version}");
        }
    }
}

#[tokio::test]
async fn templates_are_completed() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2025_11_25).await;
    let templates = soon(pair.client.list_resource_templates(None)).await.unwrap().resource_templates;
    let uris: Vec<_> = templates.iter().map(|template| template.uri_template.as_str()).collect();
    assert_eq!(uris, ["hackernews://item/{id}", "hackernews://list/{type}"]);
    let complete = async |uri: &str, name: &str, typed: &str| {
        soon(pair.client.complete_resource_argument(uri, name, typed, None)).await
    };
    let lists = complete(uris[1], "type", "").await.unwrap();
    assert_eq!(lists.values, ["topstories", "newstories", "beststories"]);
    assert_eq!(complete(uris[1], "type", "n").await.unwrap().values, ["newstories"]);
    let ids = complete(uris[0], "id", "4810").await.unwrap();
    assert!(!ids.values.is_empty() && ids.values.iter().all(|id| id.starts_with("4810")));
    assert_eq!((ids.total, ids.has_more), (u32::try_from(ids.values.len()).ok(), Some(false)));
    assert!(complete(uris[0], "id", "x").await.unwrap().values.is_empty());
    assert_eq!(refusal(complete(uris[0], "type", "").await).0, -32602);
    assert_eq!(refusal(complete("hackernews://user/{id}", "id", "").await).0, -32602);
}

#[tokio::test]
async fn a_story_can_be_discussed() {
    let pair = Pair::of_snapshot(&ProtocolVersion::V_2025_11_25).await;
    let prompts = soon(pair.client.list_prompts(None)).await.unwrap().prompts;
    assert_eq!(prompts.len(), 1);
    let arguments = prompts[0].arguments.clone().unwrap();
    let required: Vec<_> = arguments.iter().map(|one| (one.name.as_str(), one.required)).collect();
    assert_eq!(required, [("id", Some(true)), ("tone", Some(false))]);
    let ids = soon(pair.client.complete_prompt_simple("discuss-story", "id", "")).await.unwrap();
    let tones = soon(pair.client.complete_prompt_simple("discuss-story", "tone", "c")).await.unwrap();
    assert_eq!(tones, ["curious", "critical"]);

    let get = async |name: &str, arguments: Value| {
        let arguments = serde_json::from_value(arguments).unwrap();
        soon(pair.client.get_prompt(GetPromptRequestParams::new(name).with_arguments(arguments))).await
    };
    let result = get("discuss-story", json!({"id": ids[0], "tone": "critical"})).await.unwrap();
    let messages = serde_json::to_value(result.messages).unwrap();
    assert!(messages[0]["content"]["text"].as_str().unwrap().ends_with("Be critical."));
    assert_eq!(messages[1]["content"]["resource"]["uri"], format!("hackernews://item/{}", ids[0]));
    for (name, arguments) in [
        ("discuss-story", json!({})),
        ("discuss-story", json!({"id": "x"})),
        ("discuss-story", json!({"id": 5})),
        ("discuss-story", json!({"id": "1"})),
        ("discuss-story", json!({"id": ids[0], "tone": "angry"})),
        ("discuss-story", json!({"id": ids[0], "colour": "red"})),
        ("discuss-weather", json!({"id": ids[0]})),
    ] {
        assert_eq!(refusal(get(name, arguments.clone()).await).0, -32602, "{name} {arguments}");
    }
}
