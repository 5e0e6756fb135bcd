//! Puts a service together: workloads from their parts, overlays for accelerators, the object around the spec.

use llmisvc_core::node::Node;
use llmisvc_core::{merge, shape, tree};
use serde_json::{Map, Value, json};

use super::args::Args;
use super::overlays;
use crate::convert::Loss;

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

/// The accelerator's configs for `baseRefs`. That they are not known to work with the rest of the spec is a loss.
pub fn accelerator(overlays: &[&str], spec: &Value, at: &str, lost: &mut Vec<Loss>) -> Vec<Value> {
    match overlays::refuse(overlays, spec) {
        None => overlays.iter().map(|name| json!({"name": overlays::reference(name)})).collect(),
        Some(paths) => {
            let why = format!(
                "the accelerator's config is not known to work with {paths}: set image, environment and probes, which \
                 are the presets' now"
            );
            lost.push(Loss::new(at, why));
            Vec::new()
        }
    }
}

/// The overlays for the devices that a workload asks for.
pub fn overlays(spec: &Value) -> &'static [&'static str] {
    let pod = tree::get(spec, &["template"]).unwrap_or(&Value::Null);
    let each = resources(spec).map(|resource| overlays::of(resource, pod));
    each.into_iter().find(|overlays| !overlays.is_empty()).unwrap_or_default()
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

    fn on(resource: &str) -> Value {
        json!({"template": {"containers": [{"name": "main", "resources": {"limits": {resource: 1}}}]}})
    }

    #[test]
    fn accelerators_are_told_by_their_resources() {
        assert_eq!(overlays(&on("amd.com/gpu")), ["amd-rocm"]);
        assert_eq!(overlays(&on("nvidia.com/gpu")), [""; 0]);
        assert_eq!((has_devices(&on("nvidia.com/gpu")), has_devices(&on("cpu"))), (true, false));
        let mut v7 = on("google.com/tpu");
        v7["template"]["nodeSelector"] = json!({"cloud.google.com/gke-tpu-accelerator": "tpu7x"});
        assert_eq!(overlays(&v7), ["google-tpu", "google-tpu-v7"]);
    }

    #[test]
    fn what_an_overlay_does_not_take_is_a_loss() {
        let mut spec = on("habana.ai/gaudi");
        let mut lost = Vec::new();
        let refs = json!([{"name": "kserve-config-llm-accelerator-intel-gaudi"}]);
        assert_eq!(json!(accelerator(overlays(&spec), &spec, "spec", &mut lost)), refs);
        assert_eq!(lost, []);
        spec["prefill"] = json!({});
        assert_eq!(json!(accelerator(overlays(&spec), &spec, "spec", &mut lost)), json!([]));
        let why = "the accelerator's config is not known to work with prefill-decode (supported: inference-scheduling): \
                   set image, environment and probes, which are the presets' now";
        assert_eq!(lost, [Loss::new("spec", why)]);
    }
}
