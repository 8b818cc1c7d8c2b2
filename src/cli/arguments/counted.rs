//! What a report counts: options of `report` and of `web`.

use clap::Args;

use super::named::named;
use super::redaction::Redaction;
use crate::ledger::{By, Views};

/// What is counted, and how it is grouped.
#[derive(Debug, Default, Args)]
pub(crate) struct Counted {
    /// Add latency tables per server, session or client address
    #[arg(long, value_name = "WHAT")]
    #[arg(value_parser = named(&By::ALL, By::name))]
    pub(crate) by: Option<By>,
    /// Count calls that were captured on both legs of a proxy once (front), or on each leg (all)
    /// [default: front, or all if --filter selects servers, sessions or addresses]
    #[arg(long, value_name = "WHICH")]
    #[arg(value_parser = named(&Views::ALL, Views::name))]
    pub(crate) views: Option<Views>,
    /// Add a section on security, as check --security finds it
    #[arg(long)]
    pub(crate) security: bool,
    #[command(flatten)]
    pub(crate) redaction: Redaction,
}
