//! Stories from an imitated API, with faults.

use std::time::Duration;

use super::{
    api::{Api, Play},
    soon,
};
use crate::serve::hackernews::stories::{List, LiveOptions, Stories, StoriesError, StoriesOptions};

fn ids(found: &[std::sync::Arc<super::super::item::Item>]) -> Vec<u64> {
    found.iter().map(|item| item.id()).collect()
}

#[tokio::test]
async fn items_are_in_the_order_of_the_list_without_unknown_ones() {
    let api = Api::start(&[("topstories.json", Play::Json("[9,4,1]".to_owned()))]).await;
    let stories = api.stories();
    let list = soon(stories.ids(List::Top)).await.unwrap();
    assert_eq!(*list, [9, 4, 1]);
    assert_eq!(ids(&soon(stories.items(&list)).await.unwrap()), [9, 1]);
}

#[tokio::test]
async fn an_answer_is_cached_until_it_expires() {
    let api = Api::start(&[]).await;
    let stories = api.stories();
    for _ in 0..3 {
        soon(stories.ids(List::New)).await.unwrap();
        assert!(soon(stories.item(1)).await.unwrap().is_some());
        assert!(soon(stories.item(4)).await.unwrap().is_none());
    }
    for path in ["newstories.json", "item/1.json", "item/4.json"] {
        assert_eq!(api.requests(path), 1, "{path}");
    }
    let stories = Stories::live(&LiveOptions { cache_age: Duration::ZERO, ..api.options() }).unwrap();
    for _ in 0..2 {
        soon(stories.item(2)).await.unwrap();
    }
    assert_eq!(api.requests("item/2.json"), 2);
}

#[tokio::test]
async fn each_failure_has_its_error() {
    let plays = [
        ("item/1.json", Play::Status(500), "HTTP status 500"),
        ("item/2.json", Play::Status(429), "HTTP status 429"),
        ("item/3.json", Play::To("/v0/item/1.json"), "HTTP status 302"),
        ("item/5.json", Play::Json("<html>".to_owned()), "unexpected response"),
        ("item/6.json", Play::Json(r#"{"id":7}"#.to_owned()), "not an item with this id"),
        ("item/7.json", Play::Json("[]".to_owned()), "not an item with this id"),
        ("item/8.json", Play::Endless(8 << 20), "more than 524288 bytes"),
        ("item/9.json", Play::CutShort, "item/9.json"),
    ];
    let changes: Vec<_> = plays.iter().map(|(path, play, _)| (*path, play.clone())).collect();
    let api = Api::start(&changes).await;
    let stories = api.stories();
    for (path, _, expected) in plays {
        let id = path.trim_start_matches("item/").trim_end_matches(".json").parse().unwrap();
        let error = soon(stories.item(id)).await.unwrap_err().to_string();
        assert!(error.starts_with("the Hacker News API failed: GET item/"), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(api.requests("item/1.json"), 1, "redirects are not followed");
    let error = soon(stories.items(&[10, 1, 10])).await.unwrap_err();
    assert!(matches!(error, StoriesError::Failed { .. }), "{error}");
}

#[tokio::test]
async fn a_list_is_bounded_too() {
    let many: Vec<u64> = (0..5000).collect();
    let many = serde_json::to_string(&many).unwrap();
    let plays = [("topstories.json", Play::Json(many)), ("newstories.json", Play::Endless(1 << 20))];
    let api = Api::start(&plays).await;
    assert_eq!(soon(api.stories().ids(List::Top)).await.unwrap().len(), 500);
    let error = soon(api.stories().ids(List::New)).await.unwrap_err();
    assert!(matches!(error, StoriesError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let api = Api::start(&[("item/1.json", Play::Silence)]).await;
    let options = LiveOptions { timeout: Duration::from_millis(50), ..api.options() };
    let error = soon(Stories::live(&options).unwrap().item(1)).await.unwrap_err().to_string();
    assert!(error.contains("timed out"), "{error}");
}

#[tokio::test]
async fn an_unreachable_server_is_an_error_without_the_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let base_url = format!("http://user:secret@{address}/v0");
    let options = LiveOptions { base_url, ..LiveOptions::default() };
    let error = soon(Stories::live(&options).unwrap().ids(List::Top)).await.unwrap_err().to_string();
    assert!(error.contains("topstories.json") && error.contains("onnect"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

/// The barrier releases nothing before four requests are there, so four run at once, and never
/// more.
#[tokio::test]
async fn concurrent_requests_reach_the_limit_and_never_exceed_it() {
    let api = Api::start_concurrently(&[], Some(4)).await;
    let stories = Stories::live(&LiveOptions { concurrency: 4, ..api.options() }).unwrap();
    let (one, other) = (stories.clone(), stories);
    let both = async { tokio::join!(one.items(&[1, 2, 3, 5]), other.items(&[6, 7, 8, 9])) };
    let (one, other) = soon(both).await;
    assert_eq!((ids(&one.unwrap()), ids(&other.unwrap())), (vec![1, 2, 3, 5], vec![6, 7, 8, 9]));
    assert_eq!(api.most_at_once(), 4);
}

#[test]
fn an_invalid_base_url_is_refused() {
    for base_url in ["", "news", "file:///etc", "ftp://a.example/v0"] {
        let options = LiveOptions { base_url: base_url.to_owned(), ..LiveOptions::default() };
        let error = Stories::open(&StoriesOptions::Live(options)).unwrap_err();
        assert!(matches!(error, StoriesError::BaseUrl(_)), "{base_url}: {error}");
    }
}
