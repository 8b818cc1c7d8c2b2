//! What the server reports to whoever runs it: problems, and a line per request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Takes lines for the terminal. They may quote what clients sent, control characters included.
/// Clones share it; the default drops them.
#[derive(Clone, Default)]
pub struct Reporter {
    report: Option<Arc<Report>>,
}

type Report = dyn Fn(&str) + Send + Sync;

impl Reporter {
    /// Passes each line to `report`.
    pub fn new(report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { report: Some(Arc::new(report)) }
    }

    /// Whether lines are dropped.
    pub(super) fn is_silent(&self) -> bool {
        self.report.is_none()
    }

    /// Reports a line.
    pub(super) fn report(&self, line: &str) {
        if let Some(report) = &self.report {
            report(line);
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("is_silent", &self.is_silent()).finish()
    }
}

/// A problem that comes and goes; each change is reported once.
#[derive(Debug, Default)]
pub(super) struct Problem {
    is_there: AtomicBool,
}

impl Problem {
    /// Records whether the problem is there, and reports a change.
    pub(super) fn set(&self, is_there: bool, reporter: &Reporter, line: impl FnOnce() -> String) {
        if self.is_there.swap(is_there, Ordering::Relaxed) != is_there {
            reporter.report(&line());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_problem_is_reported_when_it_comes_and_when_it_goes() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&lines);
        let reporter = Reporter::new(move |line| to.lock().unwrap().push(line.to_owned()));
        let problem = Problem::default();
        for (is_there, line) in [(false, "a"), (true, "b"), (true, "c"), (false, "d"), (true, "e")] {
            problem.set(is_there, &reporter, || line.to_owned());
        }
        assert_eq!(*lines.lock().unwrap(), ["b", "d", "e"]);
    }
}
