//! The pair of prefill and decode that runs, so that equal pods are not replaced for a label.

use super::Context;
use crate::revision::{LivePair, fingerprint, live_workload, revision_of};
use crate::valid::{Pods, Workload};

/// What lives of both roles; none where one is missing, or where their labels differ because a roll is under way.
pub fn live_pair(ctx: &Context<'_>, prefill: &Workload, decode: &Workload) -> Option<LivePair> {
    let live = |of: &Workload| {
        live_workload(ctx.inputs.live, &ctx.id.name, of.role, matches!(of.pods, Pods::Group(_)))
    };
    let (prefill, decode) = (live(prefill)?, live(decode)?);
    let revision = revision_of(decode);
    let pair = LivePair { fingerprint: fingerprint::fingerprint(prefill, decode), revision };
    (revision_of(prefill) == pair.revision).then_some(pair)
}
