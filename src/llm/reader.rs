//! Reads the pieces of an answer in the dialect that they show.

use super::answer::Answer;
use super::dialect::Dialect;
use super::json::Json;
use super::{anthropic, chatgpt_web, deepseek_web, gemini, kimi, ollama, openai_chat, openai_responses};
use crate::base::Origin;

/// An answer so far, and its dialect.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// `None` until the request or a piece of the answer shows it.
    pub(super) dialect: Option<Dialect>,
    /// Whether a piece of the answer showed it.
    pub(super) is_proven: bool,
    pub(super) answer: Answer,
}

impl Reader {
    /// Takes the next event or line, which the packet `at` completed.
    pub(super) fn push(&mut self, event: Option<&str>, piece: &[u8], at: Origin) {
        self.answer.begin_piece(Some(at));
        match Json::parse(piece) {
            Some(json) => self.read(event, json),
            None => self.answer.is_done |= piece.trim_ascii() == b"[DONE]",
        }
        self.answer.end_piece();
    }

    /// Takes an answer that came as a whole.
    pub(super) fn push_whole(&mut self, body: &[u8]) {
        self.answer.begin_piece(None);
        if let Some(json) = Json::parse(body) {
            self.read(None, json);
        }
        self.answer.end_piece();
    }

    fn read(&mut self, event: Option<&str>, json: Json<'_>) {
        if !self.is_proven
            && let Some(shown) = Dialect::of_answer(event, json)
        {
            self.dialect = Some(shown);
            self.is_proven = true;
        }
        let answer = &mut self.answer;
        match self.dialect {
            None => answer.read_error(json),
            Some(Dialect::OpenaiChat) => openai_chat::read(answer, json),
            Some(Dialect::OpenaiResponses) => openai_responses::read(answer, json),
            Some(Dialect::Anthropic) => anthropic::read(answer, json),
            Some(Dialect::Gemini) => gemini::read(answer, json),
            Some(Dialect::Ollama) => ollama::read(answer, json),
            Some(Dialect::ChatgptWeb) => chatgpt_web::read(answer, event, json),
            Some(Dialect::Kimi) => kimi::read(answer, json),
            Some(Dialect::DeepseekWeb) => deepseek_web::read(answer, event, json),
        }
    }
}
