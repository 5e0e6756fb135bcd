//! The gate that holds a roll after its first step, since the controllers of Deployments and LeaderWorkerSets go on
//! by themselves.
//!
//! A Deployment behind a closed gate makes pods Ready but never Available: it has `minReadySeconds` of a year, so it
//! stops once as many pods are new as surge and unavailability allow, and it has no deadline for its progress. A
//! LeaderWorkerSet has a partition, below which groups stay as they are.

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::object::Object;
use crate::rollout::Counts;
use crate::tree;

const YEAR: i64 = 365 * 24 * 60 * 60;
/// The largest value means that there is no deadline.
const NO_DEADLINE: i64 = i32::MAX as i64;

/// How many pods or groups are new at most while the gate is closed. `want` are wanted in all.
pub fn step(kind: Kind, desired: &Value, live: &Value, want: i64) -> i64 {
    let step =
        if kind == Kind::LeaderWorkerSet { group_step(desired, want) } else { pod_step(desired, live, want) };
    step.clamp(1, want.max(1))
}

/// Groups that surge are not counted: they come and go as the others become ready.
fn group_step(desired: &Value, want: i64) -> i64 {
    let rolling = tree::get(desired, &["spec", "rolloutStrategy", "rollingUpdateConfiguration"]);
    rolling.and_then(|r| r.get("maxUnavailable")).map_or(1, |given| scaled(given, want, false))
}

fn pod_step(desired: &Value, live: &Value, want: i64) -> i64 {
    let strategy = |of| tree::get(of, &["spec", "strategy"]);
    let strategy = strategy(desired).or_else(|| strategy(live)).unwrap_or(&Value::Null);
    if tree::text(strategy, &["type"]) == "Recreate" {
        return want;
    }
    let quarter = json!("25%");
    let member = |key: &str| tree::get(strategy, &["rollingUpdate", key]).unwrap_or(&quarter);
    let (surge, unavailable) =
        (scaled(member("maxSurge"), want, true), scaled(member("maxUnavailable"), want, false));
    let step = (surge + unavailable).max(1);
    if is_short(live) { step.min(Counts::of(Kind::Deployment, live).updated) } else { step }
}

/// Pods that a quota refuses are not waited for.
fn is_short(live: &Value) -> bool {
    let conditions = tree::list(live, &["status", "conditions"]).iter();
    let mut failures = conditions.filter(|c| tree::text(c, &["type"]) == "ReplicaFailure");
    failures.any(|c| tree::text(c, &["status"]) == "True")
}

/// A number, or a share of `total`.
fn scaled(value: &Value, total: i64, up: bool) -> i64 {
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    match percent {
        Some(percent) if up => (percent * total + 99) / 100,
        Some(percent) => percent * total / 100,
        None => value.as_i64().unwrap_or_default(),
    }
}

/// Closes the gate of a workload that is about to be applied.
pub fn close(object: &mut Object, want: i64, step: i64) {
    let spec = tree::entry(&mut object.body, "spec");
    if object.kind == Kind::LeaderWorkerSet {
        let strategy = tree::entry(spec, "rolloutStrategy");
        let mut rolling = json!({"maxUnavailable": 1, "maxSurge": 0});
        if let (Some(all), Some(given)) = (
            rolling.as_object_mut(),
            tree::get(strategy, &["rollingUpdateConfiguration"]).and_then(Value::as_object),
        ) {
            all.extend(given.clone());
        }
        *tree::entry(&mut rolling, "partition") = json!((want - step).max(0));
        *tree::entry(strategy, "rollingUpdateConfiguration") = rolling;
        return;
    }
    *tree::entry(spec, "minReadySeconds") = json!(YEAR);
    *tree::entry(spec, "progressDeadlineSeconds") = json!(NO_DEADLINE);
}

/// A live workload has its gate closed.
pub fn is_closed(live: &Value) -> bool {
    let number = |path: &[&str]| tree::get(live, path).and_then(Value::as_i64).unwrap_or_default();
    number(&["spec", "minReadySeconds"]) == YEAR
        || number(&["spec", "rolloutStrategy", "rollingUpdateConfiguration", "partition"]) > 0
}

/// Every pod of an endpoint picker runs with its newest configuration, and one serves; or none is wanted.
pub fn is_picker_rolled_out(live: &Value) -> bool {
    let counts = Counts::of(Kind::Deployment, live);
    let serves = counts.ready > 0 || counts.wanted == 0;
    counts.is_observed() && counts.is_of_one_template() && serves
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
