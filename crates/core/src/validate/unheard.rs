//! Members of the spec that can have no effect, or none beside another: each is named with its path and with what to
//! write instead, so that nothing is silently ignored (`reference/api.md §9`, edges 8 and 13).

use llmisvc_api::v1alpha2::POD_SPECS;
use serde_json::Value;

use super::problem::Problem;
use crate::merge::defaults::{self, Outdone};
use crate::node::Node;
use crate::pass::Finding;
use crate::tree;

/// What no pod template can have: the API server would refuse the Deployment.
pub fn refused(spec: &Value) -> Vec<Finding> {
    let debugging = |pod: &&&[&str]| !tree::list(spec, &below(pod, "ephemeralContainers")).is_empty();
    POD_SPECS
        .iter()
        .filter(debugging)
        .map(|pod| finding(&below(pod, "ephemeralContainers"), &Problem::EphemeralContainers))
        .collect()
}

/// What the service itself says and what is taken for a default that KServe's CRDs filled in (edge 3).
pub fn outdone(own: &Value, merged: &Node) -> Vec<Finding> {
    let taken = defaults::outdone(own, merged).into_iter();
    let finding = |it: Outdone| {
        let problem = Problem::TakenForDefault { said: it.said.to_string(), kept: it.kept.to_string() };
        Finding::new(it.path, problem.to_string())
    };
    taken.map(finding).collect()
}

/// What is not heard.
pub fn unheard(spec: &Value) -> Vec<Finding> {
    POD_SPECS.iter().filter_map(|pod| second_account(spec, pod)).chain(adapters(spec)).collect()
}

/// The account has two names in a pod; the old one counts where the new one is not given.
pub fn settle_accounts(spec: &mut Value) {
    for pod in POD_SPECS {
        let Some(pod) = at(spec, pod).filter(|pod| pod.is_object()) else { continue };
        let old = tree::text(pod, &["serviceAccount"]).to_owned();
        if tree::text(pod, &["serviceAccountName"]).is_empty() && !old.is_empty() {
            *tree::entry(pod, "serviceAccountName") = Value::String(old);
        } else if let Some(pod) = pod.as_object_mut() {
            pod.remove("serviceAccount");
        }
    }
}

fn at<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, key| value.get_mut(*key))
}

fn below<'a>(pod: &[&'a str], field: &'a str) -> Vec<&'a str> {
    pod.iter().copied().chain([field]).collect()
}

fn finding(path: &[&str], problem: &Problem) -> Finding {
    Finding::new(format!("spec.{}", path.join(".")), problem.to_string())
}

fn second_account(spec: &Value, pod: &[&str]) -> Option<Finding> {
    let path = below(pod, "serviceAccount");
    let (old, new) = (tree::text(spec, &path), tree::text(spec, &below(pod, "serviceAccountName")));
    let differ = !old.is_empty() && !new.is_empty() && old != new;
    differ.then(|| finding(&path, &Problem::SecondAccount { old: old.to_owned(), new: new.to_owned() }))
}

/// Adapters are stored as they come, with whatever else somebody takes for their fields (edge 8).
fn adapters(spec: &Value) -> impl Iterator<Item = Finding> {
    let adapters = tree::list(spec, &["model", "lora", "adapters"]).iter().enumerate();
    adapters.flat_map(|(index, adapter)| {
        let keys = adapter.as_object().into_iter().flat_map(|adapter| adapter.keys());
        let other = keys.filter(|key| !matches!(key.as_str(), "name" | "uri"));
        other.map(move |key| {
            let path = format!("spec.model.lora.adapters[{index}].{key}");
            Finding::new(path, Problem::AdapterMember.to_string())
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_ephemeral_container_is_refused_wherever_there_is_a_pod() {
        let pod = json!({"ephemeralContainers": [{"name": "debug"}]});
        let spec =
            json!({"worker": pod, "router": {"scheduler": {"template": pod, "tokenizer": {"template": {}}}}});
        let why = "can't be part of a pod template: add them to a running pod with `kubectl debug`";
        let expected = ["spec.worker", "spec.router.scheduler.template"]
            .map(|pod| format!("{pod}.ephemeralContainers: {why}"));
        assert_eq!(lines(&refused(&spec)), expected);
    }

    // E-3
    #[test]
    fn a_value_that_is_taken_for_a_stored_default_is_named_with_the_one_that_stays() {
        let shape = Some(crate::shape::spec());
        let preset = json!({"kvCacheOffloading": {"cpu": "10Gi", "evictionPolicy": "arc"}});
        let own = json!({"kvCacheOffloading": {"cpu": "20Gi", "evictionPolicy": "lru"}});
        let merged = crate::merge::merge(Node::of(&preset, 0), Node::of(&own, 1), shape);
        let told = "spec.kvCacheOffloading.evictionPolicy: \"lru\" is taken for a default that KServe's CRD filled in, so \
                    \"arc\" of a lower layer stays; change it there";
        assert_eq!(lines(&outdone(&own, &merged)), [told]);
        assert!(outdone(&own, &crate::merge::merge(Node::empty(0), Node::of(&own, 1), shape)).is_empty());
    }

    // E-8
    #[test]
    fn an_adapter_has_a_name_and_a_place_and_everything_else_is_named() {
        let adapter = json!({"name": "a", "uri": "hf://org/a", "lora": {"maxRank": 8}, "confidential": {}, "uril": "typo"});
        let spec = json!({"model": {"lora": {"adapters": [{"name": "b"}, adapter]}}});
        let why = "is ignored: an adapter has only name and uri";
        let expected =
            ["confidential", "lora", "uril"].map(|key| format!("spec.model.lora.adapters[1].{key}: {why}"));
        assert_eq!(lines(&unheard(&spec)), expected);
    }

    #[test]
    fn the_account_may_be_named_by_its_old_field() {
        let mut spec = json!({
            "template": {"serviceAccount": "old"},
            "worker": {"serviceAccount": "old", "serviceAccountName": "new"},
            "prefill": {"template": {"serviceAccount": "same", "serviceAccountName": "same"}},
        });
        let ignored = "spec.worker.serviceAccount: \"old\" is ignored: serviceAccountName is \"new\"; remove one of the two";
        assert_eq!(lines(&unheard(&spec)), [ignored]);
        settle_accounts(&mut spec);
        let expected = json!({
            "template": {"serviceAccount": "old", "serviceAccountName": "old"},
            "worker": {"serviceAccountName": "new"},
            "prefill": {"template": {"serviceAccountName": "same"}},
        });
        assert_eq!(spec, expected);
        assert!(unheard(&spec).is_empty());
    }
}
