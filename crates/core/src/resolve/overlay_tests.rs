use serde_json::{Value, json};

use super::*;

fn overlay() -> Value {
    let main = json!({"name": "main", "image": "rocm", "startupProbe": {"failureThreshold": 120}});
    json!({
        "annotations": {"llmisvc.io/accelerator": "amd.com/gpu", "llmisvc.io/vllm-args": "--decode"},
        "template": {"containers": [main], "tolerations": [{"key": "amd.com/gpu"}]},
        "prefill": {
            "annotations": {"llmisvc.io/vllm-args": "--prefill"},
            "template": {"containers": [{"name": "main", "env": [{"name": "A", "value": "1"}]}]},
        },
    })
}

fn template(env: bool) -> Value {
    let mut main = json!({"name": "main", "image": "rocm", "startupProbe": {"failureThreshold": 120}});
    if env {
        main["env"] = json!([{"name": "A", "value": "1"}]);
    }
    json!({"containers": [main], "tolerations": [{"key": "amd.com/gpu"}]})
}

fn annotations(args: &str) -> Value {
    json!({"llmisvc.io/accelerator": "amd.com/gpu", "llmisvc.io/vllm-args": args})
}

#[test]
fn a_service_with_one_pod_gets_neither_workers_nor_prefill() {
    let expected = json!({"annotations": annotations("--decode"), "template": template(false)});
    assert_eq!(spread(&overlay(), &json!({"template": {}})), expected);
    assert_eq!(neutral(&overlay()), expected);
}

#[test]
fn every_pod_gets_the_template_and_workers_get_no_probes() {
    let enabled = json!({"worker": {}, "prefill": {"worker": {}}});
    let mut worker = template(false);
    worker["containers"][0].as_object_mut().unwrap().remove("startupProbe");
    let mut prefill_worker = template(true);
    prefill_worker["containers"][0].as_object_mut().unwrap().remove("startupProbe");
    let expected = json!({
        "annotations": annotations("--decode"),
        "template": template(false),
        "worker": worker,
        "prefill": {
            "annotations": annotations("--prefill"),
            "template": template(true),
            "worker": prefill_worker,
        },
    });
    assert_eq!(spread(&overlay(), &enabled), expected);
}

#[test]
fn only_the_annotation_makes_a_config_an_overlay() {
    assert!(is_overlay(&json!({"metadata": {"annotations": {"llmisvc.io/overlay": "pods"}}})));
    assert!(!is_overlay(&json!({"metadata": {"annotations": {"llmisvc.io/overlay": "all"}}})));
    assert!(!is_overlay(&json!({"spec": {"template": {}}})));
}
