//! Chooses the next step of a client from a seed and the catalogue of the server. The same seed and
//! catalogue give the same steps.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use super::arguments;
use super::catalogue::{CallableTool, Catalogue, List};

/// Relative frequencies of the steps.
const TOOL: u32 = 60;
const READ: u32 = 10;
const LIST: u32 = 6;
const PROMPT: u32 = 6;
const COMPLETE: u32 = 5;
const PING: u32 = 4;
/// Lively clients only: deliberate errors and cancelled calls.
const WRONG: u32 = 5;
const UNKNOWN: u32 = 3;
const CANCELLED: u32 = 4;

/// Delay before a call is cancelled, in milliseconds.
const CANCEL_AFTER: std::ops::Range<u64> = 3..60;

/// Number of steps in a session of a lively client.
const SESSION: std::ops::Range<u64> = 20..60;

/// The slow tool of `mcpdump serve`, preferred for cancelled calls.
const SLOW: &str = "digest";

/// An item number that does not exist.
const NO_SUCH_ITEM: u64 = 999_999_999;

/// One step of a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Calls a tool.
    Call { tool: String, arguments: Map<String, Value> },
    /// Calls a tool and cancels the call after a delay.
    Cancel { tool: String, arguments: Map<String, Value>, after: Duration },
    /// Requests a list.
    List(List),
    /// Reads a resource.
    Read { uri: String },
    /// Gets a prompt.
    Prompt { name: String, arguments: Map<String, Value> },
    /// Requests completions for an argument of a prompt or template.
    Complete { of: CompletionTarget, argument: String, value: String },
    /// Sends a ping.
    Ping,
}

/// Owner of an argument that can be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CompletionTarget {
    Prompt(String),
    Template(String),
}

/// Creates a step of one kind; `None` if the server lacks what it needs.
type MakeStep = fn(&mut Script, &Catalogue) -> Option<Step>;

/// An endless sequence of steps.
pub(super) struct Script {
    random: StdRng,
    pub(super) is_lively: bool,
}

impl Script {
    pub(super) fn new(seed: u64, client: usize) -> Self {
        // Each client of each seed has its own generator.
        let mut random = StdRng::seed_from_u64(seed);
        let own = (0..=client).fold(0, |_, _| random.random());
        Self { random: StdRng::seed_from_u64(own), is_lively: false }
    }

    /// Draws the number of steps of the next session; `None` for no limit.
    pub(super) fn session_steps(&mut self) -> Option<u64> {
        let steps = self.random.random_range(SESSION);
        self.is_lively.then_some(steps)
    }

    /// Draws the pause before the next step, as a multiple of the average pause.
    pub(super) fn pause(&mut self) -> f64 {
        self.random.random_range(0.5..1.5)
    }

    /// Draws a seed for another generator.
    pub(super) fn seed(&mut self) -> u64 {
        self.random.random()
    }

    /// Draws the next step.
    pub(super) fn next(&mut self, catalogue: &Catalogue) -> Step {
        let lively = |weight: u32| if self.is_lively && !catalogue.tools.is_empty() { weight } else { 0 };
        let when = |available: bool, weight: u32| if available { weight } else { 0 };
        let kinds: [(u32, MakeStep); 9] = [
            (when(!catalogue.tools.is_empty(), TOOL), Self::call),
            (when(!catalogue.resources.is_empty(), READ), Self::read),
            (when(!catalogue.lists.is_empty(), LIST), Self::list),
            (when(!catalogue.prompts.is_empty(), PROMPT), Self::prompt),
            (when(catalogue.has_completion, COMPLETE), Self::complete),
            (when(catalogue.has_ping, PING), |_, _| Some(Step::Ping)),
            (lively(WRONG), Self::wrong),
            (lively(UNKNOWN), Self::unknown),
            (lively(CANCELLED), Self::cancel),
        ];
        let mut drawn =
            self.random.random_range(0..kinds.iter().map(|(weight, _)| weight).sum::<u32>().max(1));
        for (weight, make) in kinds {
            if drawn < weight {
                return make(self, catalogue).unwrap_or_else(|| Self::fallback(catalogue));
            }
            drawn -= weight;
        }
        Self::fallback(catalogue)
    }

    /// A step that every server answers.
    fn fallback(catalogue: &Catalogue) -> Step {
        if catalogue.has_ping { Step::Ping } else { Step::List(List::Tools) }
    }

    fn call(&mut self, catalogue: &Catalogue) -> Option<Step> {
        let tool = self.tool(catalogue)?.clone();
        let arguments = self.arguments(&tool, catalogue);
        Some(Step::Call { tool: tool.name, arguments })
    }

    fn cancel(&mut self, catalogue: &Catalogue) -> Option<Step> {
        let slow = catalogue.tools.iter().find(|tool| tool.name == SLOW);
        let tool = slow.or_else(|| self.tool(catalogue))?.clone();
        let arguments = self.arguments(&tool, catalogue);
        let after = Duration::from_millis(self.random.random_range(CANCEL_AFTER));
        Some(Step::Cancel { tool: tool.name, arguments, after })
    }

    fn wrong(&mut self, catalogue: &Catalogue) -> Option<Step> {
        let tool = self.tool(catalogue)?;
        let arguments = object(arguments::invalid(&tool.schema, &mut self.random));
        Some(Step::Call { tool: tool.name.clone(), arguments })
    }

    fn unknown(&mut self, catalogue: &Catalogue) -> Option<Step> {
        let with_id = catalogue.tools.iter().find(|tool| tool.schema.pointer("/properties/id").is_some());
        Some(match (self.random.random_range(0..3), with_id) {
            (0, Some(tool)) => {
                Step::Call { tool: tool.name.clone(), arguments: object(json!({"id": NO_SUCH_ITEM})) }
            }
            (1, _) if !catalogue.resources.is_empty() => {
                Step::Read { uri: format!("hackernews://item/{NO_SUCH_ITEM}") }
            }
            _ => Step::Call { tool: "no-such-tool".to_owned(), arguments: Map::new() },
        })
    }

    fn read(&mut self, catalogue: &Catalogue) -> Option<Step> {
        let uri = catalogue.resources.choose(&mut self.random)?.clone();
        Some(Step::Read { uri })
    }

    fn list(&mut self, catalogue: &Catalogue) -> Option<Step> {
        catalogue.lists.choose(&mut self.random).copied().map(Step::List)
    }

    fn prompt(&mut self, catalogue: &Catalogue) -> Option<Step> {
        let prompt = catalogue.prompts.choose(&mut self.random)?;
        let ids = catalogue.ids();
        let mut arguments = Map::new();
        for (name, is_required) in &prompt.arguments {
            if *is_required || self.random.random_bool(0.5) {
                // Arguments of prompts are strings.
                let id = ids.choose(&mut self.random).filter(|_| is_id(name)).map(|id| json!(id.to_string()));
                let value =
                    id.unwrap_or_else(|| arguments::plausible(&json!({"type": "string"}), &mut self.random));
                arguments.insert(name.clone(), value);
            }
        }
        Some(Step::Prompt { name: prompt.name.clone(), arguments })
    }

    fn complete(&mut self, catalogue: &Catalogue) -> Option<Step> {
        let value = self.random.random_range(0..10u32).to_string();
        let prompts = catalogue.prompts.iter().filter_map(|prompt| {
            let (argument, _) = prompt.arguments.first()?;
            Some((CompletionTarget::Prompt(prompt.name.clone()), argument.clone()))
        });
        let templates = catalogue.templates.iter().filter_map(|template| {
            let (_, rest) = template.split_once('{')?;
            let (argument, _) = rest.split_once('}')?;
            Some((
                CompletionTarget::Template(template.clone()),
                argument.trim_start_matches(['+', '#', '/', '?']).to_owned(),
            ))
        });
        let known: Vec<_> = prompts.chain(templates).collect();
        let (of, argument) = known.choose(&mut self.random)?.clone();
        Some(Step::Complete { of, argument, value })
    }

    /// Draws a tool, the first ones more often than the last.
    fn tool<'a>(&mut self, catalogue: &'a Catalogue) -> Option<&'a CallableTool> {
        let last = catalogue.tools.len().checked_sub(1)?;
        let (one, two) = (self.random.random_range(0..=last), self.random.random_range(0..=last));
        catalogue.tools.get(one.min(two))
    }

    fn arguments(&mut self, tool: &CallableTool, catalogue: &Catalogue) -> Map<String, Value> {
        let mut arguments = object(arguments::plausible(&tool.schema, &mut self.random));
        let ids = catalogue.ids();
        for (name, value) in &mut arguments {
            if is_id(name)
                && value.is_number()
                && let Some(id) = ids.choose(&mut self.random)
            {
                *value = json!(id);
            }
        }
        arguments
    }
}

fn is_id(name: &str) -> bool {
    name.eq_ignore_ascii_case("id") || name.ends_with("_id") || name.ends_with("Id")
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::catalogue::PromptInfo;
    use super::*;

    fn catalogue() -> Catalogue {
        let schema = json!({"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]});
        let tool = |name: &str| CallableTool { name: name.to_owned(), schema: schema.clone() };
        Catalogue {
            tools: vec![tool("get"), tool(SLOW)],
            resources: vec!["hackernews://item/8863".to_owned()],
            templates: vec!["hackernews://item/{id}".to_owned()],
            prompts: vec![PromptInfo {
                name: "discuss".to_owned(),
                arguments: vec![("id".to_owned(), true)],
            }],
            lists: vec![List::Tools, List::Prompts],
            has_completion: true,
            has_ping: true,
            is_mcpdump: true,
        }
    }

    fn steps(seed: u64, client: usize, is_lively: bool, n: usize) -> Vec<Step> {
        let mut script = Script::new(seed, client);
        script.is_lively = is_lively;
        let catalogue = catalogue();
        (0..n).map(|_| script.next(&catalogue)).collect()
    }

    #[test]
    fn a_lively_script_has_every_step() {
        let kind = |step: &Step| match step {
            Step::Call { tool, .. } if tool == "no-such-tool" => "unknown tool",
            Step::Call { arguments, .. } if arguments.get("id") == Some(&json!(NO_SUCH_ITEM)) => {
                "unknown item"
            }
            Step::Call { arguments, .. } if arguments.get("id").is_some_and(Value::is_u64) => "call",
            Step::Call { .. } => "wrong arguments",
            Step::Cancel { tool, .. } if tool == SLOW => "cancel",
            Step::Cancel { .. } => "cancel of a fast tool",
            Step::List(_) => "list",
            Step::Read { uri } if uri.ends_with("/8863") => "read",
            Step::Read { .. } => "unknown resource",
            Step::Prompt { .. } => "prompt",
            Step::Complete { of: CompletionTarget::Prompt(_), .. } => "complete a prompt",
            Step::Complete { of: CompletionTarget::Template(_), argument, .. } if argument == "id" => {
                "complete a template"
            }
            Step::Complete { .. } => "complete something else",
            Step::Ping => "ping",
        };
        let seen = |is_lively| steps(7, 0, is_lively, 500).iter().map(kind).collect::<BTreeSet<_>>();
        let calm = ["call", "complete a prompt", "complete a template", "list", "ping", "prompt", "read"];
        assert_eq!(seen(false), BTreeSet::from(calm));
        let lively = ["cancel", "unknown item", "unknown resource", "unknown tool", "wrong arguments"];
        assert_eq!(seen(true), calm.into_iter().chain(lively).collect());
    }

    #[test]
    fn an_empty_server_gets_only_requests_it_supports() {
        let mut script = Script::new(1, 0);
        script.is_lively = true;
        assert_eq!(script.next(&Catalogue::default()), Step::List(List::Tools));
        assert_eq!(script.next(&Catalogue { has_ping: true, ..Catalogue::default() }), Step::Ping);
    }

    proptest! {
        #[test]
        fn a_seed_repeats_the_script(seed: u64, client in 0usize..20) {
            prop_assert_eq!(steps(seed, client, true, 30), steps(seed, client, true, 30));
            prop_assert_ne!(steps(seed, client, true, 30), steps(seed, client + 1, true, 30));
            prop_assert_ne!(steps(seed, client, true, 30), steps(seed.wrapping_add(1), client, true, 30));
        }
    }
}
