//! Hands messages to the rules that look at them.

use super::cache_hints::CacheHints;
use super::cancellations::Cancellations;
use super::deferred::Deferred;
use super::list_types::ListTypes;
use super::messages::Messages;
use super::negotiated::Negotiated;
use super::pages::Pages;
use super::param_headers::ParamHeaders;
use super::removed_methods::RemovedMethods;
use super::result_types::ResultTypes;
use super::server_cards::ServerCards;
use super::skills::Skills;
use super::stateless_sessions::StatelessSessions;
use super::subscriptions::Subscriptions;
use super::tasks::Tasks;
use super::tools::Tools;
use crate::base::{Fact, Finding, Side};
use crate::ledger::{Entry, Exchange, Notification, Record};

/// The rules that need the contents of messages: entries in, findings out.
#[derive(Debug, Default)]
pub struct Rules {
    messages: Messages,
    deferred: Deferred,
    tools: Tools,
    list_types: ListTypes,
    result_types: ResultTypes,
    pages: Pages,
    negotiated: Negotiated,
    tasks: Tasks,
    subscriptions: Subscriptions,
    cache_hints: CacheHints,
    stateless: StatelessSessions,
    cancellations: Cancellations,
    removed_methods: RemovedMethods,
    param_headers: ParamHeaders,
    skills: Skills,
    server_cards: ServerCards,
}

impl Rules {
    /// Creates rules of which none saw anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an entry and returns what is found.
    pub fn push(&mut self, entry: &Entry) -> Vec<Finding> {
        match entry {
            Entry::Fact(Fact::Payload(payload)) => {
                self.messages.push(payload);
                self.param_headers.payload(payload);
                self.server_cards.payload(payload)
            }
            Entry::Record(Record::Exchange(exchange)) => self.exchange(exchange),
            Entry::Record(Record::Notification(notification)) => self.notification(notification),
            Entry::Finding(finding) => {
                self.deferred.finding(finding);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Returns what could not be told before the end. Called when everything was read.
    pub fn finish(&mut self) -> Vec<Finding> {
        let mut findings = self.tools.finish();
        self.param_headers.finish(&mut self.deferred);
        findings.extend(self.deferred.finish());
        findings
    }

    fn exchange(&mut self, exchange: &Exchange) -> Vec<Finding> {
        let call = self.messages.call(exchange);
        // What was captured on both legs of a proxy is told of the client's.
        if exchange.origin == Side::Server || exchange.is_other_view() || exchange.session.behind.is_some() {
            return Vec::new();
        }
        self.deferred.exchange(exchange);
        self.stateless.push(exchange);
        let mut findings: Vec<Finding> = self.removed_methods.push(exchange).into_iter().collect();
        findings.extend(self.cancellations.exchange(exchange));
        let Some(call) = call else { return findings };
        findings.extend(self.tools.push(&call));
        findings.extend(self.param_headers.push(&call));
        findings.extend(self.list_types.push(&call));
        findings.extend(self.result_types.push(&call));
        self.pages.push(&call, &mut self.deferred);
        findings.extend(self.negotiated.push(&call));
        findings.extend(self.tasks.push(&call, &mut self.deferred));
        findings.extend(self.subscriptions.push(&call));
        findings.extend(self.cache_hints.push(&call));
        findings.extend(self.skills.push(&call));
        findings.extend(self.server_cards.push(&call));
        findings
    }

    fn notification(&mut self, notification: &Notification) -> Vec<Finding> {
        let params = self.messages.notification(notification);
        if notification.session.behind.is_some() {
            return Vec::new();
        }
        let is_stateless = self.stateless.has(notification.session.number);
        let of_cancellation = self.cancellations.notification(notification, is_stateless);
        let mut findings: Vec<Finding> = of_cancellation.into_iter().collect();
        self.tools.notification(notification);
        self.param_headers.notification(notification);
        findings.extend(self.negotiated.notification(notification));
        if let Some(params) = params {
            self.tasks.notification(notification, &params, &mut self.deferred);
            self.subscriptions.notification(notification, &params, is_stateless, &mut self.deferred);
        }
        findings
    }
}
