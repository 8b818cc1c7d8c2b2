//! How many findings of one code an export lists.

use std::collections::BTreeMap;

use crate::base::{Code, Finding, limits};

/// Counts findings by code: the first [`limits::MAX_FINDING_LINES`] of each are listed, the others
/// are summed up at the end.
#[derive(Debug, Default)]
pub(super) struct FindingQuota {
    counts: BTreeMap<Code, u64>,
}

impl FindingQuota {
    /// Counts a finding. Returns whether it is listed.
    pub(super) fn record(&mut self, finding: &Finding) -> bool {
        let count = self.counts.entry(finding.code).or_default();
        *count += 1;
        *count <= limits::MAX_FINDING_LINES
    }

    /// Returns the number of findings that were not listed.
    pub(super) fn not_listed(&self) -> u64 {
        self.counts.values().map(|count| count.saturating_sub(limits::MAX_FINDING_LINES)).sum()
    }

    /// Returns a finding for each code with findings that were not listed, in the order of the
    /// codes, and forgets all counts.
    pub(super) fn take_sums(&mut self) -> impl Iterator<Item = Finding> + use<> {
        std::mem::take(&mut self.counts).into_iter().filter_map(|(code, count)| {
            let more = count.checked_sub(limits::MAX_FINDING_LINES).filter(|more| *more > 0)?;
            let detail = format!("{more} more findings of this code are not listed");
            Some(Finding {
                code,
                at: None,
                tcp_stream: None,
                session: None,
                exchange: None,
                count: more,
                detail,
            })
        })
    }
}
