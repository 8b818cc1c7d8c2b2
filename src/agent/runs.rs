//! Groups calls of models into runs, and sums up where their time went.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use super::links::Links;
use super::timeline::{Gap, Join, ModelCall, Run, Times};
use crate::base::Timestamp;

/// Groups calls, which are in the order of their requests.
pub(super) fn group(calls: Vec<ModelCall>, links: &Links) -> Vec<Run> {
    let mut leader: Vec<usize> = (0..calls.len()).collect();
    for &(a, b) in &links.pairs {
        let (a, b) = (find(&mut leader, a), find(&mut leader, b));
        // The earliest call leads.
        if let Some(later) = leader.get_mut(a.max(b)) {
            *later = a.min(b);
        }
    }
    let mut runs: BTreeMap<usize, Vec<ModelCall>> = BTreeMap::new();
    for (index, call) in calls.into_iter().enumerate() {
        runs.entry(find(&mut leader, index)).or_default().push(call);
    }
    let runs = runs.into_values().zip(1..);
    runs.map(|(calls, number)| {
        let (times, gaps) = times(&calls);
        Run { number, times, gaps, calls }
    })
    .collect()
}

/// The leader of a call. Paths are halved on the way.
fn find(leader: &mut [usize], mut index: usize) -> usize {
    loop {
        let next = leader.get(index).copied().unwrap_or(index);
        let after = leader.get(next).copied().unwrap_or(next);
        if next == after {
            return next;
        }
        if let Some(of_index) = leader.get_mut(index) {
            *of_index = after;
        }
        index = after;
    }
}

/// Sums up where the time of a run went, and finds its gaps.
fn times(calls: &[ModelCall]) -> (Times, Vec<Gap>) {
    let start = calls.iter().map(|call| call.request.start.time).min().unwrap_or_default();
    let end = calls.iter().map(ModelCall::until).max().unwrap_or_default();
    let model: Vec<_> = calls.iter().map(|call| (call.request.start.time, call.until())).collect();
    let tools = calls.iter().flat_map(|call| &call.tools).filter_map(|tool| match &tool.join {
        Join::Joined(call, _) => Some((call.request.start.time, call.end?.time)),
        _ => None,
    });
    let tools = tools.map(|(from, to)| (from.max(start), to.min(end)));
    let both: Vec<_> = model.iter().copied().chain(tools).collect();
    let (model, both) = (merged(model), merged(both));
    let (model_ns, both_ns, gaps) = (covered(&model), covered(&both), gaps(calls, &both));
    let idle = gaps.iter().filter(|gap| gap.is_idle);
    let idle_ns = idle.fold(0, |sum: i64, gap| sum.saturating_add(gap.to.since(gap.from)));
    let total = end.since(start);
    let times = Times {
        start,
        end,
        model_ns,
        tools_ns: both_ns.saturating_sub(model_ns),
        idle_ns,
        agent_ns: total.saturating_sub(both_ns).saturating_sub(idle_ns),
    };
    (times, gaps)
}

/// An interval of time.
type Interval = (Timestamp, Timestamp);

/// Joins intervals that overlap. They come out in order.
fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|(from, to)| from <= to);
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::new();
    for (from, to) in intervals {
        match merged.last_mut() {
            Some((_, until)) if from <= *until => *until = to.max(*until),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The time that intervals that do not overlap cover, in nanoseconds.
fn covered(intervals: &[Interval]) -> i64 {
    intervals.iter().fold(0, |sum: i64, (from, to)| sum.saturating_add(to.since(*from)))
}

/// The gaps between the intervals. After an answer that is complete and asks for no tool it is the
/// user's turn; after one that failed or was cut, the agent's.
fn gaps(calls: &[ModelCall], busy: &[Interval]) -> Vec<Gap> {
    let is_final =
        |call: &&ModelCall| call.status == "ok" && call.degraded.is_none() && call.tools.is_empty();
    let last: HashSet<Timestamp, RandomState> = calls.iter().filter(is_final).map(ModelCall::until).collect();
    let gaps = busy.iter().zip(busy.iter().skip(1));
    gaps.map(|(&(_, from), &(to, _))| Gap { from, to, is_idle: last.contains(&from) }).collect()
}
