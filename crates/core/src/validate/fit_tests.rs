use rstest::rstest;
use serde_json::{Value, json};

use crate::fit::notes;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

const H100: &str = "NVIDIA-H100-80GB-HBM3";

/// A model on H100s with our preset's command.
fn service(model: &str, parallelism: Value) -> Fixture {
    let mut pod = template();
    pod["nodeSelector"] = json!({"nvidia.com/gpu.product": H100});
    let spec = with(with(spec(), "/template", pod), "/parallelism", parallelism);
    fixture(with(spec, "/model", json!({"uri": format!("hf://{model}"), "name": "m"})))
}

fn told(fixture: &Fixture) -> Vec<String> {
    notes(&fixture.valid()).iter().map(|note| note.finding.to_string()).collect()
}

const FITS: &str = "spec.template: the weights take about 60 GiB (32B parameters of 16 bits), 2 × 79 GiB hold them and \
     leave about 83 GiB for the KV cache";

#[test]
fn known_weights_are_compared_with_known_memory() {
    let fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2}));
    assert_eq!(told(&fixture), [FITS]);
    assert_eq!(fixture.outcome().warnings, [""; 0]);
}

#[rstest]
#[case::no_size(service("moonshotai/Kimi-K2", json!({"tensor": 2})))]
#[case::no_accelerator(service("Qwen/Qwen3-32B", json!({})))]
#[case::no_memory({
    let mut fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2}));
    fixture.service["spec"]["template"]["nodeSelector"] = json!({});
    fixture
})]
#[case::foreign_command({
    let mut fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2}));
    fixture.service["spec"]["template"]["containers"][0]["command"] = json!(["sglang"]);
    fixture
})]
#[case::flags_of_the_cluster({
    let mut fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2}));
    let from = json!({"configMapKeyRef": {"name": "flags", "key": "vllm"}});
    fixture.service["spec"]["template"]["containers"][0]["env"] =
        json!([{"name": "VLLM_ADDITIONAL_ARGS", "valueFrom": from}]);
    fixture
})]
#[case::offloaded({
    let mut fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2}));
    fixture.service["spec"]["template"]["containers"][0]["args"] = json!(["--cpu-offload-gb=20"]);
    fixture
})]
fn what_is_not_known_is_not_told(#[case] fixture: Fixture) {
    assert_eq!(told(&fixture), [""; 0]);
}

#[test]
fn annotations_give_both_sizes() {
    let mut fixture = service("moonshotai/Kimi-K2", json!({"tensor": 8}));
    fixture.annotate("llmisvc.io/model-weights", "959Gi");
    fixture.annotate("llmisvc.io/accelerator-memory", "192Gi");
    assert_eq!(
        told(&fixture),
        [
            "spec.template: the weights take about 959 GiB (as llmisvc.io/model-weights says), 8 × 192 GiB hold them and \
             leave about 423 GiB for the KV cache"
        ]
    );
    fixture.service["spec"]["annotations"]["llmisvc.io/accelerator-memory"] = json!("80Gi");
    assert_eq!(
        told(&fixture),
        [
            "spec.template: the weights take about 959 GiB (as llmisvc.io/model-weights says), which do not fit into 8 × 80 \
             GiB, of which vLLM uses 576 GiB (--gpu-memory-utilization 0.9): about 383 GiB are missing; take more or larger \
             accelerators, or quantized weights"
        ]
    );
    assert_eq!(fixture.outcome().warnings, [""; 0]);
}

#[rstest]
#[case("llmisvc.io/model-weights", "much")]
#[case("llmisvc.io/accelerator-memory", "0")]
#[case("llmisvc.io/accelerator-memory", "-80Gi")]
fn a_size_that_is_none_is_a_warning(#[case] key: &str, #[case] value: &str) {
    let mut fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2}));
    fixture.annotate(key, value);
    let expected =
        format!("metadata.annotations[{key}]: {value:?} is no size above zero: write for example 62Gi");
    assert_eq!(fixture.outcome().warnings, [expected]);
    assert_eq!(told(&fixture), [FITS]);
}

#[rstest]
#[case::field(json!({"data": 16, "dataLocal": 8, "expert": true}), json!([]))]
#[case::flag(json!({"data": 16, "dataLocal": 8}), json!(["--enable-expert-parallel"]))]
fn experts_are_spread_over_a_group_which_is_told_once(#[case] parallelism: Value, #[case] args: Value) {
    let mut pod = template();
    pod["nodeSelector"] = json!({"node.kubernetes.io/instance-type": "p5en.48xlarge"});
    pod["containers"][0]["args"] = args;
    let mut fixture = service("deepseek-ai/DeepSeek-R1-0528", parallelism);
    fixture.service["spec"]["template"] = pod.clone();
    fixture.service["spec"]["worker"] = pod;
    assert_eq!(
        told(&fixture),
        [
            "spec.template: the weights take about 641 GiB (671B parameters, as published), 16 × 140 GiB hold them and leave \
             about 845 GiB for the KV cache"
        ]
    );
}

#[test]
fn leader_and_workers_that_differ_and_prefill_are_told_apart() {
    let mut fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2, "pipeline": 2}));
    let mut worker = fixture.service["spec"]["template"].clone();
    worker["nodeSelector"] = json!({"nvidia.com/gpu.product": "NVIDIA-H200"});
    fixture.service["spec"]["worker"] = worker;
    fixture.service["spec"]["prefill"] = json!({
        "annotations": {"llmisvc.io/vllm-version": "0.23.0"},
        "template": fixture.service["spec"]["template"],
        "parallelism": {"tensor": 1},
    });
    let told = told(&fixture);
    let paths: Vec<&str> = told.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(paths, ["spec.template", "spec.worker", "spec.prefill.template"]);
    assert!(told[2].contains("1 × 79 GiB hold them and leave about 12 GiB"), "{}", told[2]);
}

#[test]
fn devices_that_are_claimed_hold_weights_too() {
    let mut fixture = service("Qwen/Qwen3-32B", json!({"tensor": 2}));
    fixture.annotate("serving.kserve.io/exp-dra-device-class", "gpu.nvidia.com");
    fixture.annotate("serving.kserve.io/exp-dra-device-count", "2");
    assert_eq!(told(&fixture), [FITS]);
}
