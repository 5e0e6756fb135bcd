//! Rolling updates (RO).

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Found, Rule};
use crate::v1alpha2::Workload;

pub(super) fn check(base: &str, workload: &Workload, found: &mut Found) {
    let Some(strategy) = &workload.rollout_strategy else { return };
    let at = format!("{base}.rolloutStrategy");
    let limits = [("maxUnavailable", &strategy.max_unavailable), ("maxSurge", &strategy.max_surge)];
    let given = limits.into_iter().filter_map(|(name, limit)| Some((name, limit.as_ref()?)));
    let problems: Vec<_> = given.filter_map(|(name, limit)| Some((name, broken(name, limit)?))).collect();
    for (name, (rule, message)) in &problems {
        found.add(*rule, format!("{at}.{name}"), message.as_str());
    }
    if problems.is_empty() {
        check_deadlock(&at, workload, found);
    }
}

/// More than every pod can't be missing; more than twice the pods may be there (edge 21).
fn broken(name: &str, limit: &IntOrString) -> Option<(Rule, String)> {
    match limit {
        IntOrString::Int(n) if *n < 0 => {
            Some((Rule::RO1, format!("must be greater than or equal to 0, not {n}")))
        }
        IntOrString::Int(_) => None,
        IntOrString::String(text) => match digits(text) {
            None => {
                let message = format!(
                    "a valid percent string must be a numeric string followed by an ending '%', such as 25%, or a \
                     plain integer; not \"{text}\""
                );
                Some((Rule::RO2, message))
            }
            Some(digits) if name == "maxUnavailable" && percent(digits) > 100 => {
                Some((Rule::RO3, format!("must not be greater than 100%, and is {text}")))
            }
            Some(_) => None,
        },
    }
}

/// Whether an update could ever move, with the replicas that there are (edge 21): with a percentage it depends on
/// how many that is. Unknown or zero counts as one.
fn check_deadlock(at: &str, workload: &Workload, found: &mut Found) {
    let Some(strategy) = &workload.rollout_strategy else { return };
    let replicas = known_replicas(workload).unwrap_or(1);
    let Some(unavailable) = &strategy.max_unavailable else { return };
    if pods(unavailable, replicas, false) > 0 {
        return;
    }
    match &strategy.max_surge {
        Some(surge) if pods(surge, replicas, true) == 0 => {
            let message = format!(
                "maxUnavailable ({}) and maxSurge ({}) cannot both be zero, and are for {replicas} replica(s): \
                 raise one of them",
                shown(unavailable),
                shown(surge)
            );
            found.add(Rule::RO4, at, message);
        }
        None if workload.worker.is_some() => {
            let message = format!(
                "maxSurge is required for multi-node workloads when maxUnavailable is 0: {} of {replicas} replica(s) \
                 is none, and maxSurge is 0 when absent",
                shown(unavailable)
            );
            found.add(Rule::RO5, format!("{at}.maxSurge"), message);
        }
        _ => {}
    }
}

fn known_replicas(workload: &Workload) -> Option<i64> {
    let replicas = workload.replicas.or(workload.scaling.as_ref().map(crate::v1alpha2::Scaling::floor));
    replicas.map(|n| i64::from(n.max(1)))
}

/// A share that is no pod at all (edge 21): rounded down, as Kubernetes does.
pub(super) fn warn(base: &str, workload: &Workload, found: &mut Found) {
    let limit = workload.rollout_strategy.as_ref().and_then(|s| s.max_unavailable.as_ref());
    let (Some(limit), Some(replicas)) = (limit, known_replicas(workload)) else { return };
    let share = matches!(limit, IntOrString::String(text) if digits(text).is_some_and(|d| percent(d) > 0));
    let message = format!(
        "{} of {replicas} replica(s) is no pod, rounded down: only maxSurge lets a rollout go on",
        shown(limit)
    );
    let none = share && pods(limit, replicas, false) == 0;
    found.add_if(none, Rule::N4, format!("{base}.rolloutStrategy.maxUnavailable"), message);
}

/// How many pods a limit is.
fn pods(limit: &IntOrString, replicas: i64, round_up: bool) -> i64 {
    match limit {
        IntOrString::Int(n) => i64::from(*n),
        IntOrString::String(text) => {
            let share = digits(text).map_or(0, percent).saturating_mul(replicas);
            (share + if round_up { 99 } else { 0 }) / 100
        }
    }
}

/// The digits of `^[0-9]+%$`.
fn digits(text: &str) -> Option<&str> {
    text.strip_suffix('%').filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
}

/// A percentage; what is too large to count is just too large.
fn percent(digits: &str) -> i64 {
    digits.parse::<i32>().map_or(i64::from(i32::MAX), i64::from)
}

fn shown(limit: &IntOrString) -> String {
    match limit {
        IntOrString::Int(n) => n.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}
