//! Answers requests from the server: sampling, elicitation, roots, ping.
#![expect(deprecated, reason = "2026-07-28 deprecates sampling and roots, but servers still use them")]

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rmcp::ClientHandler;
use rmcp::ErrorData;
use rmcp::model::{
    ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ElicitationAction, Implementation, ListRootsResult, ProtocolVersion, Root, SamplingMessage,
};
use rmcp::service::{RequestContext, RoleClient};

use super::arguments;

/// Percentages of elicitations that are declined, cancelled and (lively clients only) never
/// answered.
const DECLINED: u32 = 10;
const CANCELLED: u32 = 10;
const NO_CONTENT: u32 = DECLINED + CANCELLED;
const UNANSWERED: u32 = 5;

/// Simulated delay of the user and the model, in milliseconds.
const DELAY: std::ops::Range<u64> = 2..40;

/// Texts of the simulated model.
const TEXTS: [&str; 4] = [
    "Three stories stand out: a database, a satellite and a very old computer.",
    "Mostly about tools: what they cost, who keeps them, and what comes after.",
    "The discussion is longer than the article, and better.",
    "Nothing new since this morning.",
];

/// Handler of requests from the server for one client.
pub(super) struct Answers {
    config: ClientConfig,
    random: Mutex<StdRng>,
    is_lively: bool,
}

impl Answers {
    /// Creates the handler of a client with this name that asks for a revision.
    pub(super) fn new(name: String, revision: ProtocolVersion, seed: u64, is_lively: bool) -> Self {
        let capabilities = ClientCapabilities::builder()
            .enable_roots()
            .enable_roots_list_changed()
            .enable_sampling()
            .enable_elicitation()
            .build();
        let client = Implementation::new(name, env!("CARGO_PKG_VERSION"));
        Self {
            config: ClientConfig::new(capabilities, client).with_protocol_version(revision),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            is_lively,
        }
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn delay(&self) {
        let delay = self.draw(|random| random.random_range(DELAY));
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
}

impl ClientHandler for Answers {
    fn get_info(&self) -> ClientConfig {
        self.config.clone()
    }

    async fn create_message(
        &self,
        _request: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.delay().await;
        let text = self.draw(|random| TEXTS.get(random.random_range(0..TEXTS.len())));
        let message = SamplingMessage::assistant_text(text.copied().unwrap_or_default());
        let mut result = CreateMessageResult::new(message, "mcpdump-traffic".to_owned());
        result.stop_reason = Some(CreateMessageResult::STOP_REASON_END_TURN.to_owned());
        Ok(result)
    }

    async fn list_roots(&self, _context: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new("file:///home/reader/notes").with_name("notes")]))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.delay().await;
        let drawn = self.draw(|random| random.random_range(0..100));
        if self.is_lively && drawn >= 100 - UNANSWERED {
            // No answer until the session ends or the server cancels the request.
            context.ct.cancelled().await;
        }
        let ElicitRequestParams::FormElicitationParams { requested_schema, .. } = request else {
            // There is no browser to open the URL.
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        Ok(match drawn {
            0..DECLINED => ElicitResult::new(ElicitationAction::Decline),
            DECLINED..NO_CONTENT => ElicitResult::new(ElicitationAction::Cancel),
            _ => {
                let schema = serde_json::to_value(&requested_schema).unwrap_or_default();
                let content = self.draw(|random| arguments::plausible(&schema, random));
                ElicitResult::new(ElicitationAction::Accept).with_content(content)
            }
        })
    }
}
