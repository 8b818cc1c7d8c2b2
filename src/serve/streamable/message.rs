//! A POST with one message.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rmcp::model::ClientJsonRpcMessage;

use super::closer::StreamCloser;
use super::json;
use super::revision::is_stateless;
use super::service::Mcp;
use crate::serve::connection::LoggedMethod;
use crate::serve::faults::{AssignedVerdict, Line, Outcome, Outgoing, Verdict, broken};
use crate::serve::handshake;
use crate::serve::http::{self, Peek, Post};
use crate::serve::media::{self, EVENT_STREAM};
use crate::serve::roster::Place;

/// Answers a POST with one message.
pub(super) async fn answer(mcp: &Mcp, post: Post, line: Line) -> Response {
    let method = Peek::of(&post.body).request().map(str::to_owned);
    let mut response = handle(mcp, post, line).await;
    LoggedMethod::add(method.as_deref(), &mut response);
    response
}

/// Answers without a note for the log.
async fn handle(mcp: &Mcp, post: Post, line: Line) -> Response {
    let Post { mut parts, body } = post;
    let peek = Peek::of(&body);
    if let Err(error) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) {
        let why = format!("Invalid Request: {error}");
        return http::rpc_error_of(peek.id(), StatusCode::BAD_REQUEST, -32600, &why);
    }
    let method = peek.request();
    let place = match method {
        Some("initialize") => match admit(mcp, &body, &peek, line.client()).await {
            Ok(place) => Some(place),
            Err(response) => return response,
        },
        _ => {
            mcp.sessions.record_use(&parts.headers);
            None
        }
    };
    let verdict = method.map_or_else(Verdict::default, |method| mcp.plan.next(method));
    let stateless = method != Some("initialize") && is_stateless(&parts.headers);
    if let Some(response) = faulty_answer(verdict).await {
        return response;
    }
    parts.extensions.insert(AssignedVerdict { verdict, line: line.clone() });
    let closer = StreamCloser::default();
    if !stateless && !mcp.json {
        parts.extensions.insert(closer.clone());
    }
    let is_request = method.is_some();
    let request = Request::from_parts(parts, Body::from(body));
    let answered = async {
        let response = mcp.service(stateless).handle(request).await.map(Body::new);
        if mcp.json { json::instead_of_stream(response).await } else { response }
    };
    // With `--json` a client may leave before there is a body to read.
    let reader = line.reader();
    let response = tokio::select! {
        biased;
        () = line.is_cut() => return ([(header::CONTENT_TYPE, EVENT_STREAM)], broken()).into_response(),
        response = answered => response,
    };
    if let Some(place) = place {
        mcp.sessions.keep(place, response.headers());
    }
    if !is_request {
        return response;
    }
    let silence = mcp.plan.silence().filter(|_| media::is_event_stream(response.headers()));
    let response = response
        .map(|body| Outgoing::new(body, &line).with_silence(silence).until(closer.token()).into_body());
    // The body has its own guard.
    drop(reader.disarm());
    response
}

/// Checks an `initialize` and gives its session a place.
///
/// # Errors
///
/// The error response: as [`handshake::check`], or 503 if no session can end for it.
async fn admit(mcp: &Mcp, body: &[u8], peek: &Peek<'_>, client: IpAddr) -> Result<Place, Response> {
    let bytes = handshake::check(body, peek).map_err(|response| *response)?;
    mcp.sessions.admit(client, bytes).await.ok_or_else(|| {
        let why = "there are too many sessions: try again later\n";
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], why).into_response()
    })
}

/// Returns the faulty answer of a verdict; `None` if the handler should answer.
async fn faulty_answer(verdict: Verdict) -> Option<Response> {
    let response = match verdict.outcome {
        Outcome::HttpError => http::failed(),
        Outcome::NoStream => StatusCode::ACCEPTED.into_response(),
        _ => return None,
    };
    tokio::time::sleep(verdict.delay).await;
    Some(response)
}
