//! A small server that imitates the Hacker News API, with faults.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::Barrier, task::JoinHandle};

use crate::serve::hackernews::stories::{LiveOptions, Stories};

/// How to answer a request.
#[derive(Debug, Clone)]
pub(super) enum Play {
    Json(String),
    Status(u16),
    /// A redirect to another path of the same server.
    To(&'static str),
    /// This many bytes, without a Content-Length.
    Endless(usize),
    /// No answer.
    Silence,
    /// A Content-Length of 100 and three bytes.
    CutShort,
}

#[derive(Clone)]
struct Stage {
    plays: Arc<HashMap<String, Play>>,
    asked: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    /// Answers wait until this many requests have arrived.
    together: Option<Arc<Barrier>>,
}

/// The server; it ends on drop.
pub(super) struct Api {
    pub(super) url: String,
    stage: Stage,
    task: JoinHandle<()>,
}

impl Api {
    /// Starts with ten stories, 1 to 10, of which 4 does not exist; `changes` replaces answers by
    /// path.
    pub(super) async fn start(changes: &[(&str, Play)]) -> Self {
        Self::start_concurrently(changes, None).await
    }

    pub(super) async fn start_concurrently(changes: &[(&str, Play)], together: Option<usize>) -> Self {
        let mut plays = HashMap::new();
        for list in ["topstories", "newstories", "beststories"] {
            let ids: Vec<u64> = (1..=10).collect();
            plays.insert(format!("/v0/{list}.json"), Play::Json(json!(ids).to_string()));
        }
        for id in (1..=10).filter(|id| *id != 4) {
            let item = json!({"by": "someone", "id": id, "title": format!("Story {id}"), "type": "story"});
            plays.insert(format!("/v0/item/{id}.json"), Play::Json(item.to_string()));
        }
        plays.extend(changes.iter().map(|(path, play)| (format!("/v0/{path}"), play.clone())));
        let stage = Stage {
            plays: Arc::new(plays),
            asked: Arc::default(),
            running: Arc::default(),
            most: Arc::default(),
            together: together.map(|count| Arc::new(Barrier::new(count))),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v0", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(stage.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, stage, task }
    }

    /// Stories from this server, with a generous timeout.
    pub(super) fn stories(&self) -> Stories {
        Stories::live(&self.options()).unwrap()
    }

    pub(super) fn options(&self) -> LiveOptions {
        LiveOptions { base_url: self.url.clone(), timeout: Duration::from_secs(20), ..LiveOptions::default() }
    }

    /// Number of requests for a path.
    pub(super) fn requests(&self, path: &str) -> usize {
        let path = format!("/v0/{path}");
        self.stage.asked.lock().unwrap().iter().filter(|asked| **asked == path).count()
    }

    /// Largest number of concurrent requests.
    pub(super) fn most_at_once(&self) -> usize {
        self.stage.most.load(Ordering::SeqCst)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(stage): State<Stage>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    stage.asked.lock().unwrap().push(path.clone());
    let running = stage.running.fetch_add(1, Ordering::SeqCst) + 1;
    stage.most.fetch_max(running, Ordering::SeqCst);
    if let Some(together) = &stage.together {
        together.wait().await;
    }
    stage.running.fetch_sub(1, Ordering::SeqCst);
    match stage.plays.get(&path).cloned().unwrap_or(Play::Json("null".to_owned())) {
        Play::Json(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Play::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Play::To(path) => (StatusCode::FOUND, [(header::LOCATION, path)]).into_response(),
        Play::Endless(bytes) => {
            let chunks = (0..bytes.div_ceil(1024)).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
            Body::from_stream(futures::stream::iter(chunks)).into_response()
        }
        Play::Silence => std::future::pending().await,
        Play::CutShort => {
            let stream = futures::stream::iter([Ok::<_, std::io::Error>("[1,")]);
            ([(header::CONTENT_LENGTH, "100")], Body::from_stream(stream)).into_response()
        }
    }
}
