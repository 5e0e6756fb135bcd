//! Which of the two groups the route of a service leads to, as a function of what is known.

use std::collections::BTreeSet;

use super::Group;

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Groups that the cluster serves.
    pub served: BTreeSet<Group>,
    /// Group that the live route leads to; the older one, if it leads to both.
    pub lead: Option<Group>,
    /// Groups that most gateways were known to refuse before this pass.
    pub refused: BTreeSet<Group>,
    /// What the gateways say about the group that the route leads to.
    pub verdict: Verdict,
    /// The route carries the mark of a migration to v1.
    pub migrated: bool,
    /// Most gateways have taken the v1 pool.
    pub accepts_v1: bool,
    /// The user wants nothing kept of what a former controller made.
    pub wished: bool,
}

/// What the gateways of a route say about the group that it leads to, by majority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing, or as many say this as that.
    #[default]
    Open,
    /// Most of those that say anything know it.
    Known,
    /// Most of those that say anything do not.
    Refused,
}

impl Verdict {
    /// By how many know it and how many refuse it: one route has one group, so the one that serves more counts.
    pub fn of(known: usize, refused: usize) -> Self {
        match known.cmp(&refused) {
            std::cmp::Ordering::Less => Self::Refused,
            std::cmp::Ordering::Equal => Self::Open,
            std::cmp::Ordering::Greater => Self::Known,
        }
    }
}

/// What follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Group that the route shall lead to.
    pub group: Group,
    /// The mark of a migration belongs on it.
    pub migrated: bool,
    /// Groups that most gateways refuse, to be remembered: once the route leads elsewhere, nobody says it again.
    pub refused: BTreeSet<Group>,
}

/// Decides (edges 22 to 24): v1, unless it is not served, most gateways do not know it, or a route leads to the older
/// group for which nobody has shown to know v1. Where both groups are refused the route stays with v1, so it never
/// goes to and fro.
pub fn choose(state: &State) -> Choice {
    let refused = refused(state);
    let group = match (state.served.contains(&Group::V1), state.served.contains(&Group::Older)) {
        (false, true) => Group::Older,
        (_, false) => Group::V1,
        (true, true) => among_both(state, &refused),
    };
    let turns = state.lead == Some(Group::Older) || state.migrated;
    Choice { group, migrated: group == Group::V1 && turns, refused }
}

fn among_both(state: &State, refused: &BTreeSet<Group>) -> Group {
    let refuses = |group| refused.contains(&group);
    match state.lead {
        _ if refuses(Group::Older) => Group::V1,
        _ if refuses(Group::V1) => Group::Older,
        Some(Group::Older) if !(state.migrated || state.accepts_v1 || state.wished) => Group::Older,
        _ => Group::V1,
    }
}

/// What was remembered, corrected by what is said now.
fn refused(state: &State) -> BTreeSet<Group> {
    let mut refused = state.refused.clone();
    match (state.lead, state.verdict) {
        (Some(lead), Verdict::Refused) => {
            refused.insert(lead);
        }
        (Some(lead), Verdict::Known) => {
            refused.remove(&lead);
        }
        _ => {}
    }
    refused.retain(|group| state.served.contains(group));
    refused
}
