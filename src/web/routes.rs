//! What is answered at which path.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures::stream;
use tokio::sync::watch;

use super::access::{self, Token};
use super::changes::Current;
use super::places::Known;
use super::site::Cache;

/// Interval of comments on a stream without news: whether the browser is still there is known by
/// them.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Name of the stream of updates, as the page knows it.
const UPDATES: &str = "updates";

/// What handlers use.
#[derive(Clone)]
struct Served {
    token: Arc<Token>,
    cache: Arc<Cache>,
    current: watch::Receiver<Current>,
}

/// Returns the service. Streams tell what `current` becomes.
pub(super) fn router(token: Arc<Token>, cache: Arc<Cache>, current: watch::Receiver<Current>) -> Router {
    let served = Served { token, cache, current };
    Router::new()
        .route("/{token}", get(without_slash))
        .route("/{token}/", get(page))
        .route("/{token}/{name}", get(file))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(served.clone(), guard))
        .with_state(served)
}

/// Refuses what may not be read, and adds the header fields that every response has.
async fn guard(State(served): State<Served>, request: Request, next: Next) -> Response {
    let mut response = match access::check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        // The connection is closed after a refusal.
        Err(refusal) => ([(header::CONNECTION, "close")], refusal).into_response(),
    };
    let fields = [
        (header::CONTENT_SECURITY_POLICY, served.cache.site().policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn page(
    State(served): State<Served>,
    Extension(client): Extension<Known>,
    Path(token): Path<String>,
) -> Response {
    if !served.token.is(&token) {
        return not_found().await;
    }
    client.set();
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], served.cache.page()).into_response()
}

/// The page refers to its files by names alone, which need the slash.
async fn without_slash(State(served): State<Served>, Path(token): Path<String>) -> Response {
    if !served.token.is(&token) {
        return not_found().await;
    }
    Redirect::permanent(&format!("/{token}/")).into_response()
}

async fn file(
    State(served): State<Served>,
    Extension(client): Extension<Known>,
    Path((token, name)): Path<(String, String)>,
) -> Response {
    if !served.token.is(&token) {
        return not_found().await;
    }
    client.set();
    if name == UPDATES {
        return updates(served.current).into_response();
    }
    let found = served.cache.site().files.iter().find(|file| file.name == name);
    match found {
        Some(file) => ([(header::CONTENT_TYPE, file.media_type)], file.content).into_response(),
        None => not_found().await,
    }
}

/// The version of the data at once and whenever it changed; `end` after the last.
fn updates(current: watch::Receiver<Current>) -> Sse<impl futures::Stream<Item = Result<Event, Infallible>>> {
    /// What was told last.
    enum Told {
        Nothing,
        Version(Current),
        End,
    }
    let stream = stream::unfold((current, Told::Nothing), |(mut current, told)| async move {
        match told {
            Told::Nothing => {}
            Told::Version(last) if last.is_over => {
                let end = Event::default().event("end").data("everything was read");
                return Some((Ok(end), (current, Told::End)));
            }
            // The server ends with the process.
            Told::Version(_) => current.changed().await.ok()?,
            // The browser closes the stream: if the server did, it would come back.
            Told::End => std::future::pending().await,
        }
        let now = *current.borrow_and_update();
        let event = Event::default().event("page").data(now.version.to_string());
        Some((Ok(event), (current, Told::Version(now))))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

async fn not_found() -> Response {
    let close = [(header::CONNECTION, "close")];
    (StatusCode::NOT_FOUND, close, "the page is at the address that mcpdump printed\n").into_response()
}
