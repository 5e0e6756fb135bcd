//! What of a pod an accelerator decides.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What the components of workloads are called, and what we call their pods.
const ROLES: [(&str, &str); 6] = [
    ("llminferenceservice-workload", "decode"),
    ("llminferenceservice-workload-prefill", "prefill"),
    ("llminferenceservice-workload-leader", "decode-leader"),
    ("llminferenceservice-workload-worker", "decode-worker"),
    ("llminferenceservice-workload-leader-prefill", "prefill-leader"),
    ("llminferenceservice-workload-worker-prefill", "prefill-worker"),
];

/// Of the model server's container.
const SERVER: [&str; 10] = [
    "image",
    "command",
    "args",
    "env",
    "resources",
    "ports",
    "securityContext",
    "startupProbe",
    "livenessProbe",
    "readinessProbe",
];
/// Of the pod.
const POD: [&str; 6] = [
    "nodeSelector",
    "tolerations",
    "affinity",
    "securityContext",
    "resourceClaims",
    "terminationGracePeriodSeconds",
];

/// The pods of Deployments and LeaderWorkerSets among these objects, by role.
pub fn of_objects(objects: &[Value]) -> Value {
    let mut roles = BTreeMap::new();
    for object in objects {
        let places = [
            "/spec/template",
            "/spec/leaderWorkerTemplate/leaderTemplate",
            "/spec/leaderWorkerTemplate/workerTemplate",
        ];
        for template in places.iter().filter_map(|place| object.pointer(place)) {
            roles.extend(role(template).map(|role| (role.to_owned(), summary(template))));
        }
    }
    json!(roles)
}

/// Running pods, by role.
pub fn of_pods(pods: &[Value]) -> Vec<(&'static str, Value)> {
    pods.iter().filter_map(|pod| Some((role(pod)?, summary(pod)))).collect()
}

fn role(pod: &Value) -> Option<&'static str> {
    let component = pod.pointer("/metadata/labels/app.kubernetes.io~1component")?;
    ROLES.iter().find(|it| it.0 == component).map(|it| it.1)
}

fn summary(pod: &Value) -> Value {
    let spec = &pod["spec"];
    let mut fields = taken(spec, &POD);
    fields.extend(taken(&pod["metadata"], &["annotations"]));
    fields.extend([("main".to_owned(), Value::Object(taken(named(&spec["containers"], "main"), &SERVER)))]);
    let memory = named(&spec["volumes"], "dshm").pointer("/emptyDir/sizeLimit");
    fields.extend(memory.map(|memory| ("sharedMemory".to_owned(), memory.clone())));
    Value::Object(fields)
}

fn taken(object: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), object.get(*key)?.clone()))).collect()
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut items = list.as_array().into_iter().flatten();
    items.find(|it| it["name"] == name).unwrap_or(&Value::Null)
}

/// Where `found` has not everything that `expected` has. Defaults of the API server and what controllers add to a
/// list of objects are no difference; a list of words is the same or another.
pub fn lacking(at: &str, expected: &Value, found: &Value) -> Vec<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(_)) => expected
            .iter()
            .flat_map(|(key, value)| lacking(&format!("{at}.{key}"), value, &found[key]))
            .collect(),
        (Value::Array(expected), Value::Array(found)) if expected.iter().any(Value::is_object) => {
            let absent =
                expected.iter().filter(|value| !found.iter().any(|it| lacking("", value, it).is_empty()));
            absent.map(|value| format!("{at}: no {value}")).collect()
        }
        // The API server keeps no empty text.
        _ if expected == found || (expected == "" && found.is_null()) => Vec::new(),
        _ => vec![format!("{at}: {expected} became {found}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(component: &str) -> Value {
        let main =
            json!({"name": "main", "args": ["--a"], "env": [{"name": "A", "value": "1"}], "stdin": true});
        let dshm = json!({"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}});
        json!({
            "metadata": {"labels": {"app.kubernetes.io/component": component}, "annotations": {"a": "b"}},
            "spec": {"containers": [{"name": "sidecar"}, main], "volumes": [dshm], "tolerations": [{"key": "gpu"}]},
        })
    }

    #[test]
    fn pods_of_deployments_and_groups_are_told_by_role() {
        let deployment = json!({"spec": {"template": pod("llminferenceservice-workload")}});
        let scheduler = json!({"spec": {"template": pod("llminferenceservice-router-scheduler")}});
        let leader = pod("llminferenceservice-workload-leader-prefill");
        let group = json!({"spec": {"leaderWorkerTemplate": {"leaderTemplate": leader}}});
        let summary = json!({
            "annotations": {"a": "b"},
            "main": {"args": ["--a"], "env": [{"name": "A", "value": "1"}]},
            "sharedMemory": "1Gi",
            "tolerations": [{"key": "gpu"}],
        });
        let expected = json!({"decode": summary, "prefill-leader": summary});
        assert_eq!(of_objects(&[deployment, scheduler, group]), expected);
        assert_eq!(of_pods(&[pod("llminferenceservice-workload")]), [("decode", summary)]);
    }

    #[test]
    fn what_is_added_is_no_difference_and_what_is_changed_is() {
        let expected = json!({"args": ["a"], "env": [{"name": "A", "value": "1"}]});
        let added =
            json!({"args": ["a"], "env": [{"name": "L"}, {"name": "A", "value": "1", "x": 1}], "y": 1});
        assert_eq!(lacking("pod", &expected, &added), [""; 0]);
        let changed = json!({"args": ["a", "b"], "env": [{"name": "A", "value": "2"}]});
        let told = ["pod.args: [\"a\"] became [\"a\",\"b\"]", "pod.env: no {\"name\":\"A\",\"value\":\"1\"}"];
        assert_eq!(lacking("pod", &expected, &changed), told);
        assert_eq!(lacking("pod", &json!({"a": 1}), &json!({})), ["pod.a: 1 became null"]);
    }
}
