//! Puts a service together: workloads from their parts, overlays for accelerators, the object around the spec.

use llmisvc_core::node::Node;
use llmisvc_core::{merge, shape, tree};
use serde_json::{Map, Value, json};

use super::args::Args;

/// One workload, with the arguments of vLLM apart, as these are not merged like a list.
#[derive(Debug, Clone, Default)]
pub struct Workload {
    /// Fields of `spec` or `spec.prefill`.
    pub spec: Value,
    /// Arguments of `main`.
    pub args: Args,
}

impl Workload {
    /// A workload of a pod, its serving container and those beside it.
    pub fn new(pod: Map<String, Value>, main: Map<String, Value>, beside: Vec<Value>, args: Args) -> Self {
        let template = template(pod, main, beside);
        let spec = if template.is_empty() { json!({}) } else { json!({"template": template}) };
        Self { spec, args }
    }

    /// Sets a field, unless there is nothing to set.
    pub fn set(&mut self, field: &str, value: Option<Value>) {
        let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        if let Some(value) = value.filter(|value| !is_empty(value)) {
            *tree::entry(&mut self.spec, field) = value;
        }
    }

    /// This below another one: a config under a service.
    #[must_use]
    pub fn under(self, over: &Self) -> Self {
        let (below, above) = (Node::of(&self.spec, 0), Node::of(&over.spec, 1));
        let spec = merge::merge(below, above, Some(shape::spec())).value();
        Self { spec, args: self.args.under(&over.args) }
    }

    /// The fields with the arguments in their place: every pod of a group needs them.
    pub fn finished(mut self) -> Value {
        if !self.args.words().is_empty() {
            let pods = ["template", "worker"]
                .into_iter()
                .filter(|pod| *pod == "template" || self.spec.get(pod).is_some());
            for pod in pods.collect::<Vec<_>>() {
                *tree::entry(main(tree::entry(&mut self.spec, pod)), "args") = json!(self.args.words());
            }
        }
        self.spec
    }
}

/// A pod with these containers; `main` only when there is something to say about it.
pub fn template(
    mut pod: Map<String, Value>,
    mut main: Map<String, Value>,
    beside: Vec<Value>,
) -> Map<String, Value> {
    let mut containers = beside;
    if !main.is_empty() {
        main.insert("name".to_owned(), json!("main"));
        containers.insert(0, Value::Object(main));
    }
    if !containers.is_empty() {
        pod.insert("containers".to_owned(), Value::Array(containers));
    }
    pod
}

/// Container `main` of a pod, made when it is not there.
fn main(pod: &mut Value) -> &mut Value {
    let containers = tree::array(pod, "containers");
    if tree::named(containers, "main").is_none() {
        containers.insert(0, json!({"name": "main"}));
    }
    tree::named_mut(containers, "main").expect("it was made above")
}

const OVERLAYS: [(&str, &str); 6] = [
    ("amd.com/gpu", "amd-rocm"),
    ("google.com/tpu", "google-tpu"),
    ("gpu.intel.com/xe", "intel-xpu"),
    ("gpu.intel.com/i915", "intel-xpu-i915"),
    ("habana.ai/gaudi", "intel-gaudi"),
    ("aws.amazon.com/neuron", "aws-neuron"),
];

/// The config for `baseRefs` that the accelerators of a workload need; NVIDIA's need none.
pub fn overlay(spec: &Value) -> Option<&'static str> {
    let is_asked = |resource: &str| resources(spec).any(|name| name == resource);
    let is_v7 =
        tree::text(spec, &["template", "nodeSelector", "cloud.google.com/gke-tpu-accelerator"]) == "tpu7x";
    let found = OVERLAYS.into_iter().find(|(resource, _)| is_asked(resource))?.1;
    Some(if is_v7 && found == "google-tpu" { "google-tpu-v7" } else { found })
}

/// Whether a workload asks for devices, by extended resource or by claim.
pub fn has_devices(spec: &Value) -> bool {
    let is_claimed = !tree::list(spec, &["template", "resourceClaims"]).is_empty();
    is_claimed || resources(spec).any(|name| name.contains('/'))
}

fn resources(spec: &Value) -> impl Iterator<Item = &str> {
    let pods = ["template", "worker"].into_iter().flat_map(|pod| tree::list(spec, &[pod, "containers"]));
    let main = pods.filter(|container| tree::text(container, &["name"]) == "main");
    let lists =
        main.flat_map(|main| ["limits", "requests"].map(|list| tree::get(main, &["resources", list])));
    lists.flatten().filter_map(Value::as_object).flatten().map(|(name, _)| name.as_str())
}

/// The config with this part of a name, as `baseRefs` name it.
pub fn base_ref(name: &str) -> Value {
    json!({"name": format!("kserve-config-llm-{name}")})
}

/// An object of our group; metadata that is empty is left out.
pub fn object(kind: &str, metadata: Map<String, Value>, spec: Value) -> Value {
    let kind = [("apiVersion", json!("serving.kserve.io/v1alpha2")), ("kind", json!(kind))];
    let content = [("metadata", Value::Object(metadata)), ("spec", spec)];
    Value::Object(kind.into_iter().chain(content).map(|(field, value)| (field.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_runtime_lies_below_its_service() {
        let runtime =
            json!({"template": {"containers": [{"name": "main", "env": [{"name": "A", "value": "1"}]}]}});
        let service =
            json!({"template": {"containers": [{"name": "main", "env": [{"name": "A", "value": "2"}]}]}});
        let below = Workload { spec: runtime, args: args(&["--a", "--b=1"]) };
        let merged = below.under(&Workload { spec: service, args: args(&["--b=2"]) }).finished();
        let main = json!({"name": "main", "env": [{"name": "A", "value": "2"}], "args": ["--a", "--b=2"]});
        assert_eq!(merged, json!({"template": {"containers": [main]}}));
    }

    #[test]
    fn all_pods_of_a_group_get_the_arguments() {
        let workload = Workload { spec: json!({"worker": {}}), args: args(&["--a"]) };
        let pod = json!({"containers": [{"name": "main", "args": ["--a"]}]});
        assert_eq!(workload.finished(), json!({"template": pod, "worker": pod}));
    }

    #[test]
    fn accelerators_are_told_by_their_resources() {
        let spec = |resource: &str| json!({"template": {"containers": [{"name": "main", "resources": {"limits": {resource: 1}}}]}});
        for (resource, name) in OVERLAYS {
            assert_eq!(overlay(&spec(resource)), Some(name));
        }
        assert_eq!((overlay(&spec("nvidia.com/gpu")), overlay(&spec("cpu"))), (None, None));
        assert_eq!((has_devices(&spec("nvidia.com/gpu")), has_devices(&spec("cpu"))), (true, false));
        let mut v7 = spec("google.com/tpu");
        v7["template"]["nodeSelector"] = json!({"cloud.google.com/gke-tpu-accelerator": "tpu7x"});
        assert_eq!(overlay(&v7), Some("google-tpu-v7"));
    }
}
