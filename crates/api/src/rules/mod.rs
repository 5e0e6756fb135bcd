//! Rules on one service (`reference/api.md §5.6`, §5.9), without a cluster.
//!
//! They hold for the spec as the user wrote it, at admission, and for the merged and rendered one, in every pass.
//! All findings come back at once; a message names the value, never a whole object.

mod class;
pub mod dra;
pub mod immutable;
mod kv_cache;
mod metadata;
mod model;
mod notes;
mod parallelism;
mod rollout;
mod router;
mod scaling;
mod scheduler;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use class::Class;

use crate::v1alpha2::{LlmInferenceServiceSpec, Workload};

/// A rule that a spec breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Field path, from `spec` or `metadata`.
    pub path: String,
    /// What is wrong, with the value, and what to do.
    pub message: String,
    /// Which rule.
    pub rule: Rule,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

macro_rules! ids {
    ($($id:ident)*) => {
        /// Id of a rule in the reference; from `PF1` on they are ours.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Rule { $($id,)* }

        impl Rule {
            /// Every rule, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];

            /// The id as text.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$id => stringify!($id),)* }
            }
        }
    };
}

ids! {
    R1 R2 R3
    T1 T2 T3 T4
    P1 P2 P3 P4 P5 P6 P7 P8
    S1 S2 S3 S4 S5
    SC1 SC2 SC3 SC4 SC5 SC6 SC7 SC8 SC9 SC10 SC11 SC12 SC13 SC14
    L1 L2 L3 L4 L5 L6 L7
    KV1 KV2 KV3 KV4 KV5 KV6 KV7
    RO1 RO2 RO3 RO4 RO5
    DR1 DR2 DR3 DR4 DR5 DR6 DR7
    I1 I2
    CF1
    CG1 CG2 CG3 CG6
    W1 W2 W3 W4 W5
    PF1 PF2 PF3
    L8
    KV8 KV9
    LB1 LB2
    N1 N2 N3 N4 N5 N6 N7 N8 N9 N10 N11 N12 N13
}

/// Every rule that the spec breaks, in the order of the reference.
///
/// `namespace` and `name` are those of the object; a name that is not known yet (`generateName`) is empty.
pub fn check(
    namespace: &str,
    name: &str,
    annotations: &BTreeMap<String, String>,
    spec: &LlmInferenceServiceSpec,
) -> Vec<Violation> {
    let mut found = Found::default();
    if let Some(router) = &spec.router {
        router::check(namespace, router, &mut found);
        router::check_traffic(router, &mut found);
    }
    for (base, workload) in workloads(spec) {
        parallelism::check(base, workload, &mut found);
    }
    if let Some(scheduler) = spec.router.as_ref().and_then(|r| r.scheduler.as_ref()) {
        scheduler::check(scheduler, &mut found);
    }
    scaling::check(spec, &mut found);
    model::check_lora(name, spec, &mut found);
    for (base, workload) in workloads(spec) {
        kv_cache::check(base, workload, &mut found);
    }
    for (base, workload) in workloads(spec) {
        rollout::check(base, workload, &mut found);
    }
    metadata::check(spec, &mut found);
    dra::check(annotations, &mut found);
    model::check_confidential(spec, &mut found);
    found.0
}

/// What a user should know although nothing is refused.
pub fn warnings(namespace: &str, spec: &LlmInferenceServiceSpec) -> Vec<Violation> {
    let mut found = Found::default();
    if let Some(router) = &spec.router {
        router::warn(namespace, router, &mut found);
    }
    model::warn_confidential(spec, &mut found);
    notes::warn(spec, &mut found);
    found.0
}

/// The main workload and, if present, the prefill one, with their paths.
fn workloads(spec: &LlmInferenceServiceSpec) -> impl Iterator<Item = (&'static str, &Workload)> {
    std::iter::once(("spec", &spec.workload)).chain(spec.prefill.iter().map(|p| ("spec.prefill", p)))
}

/// Collects violations.
#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, rule: Rule, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Violation { path: path.into(), message: message.into(), rule });
    }

    fn add_if(&mut self, broken: bool, rule: Rule, path: impl Into<String>, message: impl Into<String>) {
        if broken {
            self.add(rule, path, message);
        }
    }
}
