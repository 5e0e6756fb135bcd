//! What the next pass would say.

use serde_json::{Value, json};

use super::*;

fn warnings(spec: Value) -> Vec<String> {
    let object = service(spec);
    let verdict = review(&create(&object), &site());
    assert_eq!(verdict.problems, []);
    verdict.warnings
}

#[test]
fn a_sound_service_hears_nothing() {
    assert_eq!(warnings(json!({"model": {"uri": "hf://org/m"}, "parallelism": {"tensor": 2}})), [""; 0]);
    assert_eq!(warnings(json!({"model": {"uri": "oci://registry/m"}})), [""; 0]);
    let named = json!({"containers": [], "serviceAccountName": "mine"});
    assert_eq!(warnings(json!({"model": {"uri": "hf://org/m"}, "template": named})), [""; 0]);
}

#[test]
fn what_the_next_pass_would_say_is_a_warning() {
    let limits = json!({"limits": {"nvidia.com/gpu": "1"}});
    let main = json!([{"name": "main", "resources": limits, "args": ["--port=9000"]}]);
    let found = warnings(json!({
        "model": {"uri": "hf://org/m"}, "parallelism": {"tensor": 4}, "template": {"containers": main},
        "labels": {"kserve.io/component": "mine"},
    }));
    assert_eq!(
        found,
        [
            "spec.labels[kserve.io/component]: label kserve.io/component=mine would change the selector, \
             kserve.io/component=workload is kept",
            "spec.template.containers[main].resources: requests 1 nvidia.com/gpu, but the parallelism needs 4 \
             (tensor 4 × pipeline 1 × data 1): set resources.limits or parallelism so that they agree",
            "spec.template.containers[main].args: \"--port=9000\" replaces the generated \"--port 8000\"",
        ]
    );
}

#[test]
fn adapters_that_cannot_be_loaded_or_share_a_directory_are_said() {
    // E-26
    let lora = |adapters: Value| json!({"model": {"uri": "hf://org/m", "lora": {"adapters": adapters}}});
    let found = warnings(lora(json!([{"name": "a", "uri": "ftp://a"}])));
    assert!(
        found[0].starts_with("spec.model.lora.adapters[0].uri: \"ftp://a\" of adapter \"a\" can't be loaded")
    );
    let found = warnings(lora(json!([{"name": "a/b", "uri": "hf://a"}, {"name": "a-b", "uri": "hf://b"}])));
    assert!(found[0].contains("would share the directory /mnt/lora/a-b"), "{found:?}");
}

#[test]
fn a_name_that_is_too_long_for_its_children_is_said() {
    let name = "a".repeat(60);
    let object = service(json!({
        "model": {"uri": "hf://org/m"}, "worker": {"containers": [{"name": "main"}]}, "parallelism": {"pipeline": 2},
    }));
    let found = review(&Request { name: &name, ..create(&object) }, &site()).warnings;
    assert!(found.iter().any(|w| w.starts_with("metadata.name: ") && w.contains("too long")), "{found:?}");
}

#[test]
fn a_service_that_builds_on_configs_is_left_to_the_pass() {
    assert_eq!(warnings(json!({"baseRefs": [{"name": "base"}]})), [""; 0]);
    let config = json!({"ref": {"name": "c", "key": "k"}});
    assert_eq!(warnings(json!({"router": {"scheduler": {"config": config}}})), [""; 0]);
}

fn on(placement: &Value, resources: &Value, tensor: i64) -> Value {
    let main = json!([{"name": "main", "resources": resources}]);
    json!({
        "model": {"uri": "hf://meta-llama/Llama-3.3-70B-Instruct"}, "parallelism": {"tensor": tensor},
        "template": {"nodeSelector": placement, "containers": main},
    })
}

#[test]
fn weights_that_do_not_fit_are_said_and_those_that_do_are_not() {
    let h100 = json!({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"});
    assert_eq!(warnings(on(&h100, &json!({}), 4)), [""; 0]);
    assert_eq!(
        warnings(on(&h100, &json!({}), 1)),
        [
            "spec.template: the weights take about 130 GiB (70B parameters of 16 bits), which do not fit into 1 × 79 GiB, of \
             which vLLM uses 71 GiB (--gpu-memory-utilization 0.9): about 59 GiB are missing; take more or larger \
             accelerators, or quantized weights"
        ]
    );
}

#[test]
fn chips_that_are_not_those_of_the_topology_are_said() {
    let slice = json!({
        "cloud.google.com/gke-tpu-accelerator": "tpu7x", "cloud.google.com/gke-tpu-topology": "2x2x1",
    });
    assert_eq!(warnings(on(&slice, &json!({}), 8)), [""; 0]);
    assert_eq!(
        warnings(on(&slice, &json!({"limits": {"google.com/tpu": 8}}), 8)),
        [
            "spec.template.containers[main].resources: requests 8 google.com/tpu, but a node of topology 2x2x1 has 4 chips, \
             and a pod needs all of them: set resources.limits or the topology so that they agree"
        ]
    );
}
