//! Collects what stories need, in two passes over a capture.

use std::collections::BTreeSet;

use super::groups::Groups;
use super::limits::Limits;
use super::question::Question;
use super::story::Story;
use super::survey::Survey;
use super::traces::Traces;
use super::{exchange_story, noticed, overview};
use crate::base::limits;
use crate::ledger::store::Store;
use crate::ledger::{Entry, Exchange, Record, Stream};

/// How long after the end of a wait a stream may begin that belongs to its story, in nanoseconds: a
/// client that reconnects does so sooner.
const RECONNECT: i64 = 60_000_000_000;

/// Collects what stories need.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    question: Question,
    survey: Survey,
    traces: Traces,
    groups: Groups,
    /// Number of chosen exchanges, and the only one so far.
    chosen: u64,
    only: Option<Box<Exchange>>,
}

impl Collector {
    /// Creates a collector for a question.
    #[must_use]
    pub fn new(question: Question) -> Self {
        Self { question, ..Self::default() }
    }

    /// Creates a collector for the story of exchange `n` that has taken what is stored.
    #[must_use]
    pub fn of_store(store: &Store, n: u64) -> Self {
        let exchange = store.find(n).and_then(|index| store.exchange(index));
        Self {
            question: Question::Exchange(n),
            survey: Survey::of_store(store),
            chosen: u64::from(exchange.is_some()),
            only: exchange.map(Box::new),
            ..Self::default()
        }
    }

    /// Takes an entry of the first pass; `is_chosen` if it matches what is to be explained. Every
    /// entry has to be pushed: others are compared with what is explained.
    pub fn push(&mut self, entry: &Entry, is_chosen: bool) {
        self.survey.push(entry);
        if let Entry::Record(Record::Exchange(exchange)) = entry
            && is_chosen
            && self.is_asked_for(exchange)
        {
            self.chosen += 1;
            self.only = (self.chosen == 1).then(|| exchange.clone());
            self.groups.push(exchange);
        }
    }

    fn is_asked_for(&self, exchange: &Exchange) -> bool {
        match self.question {
            Question::Worst => !exchange.is_other_view(),
            Question::Exchange(n) => exchange.n == n,
            Question::Session(number) => exchange.session.number == number,
        }
    }

    /// Whether nothing was found that the question is about.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self.question {
            // Without any exchange the findings are the story.
            Question::Worst => {
                self.chosen == 0 && (!self.survey.calls.is_empty() || self.survey.findings.is_empty())
            }
            Question::Exchange(_) => self.chosen == 0,
            Question::Session(number) => self.survey.session(number).is_none(),
        }
    }

    /// Returns the connections whose packets the second pass has to read, by Wireshark's numbers.
    #[must_use]
    pub fn connections(&self) -> Vec<u32> {
        let mut wanted = BTreeSet::new();
        for exchange in self.told() {
            let session = exchange.session.number;
            let streams = self.survey.streams_of(session);
            let until = exchange.waited_until().unwrap_or(exchange.request.span.end);
            let is_near = |stream: &&&Stream| {
                stream.span.start.time <= until.time.plus(RECONNECT)
                    && stream.end.is_none_or(|end| end.time >= exchange.request.span.start.time)
            };
            let streams = streams.iter().filter(is_near).map(|stream| stream.tcp_stream);
            let own = [Some(exchange.tcp_stream), exchange.answered_on.map(|(on, _)| on)];
            wanted.extend(own.into_iter().flatten());
            for tcp_stream in streams {
                if wanted.len() < limits::MAX_TRACED_CONNECTIONS {
                    wanted.insert(tcp_stream);
                }
            }
        }
        wanted.into_iter().take(limits::MAX_TRACED_CONNECTIONS).collect()
    }

    /// Takes an entry of the second pass.
    pub fn trace(&mut self, entry: &Entry) {
        self.traces.push(entry);
    }

    /// Tells the story.
    #[must_use]
    pub fn story(&self, limits: &Limits) -> Story {
        // What is wrong with a capture of one answered exchange is beside the exchange.
        let is_of_exchange = |exchange: &Exchange| match self.question {
            Question::Worst => exchange.response.is_none() || self.survey.calls.len() > 1,
            Question::Exchange(_) => true,
            Question::Session(_) => false,
        };
        match self.only.as_ref().filter(|exchange| is_of_exchange(exchange)) {
            Some(exchange) => exchange_story::tell(exchange, &self.survey, &self.traces, limits),
            None => {
                let evidence = (&self.survey, &self.traces, limits);
                let mut story = overview::tell(self.question, &self.groups.worst(), evidence);
                // Findings do not say which filter they match.
                let is_filtered = self.chosen < self.survey.calls.len() as u64;
                if self.question != Question::Worst || !is_filtered {
                    let noticed = noticed::sentences(self.question, &self.survey, &story.sentences);
                    story.sentences.extend(noticed);
                }
                story
            }
        }
    }

    /// The exchanges that the story tells of.
    fn told(&self) -> Vec<&Exchange> {
        match &self.only {
            Some(exchange) => vec![exchange],
            None => self.groups.worst().into_iter().map(|group| &group.example).collect(),
        }
    }
}
