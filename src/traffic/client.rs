//! One client's life: it opens a session, looks around, does what the script says at its own pace, leaves, comes back.

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
use super::script::{Completed, Script, Step};

/// Calls that a client has open at once: then it waits, so that a server that hangs is not buried.
pub(super) const MAX_OPEN: usize = 8;

/// How often a client whose server has gone tries to come back, and how long it waits before each attempt, times the
/// number of the attempt.
const RETRIES: u32 = 5;
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// How long calls may still take when a session ends, and then the goodbye.
const GRACE: Duration = Duration::from_millis(500);

/// How a client's life ended.
#[derive(Debug)]
pub(super) enum Life {
    /// It did what it was to do.
    Lived,
    /// It had a session, and lost its server.
    ServerLost(Error),
    /// It never got a session.
    NeverBegan(Error),
}

/// How a session ended.
enum End {
    /// There is nothing left to do.
    Done,
    /// The script says that the client comes back.
    Renewed,
    /// The server or the connection has gone.
    Closed,
}

/// A client.
pub(super) struct Client {
    number: usize,
    options: Arc<Options>,
    target: Target,
    http: reqwest::Client,
    meter: Meter,
    stop: CancellationToken,
    script: Script,
    /// Steps that are left to make; `None`: no end.
    left: Option<u64>,
    /// When the next step is due.
    due: Instant,
}

impl Client {
    /// A client that has not begun.
    ///
    /// # Errors
    /// No HTTP client can be made for its target.
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
        // The first ones make the calls that cannot be shared out evenly.
        let left = options.calls.map(|calls| calls / clients + u64::from((number as u64) < calls % clients));
        let offset = Duration::from_secs_f64(number as f64 / options.rate);
        Ok(Self {
            http: connect::http(&target, options.insecure, options.timeout)?,
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

    /// Lives.
    pub(super) async fn live(mut self) -> Life {
        let (mut has_lived, mut failures) = (false, 0);
        let mut catalogue = None;
        loop {
            let meter = self.meter.session(self.number);
            let seed = self.script.seed();
            let opened = tokio::select! {
                () = self.stop.cancelled() => {
                    meter.ended();
                    return Life::Lived;
                }
                opened = self.open(&meter, seed) => opened,
            };
            match opened {
                Ok(mut session) => {
                    has_lived = true;
                    let before = self.left;
                    let end = self.session(&session, &mut catalogue).await;
                    meter.leaves();
                    // What it could not say goodbye to within the time is closed all the same.
                    drop(session.close_with_timeout(GRACE).await);
                    meter.ended();
                    match end {
                        End::Done => return Life::Lived,
                        End::Renewed => failures = 0,
                        End::Closed if before != self.left => failures = 1,
                        End::Closed => failures += 1,
                    }
                }
                Err(error) if !has_lived => return Life::NeverBegan(error),
                Err(error) if failures >= RETRIES => return Life::ServerLost(error),
                Err(_) => failures += 1,
            }
            if failures > RETRIES {
                let why = "sessions are closed as soon as they are open".to_owned();
                return Life::ServerLost(Error::Session { url: self.target.url.to_string(), why });
            }
            tokio::select! {
                () = self.stop.cancelled() => return Life::Lived,
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
            // Without sessions on the wire (2026-07-28) clients of one address are told apart by their names.
            name: format!("mcpdump-traffic-{}", self.number + 1),
            seed,
            is_lively: self.script.is_lively,
        };
        opening.session(meter).await
    }

    /// One session, from the first look around to the last answer.
    async fn session(&mut self, session: &Session, known: &mut Option<Catalogue>) -> End {
        let has = match known.take() {
            Some(has) => has,
            None => tokio::select! {
                () = self.stop.cancelled() => return End::Done,
                has = Catalogue::discover(session, &self.options.tools, self.options.timeout) => has,
            },
        };
        self.script.is_lively = self.options.lively.unwrap_or(has.is_ours);
        let mut steps = self.script.session();
        let mut open = FuturesUnordered::new();
        let end = loop {
            if self.left == Some(0) {
                break End::Done;
            }
            if steps == Some(0) {
                break End::Renewed;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break End::Done,
                Some(()) = open.next() => {}
                () = sleep_until(self.due), if open.len() < MAX_OPEN => {
                    if session.is_closed() {
                        break End::Closed;
                    }
                    open.push(perform(session, self.script.next(&has), self.options.timeout));
                    self.left = self.left.map(|left| left.saturating_sub(1));
                    steps = steps.map(|steps: u64| steps.saturating_sub(1));
                    self.pace();
                }
            }
        };
        // Without tools the server may just have failed to list them: the next session asks again.
        *known = (!has.tools.is_empty()).then_some(has);
        let patience = if self.stop.is_cancelled() { GRACE } else { self.options.timeout };
        let wait = async { while open.next().await.is_some() {} };
        tokio::select! {
            // Dropping what is still open tells the server that it is taken back.
            _ = timeout(patience, wait) => {}
            () = async { self.stop.cancelled().await; tokio::time::sleep(GRACE).await } => {}
        }
        end
    }

    /// When the next step is due. What was missed is not made up for: the rate is a most, not a debt.
    fn pace(&mut self) {
        let seconds = self.options.clients as f64 / self.options.rate * self.script.pause();
        self.due = (self.due + Duration::from_secs_f64(seconds)).max(Instant::now());
    }
}

/// Does one thing, within the time. What came of it the meter has seen.
async fn perform(session: &Session, step: Step, patience: Duration) {
    let patience = match &step {
        Step::Cancel { after, .. } => patience.min(*after),
        _ => patience,
    };
    // rmcp sends `notifications/cancelled` for what is dropped here.
    drop(timeout(patience, ask(session, step)).await);
}

async fn ask(session: &Session, step: Step) -> Result<(), ServiceError> {
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
                Completed::Prompt(name) => Reference::for_prompt(name),
                Completed::Template(uri) => Reference::for_resource(uri),
            };
            session
                .complete(CompleteRequestParams::new(of, ArgumentInfo::new(argument, value)))
                .await
                .map(drop)
        }
        Step::Ping => session.send_request(PingRequest::default().into()).await.map(drop),
    }
}
