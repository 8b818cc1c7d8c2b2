//! Which request brings the result of a tool back to the model.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::timeline::ModelCall;
use crate::base::limits;

/// The most calls of a model that are looked at for an id: ids are unique but for few APIs.
const MAX_PRODUCERS: usize = 16;

/// A tool call: the index of the call of the model, and its index there.
pub(super) type ToolRef = (usize, usize);

/// The links between calls of models.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// For each tool call whose result came back: the call of the model that brings it first, and
    /// the index of the result there. Never iterated: its order is random.
    answers: HashMap<ToolRef, (usize, usize), RandomState>,
    /// Calls that belong together: the one that asked and the one that brings a result.
    pub(super) pairs: Vec<(usize, usize)>,
}

impl Links {
    /// Finds the links. The calls are in the order of their requests.
    pub(super) fn find(calls: &[ModelCall]) -> Self {
        let mut links = Self::default();
        links.by_id(calls);
        links.by_order(calls);
        links
    }

    /// Returns the call that brings the result of a tool call first, and the index of the result.
    pub(super) fn answer(&self, tool: ToolRef) -> Option<(usize, usize)> {
        self.answers.get(&tool).copied()
    }

    /// Results that name the id of their tool call. A request repeats all results of its
    /// conversation: the first one counts.
    fn by_id(&mut self, calls: &[ModelCall]) {
        let mut producers: HashMap<&str, Vec<ToolRef>, RandomState> = HashMap::default();
        for (index, call) in calls.iter().enumerate() {
            for (at, tool) in call.tools.iter().enumerate() {
                if let Some(id) = tool.id.as_deref() {
                    producers.entry(id).or_default().push((index, at));
                }
            }
        }
        for (index, call) in calls.iter().enumerate() {
            for (at, result) in call.results.iter().enumerate() {
                let Some(of_id) = result.id.as_deref().and_then(|id| producers.get(id)) else { continue };
                if of_id.len() > MAX_PRODUCERS {
                    continue;
                }
                let mut before = of_id.iter().filter(|(producer, _)| {
                    calls.get(*producer).is_some_and(|earlier| is_before(earlier, call))
                });
                // An id that several calls used says nothing.
                if let (Some(tool), None) = (before.next(), before.next()) {
                    self.add(*tool, index, at);
                }
            }
        }
    }

    /// Results without ids, of Ollama and older models of Gemini: the request repeats the results
    /// that the earlier one brought, and adds one for each tool call.
    fn by_order(&mut self, calls: &[ModelCall]) {
        // Calls that wait for results, by client.
        let mut waiting: HashMap<IpAddr, Vec<usize>, RandomState> = HashMap::default();
        for (index, call) in calls.iter().enumerate() {
            let list = waiting.entry(call.client.ip()).or_default();
            let is_listed = call.results.len() < limits::MAX_LLM_TOOLS
                && !call.results.is_empty()
                && call.results.iter().all(|result| result.id.is_none());
            if is_listed {
                let mut found = list
                    .iter()
                    .copied()
                    .filter(|&earlier| calls.get(earlier).is_some_and(|earlier| is_continued(earlier, call)));
                if let (Some(producer), None) = (found.next(), found.next()) {
                    self.add_in_order(calls, producer, index);
                    list.retain(|&waiting| waiting != producer);
                }
            }
            if !call.tools.is_empty() {
                list.push(index);
                // The results of the oldest never come.
                if list.len() > limits::MAX_LLM_TOOLS {
                    list.remove(0);
                }
            }
        }
    }

    fn add_in_order(&mut self, calls: &[ModelCall], producer: usize, index: usize) {
        let (Some(earlier), Some(call)) = (calls.get(producer), calls.get(index)) else { return };
        self.pairs.push((producer, index));
        let mut taken = vec![false; earlier.tools.len()];
        for (at, result) in call.results.iter().enumerate().skip(earlier.results.len()) {
            // Of one name in their order.
            let tool = earlier.tools.iter().zip(&taken).position(|(tool, is_taken)| {
                !is_taken && result.name.as_ref().is_none_or(|name| *name == tool.name)
            });
            if let Some(tool) = tool
                && let Some(is_taken) = taken.get_mut(tool)
            {
                *is_taken = true;
                self.answers.entry((producer, tool)).or_insert((index, at));
            }
        }
    }

    fn add(&mut self, tool: ToolRef, index: usize, at: usize) {
        self.pairs.push((tool.0, index));
        self.answers.entry(tool).or_insert((index, at));
    }
}

/// Whether a call may bring results of tools that an earlier one asked for. Clients do not wait for
/// the last bytes of an answer.
fn is_before(earlier: &ModelCall, call: &ModelCall) -> bool {
    let start = call.request.start.time;
    earlier.client.ip() == call.client.ip()
        && earlier.request.start.time < start
        && earlier.tools.iter().all(|tool| tool.at.time <= start)
}

/// Whether the results of a call are those of an earlier one, and one for each tool that this one
/// asked for.
fn is_continued(earlier: &ModelCall, call: &ModelCall) -> bool {
    let (old, new) = (earlier.results.len(), earlier.tools.len());
    if !is_before(earlier, call)
        || earlier.server != call.server
        || earlier.dialect != call.dialect
        || call.results.len() != old + new
    {
        return false;
    }
    let are_repeated = earlier
        .results
        .iter()
        .zip(&call.results)
        .all(|(before, now)| before.name == now.name && before.given == now.given);
    let mut asked: Vec<&str> = earlier.tools.iter().map(|tool| &*tool.name).collect();
    let are_named = call.results.iter().skip(old).all(|result| {
        let Some(name) = result.name.as_deref() else { return true };
        let at = asked.iter().position(|tool| *tool == name);
        at.map(|at| asked.remove(at)).is_some()
    });
    are_repeated && are_named
}
