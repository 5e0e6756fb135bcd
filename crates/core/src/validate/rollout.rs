//! `rolloutStrategy` (`reference/workloads.md §16`).

use serde_json::Value;

use super::problem::Problem;
use super::scope::Scope;

/// The strategy as given; null when it has no member.
pub fn rollout(scope: &mut Scope<'_, '_>) -> Value {
    let unavailable = member(scope, "maxUnavailable");
    let surge = member(scope, "maxSurge");
    let members = [("maxUnavailable", unavailable), ("maxSurge", surge)];
    let given: serde_json::Map<_, _> =
        members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    if given.is_empty() { Value::Null } else { Value::Object(given) }
}

fn member(scope: &mut Scope<'_, '_>, key: &str) -> Option<Value> {
    let value = scope.given(&["rolloutStrategy", key])?.clone();
    if !is_valid(&value) {
        let expected = "a whole number, or a percentage up to 100%";
        let problem = Problem::Type { expected, got: value.to_string() };
        scope.error(&format!("rolloutStrategy.{key}"), &problem);
    }
    Some(value)
}

fn is_valid(value: &Value) -> bool {
    let percent =
        |text: &str| text.strip_suffix('%').and_then(|n| n.parse::<u8>().ok()).is_some_and(|n| n <= 100);
    value.as_u64().is_some() || value.as_str().is_some_and(percent)
}
