//! How often clients ask for the status of a task, and how often the server wants them to (MCP
//! 2025-11-25, tasks, "Polling"; Tasks extension, "Task Polling").

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use serde_json::Value;

use super::call::{Call, SHOWN_ID};
use crate::base::{Code, Finding, Timestamp, text, units};

/// Tasks of sessions that are kept; the oldest are forgotten first.
const MAX_TASKS: usize = 16_384;

/// Polls of one task that are too early before they are told: one may have a reason of its own.
const MIN_EARLY: u32 = 3;

const NS_PER_MS: f64 = 1_000_000.0;

/// The polls of tasks, by session and hash of the task's id.
#[derive(Debug, Default)]
pub(super) struct Polls {
    /// Never iterated: its order is random.
    tasks: HashMap<(u32, u64), Polled, RandomState>,
    order: VecDeque<(u32, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Polled {
    /// When the client asked last, and on which connection: two clients behind one address may be
    /// one session, and each asks in its own time.
    asked: Timestamp,
    tcp_stream: u32,
    /// The interval that the answer named, in nanoseconds; `None` if it named none.
    interval: Option<i64>,
    early: u32,
    /// The shortest time between two polls, in nanoseconds.
    shortest: i64,
}

impl Polls {
    /// Takes a notification of a task's status: a client may ask at once.
    pub(super) fn notification(&mut self, session: u32, id: &str) {
        if let Some(polled) = self.tasks.get_mut(&(session, text::hash(id))) {
            polled.interval = None;
        }
    }

    /// Takes a call and returns what is wrong.
    pub(super) fn push(&mut self, call: &Call<'_>) -> Option<Finding> {
        let exchange = call.exchange;
        let method = &*exchange.method;
        if !matches!(method, "tasks/get" | "tasks/update" | "tasks/result") {
            return None;
        }
        let id = call.param("taskId")?.as_str()?;
        let key = (exchange.session.number, text::hash(id));
        let asked = exchange.request.span.start.time;
        let before = self.tasks.get(&key).copied().filter(|before| before.asked <= asked);
        let interval = call.result().filter(|_| method == "tasks/get").and_then(interval);
        let tcp_stream = exchange.tcp_stream;
        let mut polled = Polled { asked, tcp_stream, interval, early: 0, shortest: i64::MAX };
        let mut is_due = false;
        let mut wanted = 0;
        if let Some(before) = before {
            (polled.early, polled.shortest) = (before.early, before.shortest);
            let since = asked.since(before.asked);
            // Timers are not exact.
            let is_early = before.interval.is_some_and(|interval| since < interval - interval / 10);
            if method == "tasks/get" && is_early && before.tcp_stream == tcp_stream {
                polled.early += 1;
                polled.shortest = polled.shortest.min(since);
                is_due = polled.early == MIN_EARLY;
                wanted = before.interval.unwrap_or_default();
            }
        }
        if self.tasks.insert(key, polled).is_none() {
            self.order.push_back(key);
            if self.order.len() > MAX_TASKS
                && let Some(oldest) = self.order.pop_front()
            {
                self.tasks.remove(&oldest);
            }
        }
        is_due.then(|| {
            let shown = text::beginning(id, SHOWN_ID);
            let detail = format!(
                "task {shown}: polled {MIN_EARLY} times sooner than the server's interval of {}, once after {}",
                units::duration(wanted),
                units::duration(polled.shortest),
            );
            call.of_request(Code::ContentsPollInterval, detail)
        })
    }
}

/// The interval that a task names while it is not over, in nanoseconds.
fn interval(task: &Value) -> Option<i64> {
    let is_open = task.get("status")? == "working";
    let ms = task.get("pollInterval").or_else(|| task.get("pollIntervalMs"))?.as_f64()?;
    // A day is longer than anybody waits.
    #[expect(clippy::cast_possible_truncation, reason = "a day in nanoseconds is less")]
    (is_open && (0.0..=86_400_000.0).contains(&ms)).then_some((ms * NS_PER_MS) as i64)
}
