//! Every finding of this layer: one table of rules, by the moment at which each is checked.
//!
//! A file holds a moment (or several alike) and the rules for it.

use super::in_step::NestedSessions;

mod answer;
mod body;
mod delivery;
mod exchange;
mod head;
mod listing;
mod message;
mod orphan;
mod proxy;
mod rule;
mod session;
mod transaction;

pub(super) use answer::{Answer, OtherId};
pub(super) use body::Body;
pub(super) use delivery::{Broadcast, FirstEventId, Misdelivery, WrongReplay};
pub(super) use exchange::{CompletedExchange, NewExchange, missing_capability};
pub(super) use head::Head;
pub(super) use listing::ChangedListing;
pub(super) use message::{LateAnswer, Progress, Redirect, Unmatched};
pub(super) use orphan::Orphan;
pub(super) use proxy::{ProxiedCall, UncrossedCall};
pub(super) use rule::{Violation, add_fault, add_limit, check, id_text, violations};
pub(super) use session::{Endpoint, StreamOver, add_costly};
pub(super) use transaction::EndedTransaction;

/// The rules. To add one, write a function and put it in the list of its moment.
pub(super) const RULES: Rules = Rules {
    request_head: &[head::session_id_is_folded],
    response_head: &[head::session_is_deleted, head::session_is_not_initialized, head::endpoint_is_not_found],
    refused_stream: &[head::stream_is_refused],
    endpoint: &[session::endpoint_has_other_origin],
    stream_over: &[
        head::session_is_refused,
        head::session_is_kept,
        session::endpoint_is_missing,
        session::challenge_is_missing,
        session::accept_is_incomplete,
        session::session_id_is_hidden,
        session::session_id_is_changed,
        session::revision_is_not_named,
    ],
    redirect: &[message::post_is_redirected],
    ambiguous_stream: &[head::stream_has_unknown_owner],
    request_body: &[
        body::method_header_differs,
        body::name_header_differs,
        body::version_header_differs,
        body::session_id_is_missing,
        body::negotiated_version_differs,
        body::request_has_other_media_type,
        body::initialize_is_incomplete,
    ],
    response_body: &[body::response_has_other_media_type],
    batch: &[body::batch_is_outside_its_revision],
    request_in_json: &[message::request_is_in_json_body],
    new_exchange: &[exchange::id_is_not_unique, exchange::initialize_is_repeated],
    doubtful_exchange: &[
        exchange::initialize_is_missing,
        exchange::initialized_is_missing,
        exchange::id_is_reused,
        exchange::token_collides,
    ],
    repeated_response: &[message::response_is_duplicate],
    late_answer: &[message::request_had_failed],
    answer: &[
        answer::parent_is_over,
        answer::response_is_on_server_stream,
        answer::response_is_on_other_stream,
        answer::result_is_refused,
        answer::id_is_spelled_otherwise,
        answer::revision_is_unknown,
        answer::initialized_is_incomplete,
        answer::tool_has_no_schema,
    ],
    progress: &[message::progress_is_out_of_order],
    late_progress: &[message::progress_is_late],
    changed_listing: &[listing::definitions_changed],
    response_with_other_id: &[answer::id_is_changed, answer::ids_are_always_zero],
    stray_response: &[message::response_is_stray],
    retyped_token: &[message::token_type_is_changed],
    retyped_cancellation: &[message::cancelled_id_type_is_changed],
    unmatched_progress: &[message::token_is_unknown],
    unmatched_cancellation: &[message::cancelled_id_is_unknown],
    completed_exchange: &[
        exchange::request_is_unanswered,
        exchange::post_failed_after_answer,
        exchange::response_is_unusable,
        exchange::response_is_before_request,
        exchange::events_came_at_once,
        exchange::post_was_repeated,
        exchange::response_is_late,
        exchange::cancellation_is_acknowledged,
        exchange::capability_is_missing,
    ],
    proxied_call: &[
        proxy::session_is_seen_twice,
        proxy::events_are_buffered,
        proxy::response_is_held,
        proxy::every_call_is_delayed,
        proxy::proxy_closed_both_legs,
        proxy::proxy_answered_itself,
    ],
    nested_sessions: &[proxy::sessions_are_in_step],
    uncrossed_call: &[proxy::request_did_not_cross, proxy::call_was_answered_by_proxy],
    wrong_replay: &[delivery::replay_is_of_another_stream],
    misdelivery: &[delivery::message_is_for_another_session],
    broadcast: &[delivery::message_is_on_several_streams],
    first_event_id: &[delivery::event_id_is_not_unique],
    ended_transaction: &[
        transaction::get_is_misanswered,
        transaction::stream_is_refused,
        transaction::delete_is_refused,
        transaction::delete_is_unanswered,
        transaction::preflight_is_refused,
        transaction::message_is_not_accepted,
        transaction::message_is_refused,
    ],
    route_unknown: &[transaction::route_is_unknown],
    orphan: &[orphan::request_is_not_captured, orphan::response_is_unknown, orphan::ids_are_always_zero],
};

/// Rules by moment.
pub(super) struct Rules {
    /// The head of a request is complete.
    pub(super) request_head: &'static [fn(&Head<'_>) -> Option<Violation>],
    /// The head of a response is complete, and its session is known.
    pub(super) response_head: &'static [fn(&Head<'_>) -> Option<Violation>],
    /// The same, for what holds only if the server does not answer the session afterwards.
    pub(super) refused_stream: &'static [fn(&Head<'_>) -> Option<Violation>],
    /// An `endpoint` event names the target of a session's POSTs.
    pub(super) endpoint: &'static [fn(&Endpoint<'_>) -> Option<Violation>],
    /// A transaction is over, which may be an event stream.
    pub(super) stream_over: &'static [fn(&StreamOver<'_>) -> Option<Violation>],
    /// A redirected POST is repeated.
    pub(super) redirect: &'static [fn(&Redirect<'_>) -> Option<Violation>],
    /// A stream without head was given to a session, and several could own it.
    pub(super) ambiguous_stream: &'static [fn(&Head<'_>) -> Option<Violation>],
    /// The body of a request is complete, and its messages were handled.
    pub(super) request_body: &'static [fn(&Body<'_>) -> Option<Violation>],
    /// The body of a response that is no event stream is complete.
    pub(super) response_body: &'static [fn(&Body<'_>) -> Option<Violation>],
    /// All messages of a batch were handled.
    pub(super) batch: &'static [fn(&Body<'_>) -> Option<Violation>],
    /// The server sent a request in a body that is no event stream.
    pub(super) request_in_json: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A request opens an exchange, which is not outstanding yet.
    pub(super) new_exchange: &'static [fn(&NewExchange<'_>) -> Option<Violation>],
    /// The same, for what holds only if no earlier message can be missing: what these find waits
    /// until that is known.
    pub(super) doubtful_exchange: &'static [fn(&NewExchange<'_>) -> Option<Violation>],
    /// A response has the id of an exchange that is complete.
    pub(super) repeated_response: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A response to a request whose exchange is complete without one.
    pub(super) late_answer: &'static [fn(&LateAnswer<'_>) -> Option<Violation>],
    /// A response was given to its exchange.
    pub(super) answer: &'static [fn(&Answer<'_>) -> Option<Violation>],
    /// A progress notification belongs to an open exchange.
    pub(super) progress: &'static [fn(&Progress<'_>) -> Option<Violation>],
    /// A progress notification came behind the response to its exchange.
    pub(super) late_progress: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A list of a server differs from earlier ones.
    pub(super) changed_listing: &'static [fn(&ChangedListing<'_>) -> Option<Violation>],
    /// A response has another id than the request that it answers.
    pub(super) response_with_other_id: &'static [fn(&OtherId<'_>) -> Option<Violation>],
    /// A body holds a response, and its transaction no request.
    pub(super) stray_response: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A progress token matches an exchange but for its JSON type.
    pub(super) retyped_token: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// The id of a cancellation matches an exchange but for its JSON type.
    pub(super) retyped_cancellation: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A progress notification matches no exchange.
    pub(super) unmatched_progress: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// A cancellation matches no open exchange.
    pub(super) unmatched_cancellation: &'static [fn(&Unmatched<'_>) -> Option<Violation>],
    /// An exchange is complete.
    pub(super) completed_exchange: &'static [fn(&CompletedExchange<'_>) -> Option<Violation>],
    /// Enough calls of two sessions without a common id were nested.
    pub(super) nested_sessions: &'static [fn(&NestedSessions) -> Option<Violation>],
    /// A call is complete on two legs of a proxy.
    pub(super) proxied_call: &'static [fn(&ProxiedCall<'_>) -> Option<Violation>],
    /// A call is complete on one leg of a proxy, and was not seen on the next one.
    pub(super) uncrossed_call: &'static [fn(&UncrossedCall<'_>) -> Option<Violation>],
    /// An event of a resumed stream repeats one of another stream.
    pub(super) wrong_replay: &'static [fn(&WrongReplay<'_>) -> Option<Violation>],
    /// A message of one session came on a stream of another one.
    pub(super) misdelivery: &'static [fn(&Misdelivery) -> Option<Violation>],
    /// A message of the server came on another stream of its session, too.
    pub(super) broadcast: &'static [fn(&Broadcast<'_>) -> Option<Violation>],
    /// The first event with an id came on a stream, and no event of the session is the same.
    pub(super) first_event_id: &'static [fn(&FirstEventId<'_>) -> Option<Violation>],
    /// Nothing more of a transaction is to come.
    pub(super) ended_transaction: &'static [fn(&EndedTransaction<'_>) -> Option<Violation>],
    /// A GET of a session was answered 404, and the server knows the session.
    pub(super) route_unknown: &'static [fn(&EndedTransaction<'_>) -> Option<Violation>],
    /// No request came for a response in time.
    pub(super) orphan: &'static [fn(&Orphan<'_>) -> Option<Violation>],
}
