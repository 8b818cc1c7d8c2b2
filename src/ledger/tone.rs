//! How good or bad a status or a finding is: reports and the TUI choose colours by it.

use crate::base::{Severity, Status};
use crate::mcp::{Cause, Exchange};

/// How good or bad something is, in the terms that a style needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    /// Worth knowing at most.
    Faint,
    /// Neither good nor bad.
    Neutral,
    /// Succeeded.
    Good,
    /// Worth a look.
    Warn,
    /// Failed.
    Bad,
}

impl From<Status> for Tone {
    fn from(status: Status) -> Self {
        match status {
            Status::Undetermined => Self::Faint,
            Status::Ok => Self::Good,
            Status::Cancelled => Self::Warn,
            Status::ToolError | Status::Error | Status::HttpError | Status::Unanswered => Self::Bad,
        }
    }
}

/// An exchange is judged by who ended it: nobody is to blame for one that was open when the capture
/// ended, and a client that gives up is no fault of the server.
impl From<(Status, Option<Cause>)> for Tone {
    fn from((status, cause): (Status, Option<Cause>)) -> Self {
        match (status, cause) {
            (Status::Unanswered, Some(Cause::CaptureEnd)) => Self::Neutral,
            (Status::Unanswered, Some(Cause::ClientClosed | Cause::ClientReset | Cause::Deleted)) => {
                Self::Warn
            }
            _ => status.into(),
        }
    }
}

/// A subscription that its client closed ended as subscriptions do.
impl From<&Exchange> for Tone {
    fn from(exchange: &Exchange) -> Self {
        if exchange.is_ended_subscription() {
            return Self::Faint;
        }
        (exchange.status, exchange.cause).into()
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Faint,
            Severity::Notice => Self::Neutral,
            Severity::Warning => Self::Warn,
            Severity::Error => Self::Bad,
        }
    }
}
