//! One client: opens a session, lists what the server has, follows the script, closes, reconnects.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rmcp::model::{
    ArgumentInfo, CallToolRequestParams, CompleteRequestParams, GetPromptRequestParams, PingRequest,
    ReadResourceRequestParams, Reference,
};
use rmcp::service::ServiceError;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::catalogue::{Catalogue, List};
use super::connect::{self, Opening, Session};
use super::meter::{Meter, SessionMeter};
use super::options::{Error, Options, Target};
use super::script::{CompletionTarget, Script, Step};

/// Most open calls per client, so that a hanging server is not flooded.
pub(super) const MAX_OPEN: usize = 8;

/// Attempts to reconnect, and the delay before each, multiplied by its number.
const RETRIES: u32 = 5;
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Time limit for open calls at the end of a session, and again for closing it.
const GRACE: Duration = Duration::from_millis(500);

/// How a client ended.
#[derive(Debug)]
pub(super) enum ClientEnd {
    /// It finished its script or was stopped.
    Completed,
    /// It had a session and could not open another.
    ServerLost(Error),
    /// It never opened a session.
    NeverConnected(Error),
}

/// How a session ended.
enum SessionEnd {
    /// No steps are left, or the run was stopped.
    Done,
    /// The script asks for a new session.
    Renewed,
    /// The server or the connection closed it.
    Closed,
}

/// State of a client.
pub(super) struct Client {
    number: usize,
    options: Arc<Options>,
    target: Target,
    http: reqwest::Client,
    meter: Meter,
    stop: CancellationToken,
    script: Script,
    /// Steps left; `None` for no limit.
    left: Option<u64>,
    /// When the next step is due.
    due: Instant,
}

impl Client {
    /// Creates a client.
    ///
    /// # Errors
    /// An unknown revision, or no HTTP client can be created for the target.
    pub(super) fn new(
        number: usize,
        options: Arc<Options>,
        meter: Meter,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let turn = number.checked_rem(options.targets.len()).and_then(|turn| options.targets.get(turn));
        let target = turn.cloned().ok_or_else(|| Error::Options("no server is named".to_owned()))?;
        connect::revision(&target)?;
        let clients = options.clients.max(1) as u64;
        // The first clients make the remainder.
        let left = options.calls.map(|calls| calls / clients + u64::from((number as u64) < calls % clients));
        let offset = Duration::from_secs_f64(number as f64 / options.rate);
        Ok(Self {
            http: connect::http(&target, &options)?,
            script: Script::new(options.seed, number),
            due: Instant::now() + offset,
            number,
            options,
            target,
            meter,
            stop,
            left,
        })
    }

    /// Runs the client to its end.
    pub(super) async fn run(mut self) -> ClientEnd {
        let (mut has_connected, mut failures) = (false, 0);
        let mut catalogue = None;
        loop {
            let meter = self.meter.session(self.number);
            let seed = self.script.seed();
            let opened = tokio::select! {
                () = self.stop.cancelled() => {
                    meter.ended();
                    return ClientEnd::Completed;
                }
                opened = self.open(&meter, seed) => opened,
            };
            match opened {
                Ok(mut session) => {
                    has_connected = true;
                    let before = self.left;
                    let end = self.session(&session, &mut catalogue).await;
                    meter.closing();
                    // The connection is dropped even if closing times out.
                    drop(session.close_with_timeout(GRACE).await);
                    meter.ended();
                    match end {
                        SessionEnd::Done => return ClientEnd::Completed,
                        SessionEnd::Renewed => failures = 0,
                        SessionEnd::Closed if before != self.left => failures = 1,
                        SessionEnd::Closed => failures += 1,
                    }
                }
                Err(error) if !has_connected => return ClientEnd::NeverConnected(error),
                Err(error) if failures >= RETRIES => return ClientEnd::ServerLost(error),
                Err(_) => failures += 1,
            }
            if failures > RETRIES {
                let why = "the server closes each session right after it is opened".to_owned();
                return ClientEnd::ServerLost(Error::Session { url: self.target.url.to_string(), why });
            }
            tokio::select! {
                () = self.stop.cancelled() => return ClientEnd::Completed,
                () = tokio::time::sleep(RETRY_AFTER * failures) => {}
            }
        }
    }

    async fn open(&self, meter: &SessionMeter, seed: u64) -> Result<Session, Error> {
        let opening = Opening {
            http: &self.http,
            target: &self.target,
            revision: connect::revision(&self.target)?,
            timeout: self.options.timeout,
            // Without a session id on the wire (2026-07-28), names distinguish clients of one
            // address.
            name: format!("mcpdump-traffic-{}", self.number + 1),
            seed,
            is_lively: self.script.is_lively,
        };
        opening.session(meter).await
    }

    /// Runs one session until its last call has ended.
    async fn session(&mut self, session: &Session, known: &mut Option<Catalogue>) -> SessionEnd {
        let catalogue = match known.take() {
            Some(catalogue) => catalogue,
            None => tokio::select! {
                () = self.stop.cancelled() => return SessionEnd::Done,
                catalogue = Catalogue::discover(session, &self.options.tools, self.options.timeout) => {
                    catalogue
                }
            },
        };
        self.script.is_lively = self.options.lively.unwrap_or(catalogue.is_mcpdump);
        let mut steps = self.script.session_steps();
        let mut open = FuturesUnordered::new();
        let end = loop {
            if self.left == Some(0) {
                break SessionEnd::Done;
            }
            if steps == Some(0) {
                break SessionEnd::Renewed;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break SessionEnd::Done,
                Some(()) = open.next() => {}
                () = sleep_until(self.due), if open.len() < MAX_OPEN => {
                    if session.is_closed() {
                        break SessionEnd::Closed;
                    }
                    open.push(perform(session, self.script.next(&catalogue), self.options.timeout));
                    self.meter.scripted();
                    self.left = self.left.map(|left| left.saturating_sub(1));
                    steps = steps.map(|steps: u64| steps.saturating_sub(1));
                    self.schedule_next();
                }
            }
        };
        // An empty list may be a failure of the server: the next session asks again.
        *known = (!catalogue.tools.is_empty()).then_some(catalogue);
        let time_limit = if self.stop.is_cancelled() { GRACE } else { self.options.timeout };
        let wait = async { while open.next().await.is_some() {} };
        tokio::select! {
            // Dropping an open call sends `notifications/cancelled`.
            _ = timeout(time_limit, wait) => {}
            () = async { self.stop.cancelled().await; tokio::time::sleep(GRACE).await } => {}
        }
        end
    }

    /// Sets when the next step is due. Missed steps are not made up for: the rate is an upper
    /// limit.
    fn schedule_next(&mut self) {
        let seconds = self.options.clients as f64 / self.options.rate * self.script.pause();
        self.due = (self.due + Duration::from_secs_f64(seconds)).max(Instant::now());
    }
}

/// Performs a step within the time limit. The meter records the outcome.
async fn perform(session: &Session, step: Step, time_limit: Duration) {
    let time_limit = match &step {
        Step::Cancel { after, .. } => time_limit.min(*after),
        _ => time_limit,
    };
    // rmcp sends `notifications/cancelled` if this is dropped.
    drop(timeout(time_limit, request(session, step)).await);
}

async fn request(session: &Session, step: Step) -> Result<(), ServiceError> {
    match step {
        Step::Call { tool, arguments } | Step::Cancel { tool, arguments, .. } => {
            session.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await.map(drop)
        }
        Step::List(List::Tools) => session.list_tools(None).await.map(drop),
        Step::List(List::Resources) => session.list_resources(None).await.map(drop),
        Step::List(List::Templates) => session.list_resource_templates(None).await.map(drop),
        Step::List(List::Prompts) => session.list_prompts(None).await.map(drop),
        Step::Read { uri } => session.read_resource(ReadResourceRequestParams::new(uri)).await.map(drop),
        Step::Prompt { name, arguments } => {
            session.get_prompt(GetPromptRequestParams::new(name).with_arguments(arguments)).await.map(drop)
        }
        Step::Complete { of, argument, value } => {
            let of = match of {
                CompletionTarget::Prompt(name) => Reference::for_prompt(name),
                CompletionTarget::Template(uri) => Reference::for_resource(uri),
            };
            session
                .complete(CompleteRequestParams::new(of, ArgumentInfo::new(argument, value)))
                .await
                .map(drop)
        }
        Step::Ping => session.send_request(PingRequest::default().into()).await.map(drop),
    }
}
