//! How long a rollout may stand still before Kubernetes calls it stuck (`reference/llm-d.md §7`, row 4).

use serde_json::Value;

use crate::tree;

/// Seconds that a Deployment has by default.
const USUAL: i64 = 600;

/// `progressDeadlineSeconds` of a Deployment with this pod; none where the default is enough. A pod that may load its
/// weights for an hour is not stuck after ten minutes: it gets its start-up budget, and the default on top for image and
/// download.
pub fn progress(pod: &Value) -> Option<i64> {
    let main = tree::named(tree::list(pod, &["containers"]), "main")?;
    budget(main).filter(|budget| *budget > USUAL).map(|budget| budget.saturating_add(USUAL))
}

/// Seconds until the kubelet gives up on a container that does not start.
fn budget(main: &Value) -> Option<i64> {
    let probe = tree::get(main, &["startupProbe"]).filter(|probe| probe.is_object())?;
    let number = |key: &str, default| probe.get(key).and_then(Value::as_i64).unwrap_or(default);
    let tries = number("periodSeconds", 10).saturating_mul(number("failureThreshold", 3));
    Some(tries.saturating_add(number("initialDelaySeconds", 0)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::no_probe(json!({}), None)]
    #[case::of_our_presets(json!({"startupProbe": {"periodSeconds": 10, "failureThreshold": 60}}), None)]
    #[case::defaults(json!({"startupProbe": {}}), None)]
    #[case::an_hour(json!({"startupProbe": {"initialDelaySeconds": 15, "periodSeconds": 30, "failureThreshold": 120}}), Some(4215))]
    #[case::absurd(json!({"startupProbe": {"periodSeconds": i64::MAX, "failureThreshold": 2}}), Some(i64::MAX))]
    fn the_deadline_covers_the_start(#[case] mut main: Value, #[case] expected: Option<i64>) {
        main["name"] = json!("main");
        assert_eq!(progress(&json!({"containers": [main]})), expected);
    }
}
