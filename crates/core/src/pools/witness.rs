//! What the live objects say that the decision about pools follows from, and what a refused pool means for the route.

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::{Group, MIGRATED, REFUSED, answers};
use crate::facts::Cluster;
use crate::object::Live;
use crate::tree;

/// Everything about live routes and pools that the decision follows from, to be compared; empty where there is nothing
/// to decide, since only one group is in sight.
pub fn witness(live: &Live, cluster: &Cluster) -> Vec<String> {
    let kinds = [Kind::HTTPRoute, Kind::InferencePool, Kind::OlderInferencePool];
    if !cluster.served.contains(&Kind::OlderInferencePool) {
        return Vec::new();
    }
    let seen = live.iter().filter(|((kind, _), child)| kinds.contains(kind) && !child.deleting);
    seen.map(|((kind, name), child)| format!("{kind:?} {name} {}", says(&child.body))).collect()
}

fn says(body: &Value) -> String {
    let mark = |key: &str| tree::text(body, &["metadata", "annotations", key]);
    let generation = tree::get(body, &["metadata", "generation"]);
    let answers: Vec<String> = answers::parents(body).map(answer).collect();
    format!("{generation:?} {:?} {} {} {}", led(body), mark(MIGRATED), mark(REFUSED), answers.join(" "))
}

fn led(body: &Value) -> BTreeSet<&str> {
    let backends = tree::list(body, &["spec", "rules"]).iter().flat_map(|r| tree::list(r, &["backendRefs"]));
    backends.map(|backend| tree::text(backend, &["group"])).collect()
}

fn answer(parent: &Value) -> String {
    let condition = |c: &Value| {
        let text = |key: &str| tree::text(c, &[key]).to_owned();
        format!("{}={} {} {:?}", text("type"), text("status"), text("reason"), c.get("observedGeneration"))
    };
    let conditions: Vec<String> = tree::list(parent, &["conditions"]).iter().map(condition).collect();
    format!("{}: {}", tree::get(parent, &["parentRef"]).unwrap_or(&Value::Null), conditions.join(", "))
}

/// Writing this route would turn it to a pool that could not be made: it stays with the one that it leads to.
pub fn strands(route: &Value, live: &Value, (kind, pool): (Kind, &str)) -> bool {
    let leads = |body: &Value| body.get("spec").map(|spec| answers::groups(spec, pool)).unwrap_or_default();
    let group = Group::ALL.into_iter().find(|group| group.kind() == kind);
    let (desired, live) = (leads(route), leads(live));
    group.is_some_and(|group| desired.contains(&group) && !live.is_empty() && !live.contains(&group))
}
