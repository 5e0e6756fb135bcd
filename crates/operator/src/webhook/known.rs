//! What the watches of the keeper have shown.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_core::rotation::{Keys, Seen};
use serde_json::Value;
use tokio::time::Instant;

use super::serving::Pair;
use super::targets::{CALLERS, Caller, Target, Trust};
use crate::tls::cert::Cert;

/// A pair that somebody else makes and renews.
#[derive(Clone)]
pub struct Given {
    /// The pair.
    pub pair: Pair,
    /// Who signed it, where that is said.
    pub bundle: Vec<Cert>,
}

/// The Secret, as far as its watch has shown it.
#[derive(Clone, Default)]
pub enum Shown {
    /// Not yet.
    #[default]
    Unknown,
    /// There is none.
    Missing,
    /// This is it.
    There(Value),
}

impl From<Option<Value>> for Shown {
    fn from(secret: Option<Value>) -> Self {
        secret.map_or(Self::Missing, Self::There)
    }
}

/// Something the keeper hears.
pub enum Change {
    /// The Secret, or that there is none.
    Secret(Option<Value>),
    /// What stands in the directory.
    Files(Box<Given>),
    /// A caller, by its place in [`CALLERS`], or that it is not there.
    Caller(usize, Option<Target>),
}

/// See the module.
#[derive(Default)]
pub struct Known {
    /// The Secret.
    pub secret: Shown,
    /// What stands in the directory.
    pub files: Option<Given>,
    /// Those that are known; none where there is no such object.
    pub callers: BTreeMap<usize, Option<Target>>,
    trusted: Option<(Vec<Cert>, Instant)>,
    leaf: Option<(String, Instant)>,
}

impl Known {
    /// Takes in a change.
    pub fn absorb(&mut self, change: Change) {
        match change {
            Change::Secret(secret) => self.secret = secret.into(),
            Change::Files(given) => self.files = Some(*given),
            Change::Caller(index, target) => {
                self.callers.insert(index, target);
            }
        }
    }

    /// Callers that are there and do not trust what they should, each with the patch that helps.
    pub fn doubting(&self, trust: &Trust) -> Vec<(usize, Caller, Value)> {
        let there = self.callers.iter().filter_map(|(index, target)| {
            Some((*index, *CALLERS.get(*index)?, target.as_ref()?.patch(trust)?))
        });
        there.collect()
    }

    fn is_trusted(&self, trust: &Trust) -> bool {
        self.callers.len() == CALLERS.len()
            && self.callers.values().flatten().all(|target| target.trusts(trust))
    }

    /// What a rotation goes by. Has to be told on every pass, since it measures how long things have lasted.
    pub fn seen(&mut self, keys: &Keys, trust: &Trust, now: Timestamp) -> Seen {
        let leaf = keys.leaf.as_ref().map(|leaf| leaf.id.clone()).unwrap_or_default();
        let known = self.leaf.take().filter(|(id, _)| *id == leaf);
        let (_, written) = self.leaf.insert(known.unwrap_or_else(|| (leaf, Instant::now())));
        let written = written.elapsed();
        let trusted = self.trusted.take().filter(|(bundle, _)| *bundle == trust.bundle);
        if self.is_trusted(trust) {
            self.trusted = trusted.or_else(|| Some((trust.bundle.clone(), Instant::now())));
        }
        let published: Option<Duration> = self.trusted.as_ref().map(|(_, since)| since.elapsed());
        Seen { now, published, written }
    }
}
