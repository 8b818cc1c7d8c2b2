//! The tab that tells what became of the exchange.

use crate::base::Files;
use crate::ledger::Exchange;
use crate::tui::explanation::Explanation;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::views::wrap::wrap_words;
use crate::why::{Certainty, Sentence, Story};

use super::tab::Line;

/// Columns of the text: those of a narrow screen, less those before it.
const WIDTH: usize = 66;

/// The story of an exchange, first from what is stored, then from the packets of its connections.
#[derive(Debug, Default)]
pub(super) struct Why {
    /// The state of the exchange for which the packets were asked for: whether it was open. `None`
    /// if they were not asked for.
    asked: Option<bool>,
    story: Option<Story>,
    /// What the story lacks; empty if it is complete.
    note: String,
}

impl Why {
    /// Tells the story if it was not told for this state of the exchange, and asks for its packets;
    /// takes the story that they give. Returns whether there is something new to show.
    pub(super) fn refresh(&mut self, exchange: &Exchange, is_open: bool, model: &mut Model) -> bool {
        let mut is_new = false;
        if self.asked != Some(is_open) {
            self.asked = Some(is_open);
            self.story = Some(model.explain(exchange.n));
            "reading the packets of its connections…".clone_into(&mut self.note);
            is_new = true;
        }
        if let Some(Explanation { told, .. }) = model.take_explained(exchange.n) {
            match told {
                Ok(story) => (self.story, self.note) = (Some(story), String::new()),
                Err(error) => self.note = format!("the packets of its connections were not read: {error}"),
            }
            is_new = true;
        }
        is_new
    }

    /// Returns the lines of the tab.
    pub(super) fn lines(&self, files: &Files) -> Vec<Line> {
        let mut lines = Vec::new();
        for sentence in self.story.iter().flat_map(|story| &story.sentences) {
            push(&mut lines, sentence, files);
        }
        if !self.note.is_empty() {
            lines.push(vec![(Role::Pending, self.note.clone())]);
        }
        lines
    }
}

/// Returns whether a line is of a sentence that quotes traffic.
pub(super) fn quotes_traffic(line: &Line) -> bool {
    line.get(1).is_some_and(|(role, _)| *role == Role::Title)
}

fn push(lines: &mut Vec<Line>, sentence: &Sentence, files: &Files) {
    let role = match sentence.certainty {
        Certainty::Proven => Role::Good,
        Certainty::Likely | Certainty::Matches => Role::Warn,
        Certainty::Unknown => Role::Faint,
    };
    let text_role = if sentence.quotes_traffic { Role::Title } else { Role::Text };
    for (at, text) in wrap_words(&sentence.text, WIDTH).into_iter().enumerate() {
        let name = if at == 0 { sentence.certainty.name() } else { "" };
        lines.push(vec![(role, format!("{name:<9}")), (text_role, text.to_owned())]);
    }
    let evidence = sentence.evidence.lines(files);
    lines.extend(evidence.iter().map(|line| vec![(Role::Faint, format!("{:9}{line}", ""))]));
    if let Some(source) = sentence.sources.first() {
        lines.push(vec![(Role::Faint, format!("{:9}{source}", ""))]);
    }
}
