//! When the key pair of the webhooks changes, in steps of which none breaks a connection.
//!
//! A new CA is trusted everywhere before it signs, and an old one for as long as somebody serves what it signed:
//! *introduce*, *sign*, *forget*. Each step is one write; whoever makes it need not be the one who made the last.

use std::time::Duration;

use jiff::Timestamp;

#[cfg(test)]
mod tests;

/// A CA that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its fingerprint.
    pub id: String,
    /// When its successor is due.
    pub renewal: Timestamp,
    /// When it ends.
    pub to: Timestamp,
}

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its fingerprint.
    pub id: String,
    /// The trusted CA that has signed it.
    pub signer: String,
    /// When the next one is due.
    pub renewal: Timestamp,
    /// When it ends.
    pub to: Timestamp,
}

/// The key pairs as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// All that are trusted. The first has its key and signs; without that key there is none.
    pub authorities: Vec<Authority>,
    /// None when there is none that serves.
    pub leaf: Option<Leaf>,
    /// A user asks for a new CA.
    pub asked: bool,
    /// What each replica says that it serves, by fingerprint.
    pub serving: Vec<String>,
}

/// What is known besides. Durations are of one's own clock: others' are not compared with it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The time.
    pub now: Timestamp,
    /// For how long everybody who calls has trusted exactly these CAs; none while somebody does not.
    pub published: Option<Duration>,
    /// For how long the leaf has been this one.
    pub written: Duration,
}

/// How long to wait between steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Until every API server has heard of what is stored.
    pub settle: Duration,
    /// Until a replica that still says that it serves an old leaf counts as gone.
    pub patience: Duration,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before this time, unless something changes.
    Rest(Timestamp),
    /// There is nothing to go on from: make a CA and a leaf.
    Begin,
    /// Make a CA that is trusted and does not sign yet.
    Introduce,
    /// Make a leaf, signed by the newest CA.
    Sign,
    /// Trust the newest CA only.
    Forget,
}

/// The next step.
pub fn next(keys: &Keys, seen: &Seen, pace: &Pace) -> Step {
    let Some(newest) = keys.authorities.first().filter(|ca| ca.to > seen.now) else { return Step::Begin };
    let Some(leaf) = keys.leaf.as_ref().filter(|leaf| leaf.to > seen.now) else { return Step::Sign };
    if leaf.signer != newest.id {
        return after(seen.published, pace.settle, Step::Sign, seen.now, leaf.to);
    }
    if keys.authorities.len() > 1 {
        return after(Some(seen.written), until_forgotten(keys, leaf, pace), Step::Forget, seen.now, leaf.to);
    }
    if keys.asked || newest.renewal <= seen.now {
        return Step::Introduce;
    }
    if leaf.renewal <= seen.now {
        return Step::Sign;
    }
    Step::Rest(newest.renewal.min(leaf.renewal))
}

/// How long after a leaf was written the CAs before its own are not needed any more.
fn until_forgotten(keys: &Keys, leaf: &Leaf, pace: &Pace) -> Duration {
    let everywhere = !keys.serving.is_empty() && keys.serving.iter().all(|id| *id == leaf.id);
    if everywhere { pace.settle } else { pace.patience }
}

/// The step once a state has lasted for this long, and without such a state a rest until `last`.
fn after(lasted: Option<Duration>, needed: Duration, step: Step, now: Timestamp, last: Timestamp) -> Step {
    match lasted.map(|lasted| needed.saturating_sub(lasted)) {
        None => Step::Rest(last),
        Some(Duration::ZERO) => step,
        Some(left) => Step::Rest(now.checked_add(left).unwrap_or(last)),
    }
}
