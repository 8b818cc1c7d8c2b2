//! What a client does next: drawn from a seed and from what the server has. The same seed and the same catalogue give
//! the same steps.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use super::arguments;
use super::catalogue::{CallableTool, Catalogue, List};

/// How often what is done, to each other.
const TOOL: u32 = 60;
const READ: u32 = 10;
const LIST: u32 = 6;
const PROMPT: u32 = 6;
const COMPLETE: u32 = 5;
const PING: u32 = 4;
/// Of lively clients alone: mistakes, and calls that are taken back.
const WRONG: u32 = 5;
const UNKNOWN: u32 = 3;
const CANCELLED: u32 = 4;

/// After how long a call is taken back, in milliseconds.
const CANCEL_AFTER: std::ops::Range<u64> = 3..60;

/// Steps of a lively client's session.
const SESSION: std::ops::Range<u64> = 20..60;

/// The tool whose calls are worth taking back: it is slow.
const SLOW: &str = "digest";

/// No story has this number.
const NO_SUCH_ITEM: u64 = 999_999_999;

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Calls a tool.
    Call { tool: String, arguments: Map<String, Value> },
    /// Calls a tool and takes it back.
    Cancel { tool: String, arguments: Map<String, Value>, after: Duration },
    /// Asks for a list.
    List(List),
    /// Reads a resource.
    Read { uri: String },
    /// Gets a prompt.
    Prompt { name: String, arguments: Map<String, Value> },
    /// Asks for completions of an argument of a prompt, or of a template.
    Complete { of: Completed, argument: String, value: String },
    /// Is the server there?
    Ping,
}

/// What has an argument that can be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Completed {
    Prompt(String),
    Template(String),
}

/// Makes a step of one kind, if the server has what it takes.
type Make = fn(&mut Script, &Catalogue) -> Option<Step>;

/// An endless script.
pub(super) struct Script {
    random: StdRng,
    pub(super) is_lively: bool,
}

impl Script {
    pub(super) fn new(seed: u64, client: usize) -> Self {
        // Clients differ, and the same client of another seed does too.
        let mut random = StdRng::seed_from_u64(seed);
        let own = (0..=client).fold(0, |_, _| random.random());
        Self { random: StdRng::seed_from_u64(own), is_lively: false }
    }

    /// How many steps the next session has; `None`: it has no end.
    pub(super) fn session(&mut self) -> Option<u64> {
        let steps = self.random.random_range(SESSION);
        self.is_lively.then_some(steps)
    }

    /// How long to wait for the next step, where they are one second apart on average: nobody is a metronome.
    pub(super) fn pause(&mut self) -> f64 {
        self.random.random_range(0.5..1.5)
    }

    /// A seed for somebody else.
    pub(super) fn seed(&mut self) -> u64 {
        self.random.random()
    }

    /// The next step.
    pub(super) fn next(&mut self, has: &Catalogue) -> Step {
        let lively = |weight: u32| if self.is_lively && !has.tools.is_empty() { weight } else { 0 };
        let when = |has: bool, weight: u32| if has { weight } else { 0 };
        let kinds: [(u32, Make); 9] = [
            (when(!has.tools.is_empty(), TOOL), Self::call),
            (when(!has.resources.is_empty(), READ), Self::read),
            (when(!has.lists.is_empty(), LIST), Self::list),
            (when(!has.prompts.is_empty(), PROMPT), Self::prompt),
            (when(has.has_completion, COMPLETE), Self::complete),
            (when(has.has_ping, PING), |_, _| Some(Step::Ping)),
            (lively(WRONG), Self::wrong),
            (lively(UNKNOWN), Self::unknown),
            (lively(CANCELLED), Self::cancel),
        ];
        let mut drawn =
            self.random.random_range(0..kinds.iter().map(|(weight, _)| weight).sum::<u32>().max(1));
        for (weight, make) in kinds {
            if drawn < weight {
                return make(self, has).unwrap_or_else(|| Self::harmless(has));
            }
            drawn -= weight;
        }
        Self::harmless(has)
    }

    /// What every server answers.
    fn harmless(has: &Catalogue) -> Step {
        if has.has_ping { Step::Ping } else { Step::List(List::Tools) }
    }

    fn call(&mut self, has: &Catalogue) -> Option<Step> {
        let tool = self.tool(has)?.clone();
        let arguments = self.arguments(&tool, has);
        Some(Step::Call { tool: tool.name, arguments })
    }

    fn cancel(&mut self, has: &Catalogue) -> Option<Step> {
        let slow = has.tools.iter().find(|tool| tool.name == SLOW);
        let tool = slow.or_else(|| self.tool(has))?.clone();
        let arguments = self.arguments(&tool, has);
        let after = Duration::from_millis(self.random.random_range(CANCEL_AFTER));
        Some(Step::Cancel { tool: tool.name, arguments, after })
    }

    fn wrong(&mut self, has: &Catalogue) -> Option<Step> {
        let tool = self.tool(has)?;
        let arguments = object(arguments::wrong(&tool.schema, &mut self.random));
        Some(Step::Call { tool: tool.name.clone(), arguments })
    }

    fn unknown(&mut self, has: &Catalogue) -> Option<Step> {
        let with_id = has.tools.iter().find(|tool| tool.schema.pointer("/properties/id").is_some());
        Some(match (self.random.random_range(0..3), with_id) {
            (0, Some(tool)) => {
                Step::Call { tool: tool.name.clone(), arguments: object(json!({"id": NO_SUCH_ITEM})) }
            }
            (1, _) if !has.resources.is_empty() => {
                Step::Read { uri: format!("hackernews://item/{NO_SUCH_ITEM}") }
            }
            _ => Step::Call { tool: "no-such-tool".to_owned(), arguments: Map::new() },
        })
    }

    fn read(&mut self, has: &Catalogue) -> Option<Step> {
        let uri = has.resources.choose(&mut self.random)?.clone();
        Some(Step::Read { uri })
    }

    fn list(&mut self, has: &Catalogue) -> Option<Step> {
        has.lists.choose(&mut self.random).copied().map(Step::List)
    }

    fn prompt(&mut self, has: &Catalogue) -> Option<Step> {
        let prompt = has.prompts.choose(&mut self.random)?;
        let ids = has.ids();
        let mut arguments = Map::new();
        for (name, is_required) in &prompt.arguments {
            if *is_required || self.random.random_bool(0.5) {
                // Arguments of prompts are texts.
                let id = ids.choose(&mut self.random).filter(|_| is_id(name)).map(|id| json!(id.to_string()));
                let value =
                    id.unwrap_or_else(|| arguments::plausible(&json!({"type": "string"}), &mut self.random));
                arguments.insert(name.clone(), value);
            }
        }
        Some(Step::Prompt { name: prompt.name.clone(), arguments })
    }

    fn complete(&mut self, has: &Catalogue) -> Option<Step> {
        let value = self.random.random_range(0..10u32).to_string();
        let prompts = has.prompts.iter().filter_map(|prompt| {
            let (argument, _) = prompt.arguments.first()?;
            Some((Completed::Prompt(prompt.name.clone()), argument.clone()))
        });
        let templates = has.templates.iter().filter_map(|template| {
            let (_, rest) = template.split_once('{')?;
            let (argument, _) = rest.split_once('}')?;
            Some((
                Completed::Template(template.clone()),
                argument.trim_start_matches(['+', '#', '/', '?']).to_owned(),
            ))
        });
        let known: Vec<_> = prompts.chain(templates).collect();
        let (of, argument) = known.choose(&mut self.random)?.clone();
        Some(Step::Complete { of, argument, value })
    }

    /// The first ones more often than the last: what people use most stands first.
    fn tool<'a>(&mut self, has: &'a Catalogue) -> Option<&'a CallableTool> {
        let last = has.tools.len().checked_sub(1)?;
        let (one, two) = (self.random.random_range(0..=last), self.random.random_range(0..=last));
        has.tools.get(one.min(two))
    }

    fn arguments(&mut self, tool: &CallableTool, has: &Catalogue) -> Map<String, Value> {
        let mut arguments = object(arguments::plausible(&tool.schema, &mut self.random));
        let ids = has.ids();
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

    use super::super::catalogue::Asked;
    use super::*;

    fn catalogue() -> Catalogue {
        let schema = json!({"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]});
        let tool = |name: &str| CallableTool { name: name.to_owned(), schema: schema.clone() };
        Catalogue {
            tools: vec![tool("get"), tool(SLOW)],
            resources: vec!["hackernews://item/8863".to_owned()],
            templates: vec!["hackernews://item/{id}".to_owned()],
            prompts: vec![Asked { name: "discuss".to_owned(), arguments: vec![("id".to_owned(), true)] }],
            lists: vec![List::Tools, List::Prompts],
            has_completion: true,
            has_ping: true,
            is_ours: true,
        }
    }

    fn steps(seed: u64, client: usize, is_lively: bool, n: usize) -> Vec<Step> {
        let mut script = Script::new(seed, client);
        script.is_lively = is_lively;
        let has = catalogue();
        (0..n).map(|_| script.next(&has)).collect()
    }

    #[test]
    fn a_lively_script_has_everything() {
        let kind = |step: &Step| match step {
            Step::Call { tool, .. } if tool == "no-such-tool" => "unknown tool",
            Step::Call { arguments, .. } if arguments.get("id") == Some(&json!(NO_SUCH_ITEM)) => {
                "unknown item"
            }
            Step::Call { arguments, .. } if arguments.get("id").is_some_and(Value::is_u64) => "call",
            Step::Call { .. } => "wrong arguments",
            Step::Cancel { tool, .. } if tool == SLOW => "cancel",
            Step::Cancel { .. } => "cancel of what is not slow",
            Step::List(_) => "list",
            Step::Read { uri } if uri.ends_with("/8863") => "read",
            Step::Read { .. } => "unknown resource",
            Step::Prompt { .. } => "prompt",
            Step::Complete { of: Completed::Prompt(_), .. } => "complete a prompt",
            Step::Complete { of: Completed::Template(_), argument, .. } if argument == "id" => {
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
    fn an_empty_server_is_only_asked_what_it_has() {
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
