//! Single keys of llm-d-modelservice, with the whole of what comes out.

use serde_json::{Value, json};

use crate::convert::values::convert;
use crate::convert::{ConvertError, Converted, Loss};

fn values(decode: &Value, more: &Value) -> Value {
    let mut values = json!({
        "modelArtifacts": {"name": "o/m", "uri": "hf://o/m"},
        "routing": {"proxy": {"enabled": false, "targetPort": 8000}},
        "decode": decode.clone(),
    });
    llmisvc_core::tree::overlay(&mut values, more);
    values
}

fn converted(decode: &Value, more: &Value) -> Converted {
    convert(&[values(decode, more)], None).expect("converts")
}

fn spec(decode: &Value, more: &Value) -> Value {
    converted(decode, more).objects[0]["spec"].clone()
}

#[test]
fn the_least_values_are_the_least_service() {
    let found = converted(&json!({"replicas": 2}), &json!({}));
    let service = json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": "m"},
        "spec": {
            "model": {"name": "o/m", "uri": "hf://o/m"},
            "replicas": 2,
            "parallelism": {"tensor": 1},
            "router": {"gateway": {}, "route": {}, "scheduler": {}},
        },
    });
    assert_eq!(found, Converted { objects: vec![service], lost: Vec::new() });
}

#[test]
fn a_script_keeps_its_words_and_gets_the_port() {
    let script = "exec vllm serve o/m --port 8200 --data-parallel-size $((DP_SIZE_LOCAL*2))";
    let container = json!({"name": "vllm", "image": "i", "modelCommand": "custom", "command": ["sh", "-c"], "args": [script]});
    let decode = json!({"replicas": 1, "parallelism": {"dataLocal": 4}, "containers": [container]});
    let prefill =
        json!({"prefill": {"replicas": 1}, "routing": {"proxy": {"enabled": true, "targetPort": 8200}}});
    let found = spec(&decode, &prefill);
    let expected = json!({
        "name": "main",
        "image": "i",
        "command": ["sh", "-c"],
        "args": [script.replace("8200", "8001")],
        "env": [{"name": "DP_SIZE_LOCAL", "value": "4"}],
    });
    assert_eq!(found["template"]["containers"], json!([expected]));
}

#[test]
fn a_model_of_a_claim_is_mounted_at_its_folder() {
    let container = json!({"modelCommand": "custom", "command": ["run"], "args": ["/model-cache/a/b"]});
    let found =
        spec(&json!({"containers": [container]}), &json!({"modelArtifacts": {"uri": "pvc://claim/a/b"}}));
    assert_eq!(found["template"]["containers"][0]["args"], json!(["/mnt/models"]));
    assert_eq!(found.get("storageInitializer"), None);
}

#[test]
fn a_cache_on_a_claim_is_mounted_as_it_is() {
    let uri = json!({"modelArtifacts": {"uri": "pvc+hf://claim/hub/o/m"}});
    let found = spec(&json!({"parallelism": {"tensor": 2}}), &uri);
    let main = json!({
        "name": "main",
        "command": ["vllm", "serve"],
        "args": ["o/m", "--port", "8000", "--served-model-name", "o/m", "--tensor-parallel-size", "2"],
        "env": [{"name": "HF_HUB_CACHE", "value": "/model-cache/hub"}],
        "volumeMounts": [{"name": "model-storage", "mountPath": "/model-cache", "readOnly": true}],
    });
    assert_eq!(found["storageInitializer"], json!({"enabled": false}));
    let volume =
        json!({"name": "model-storage", "persistentVolumeClaim": {"claimName": "claim", "readOnly": true}});
    assert_eq!(found["template"], json!({"containers": [main], "volumes": [volume]}));
}

#[test]
fn devices_by_claim_have_a_template_beside() {
    let found = converted(&json!({"parallelism": {"tensor": 2}}), &json!({"accelerator": {"dra": true}}));
    let template = json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "m-decode"},
        "spec": {"spec": {"devices": {"requests": [
            {"name": "nvidia", "exactly": {"deviceClassName": "gpu.nvidia.com", "count": 2}},
        ]}}},
    });
    let main = json!({"name": "main", "resources": {"claims": [{"name": "nvidia-decode-claim"}]}});
    let claim = json!({"name": "nvidia-decode-claim", "resourceClaimTemplateName": "m-decode"});
    assert_eq!(found.objects[1], template);
    assert_eq!(
        found.objects[0]["spec"]["template"],
        json!({"containers": [main], "resourceClaims": [claim]})
    );
}

#[test]
fn an_unusual_image_gets_its_accelerators_in_full() {
    let container = json!({"image": "example.com/own:1", "modelCommand": "vllmServe"});
    let decode = json!({"parallelism": {"tensor": 4}, "containers": [container]});
    let found = spec(&decode, &json!({"accelerator": {"type": "amd"}}));
    let main =
        json!({"name": "main", "image": "example.com/own:1", "resources": {"limits": {"amd.com/gpu": "4"}}});
    assert_eq!((found.get("baseRefs"), &found["template"]["containers"][0]), (None, &main));
    let found = spec(&decode, &json!({"accelerator": {"type": "cpu"}}));
    assert_eq!(found["annotations"], json!({"llmisvc.io/accelerator": "none"}));
}

#[test]
fn overlays_follow_driver_generation_and_path() {
    let with = |kind: &str, more: &Value| {
        let mut all = json!({"accelerator": {"type": kind}});
        llmisvc_core::tree::overlay(&mut all, more);
        spec(&json!({"replicas": 1, "nodeSelector": {"cloud.google.com/gke-tpu-accelerator": "tpu7x"}}), &all)
            ["baseRefs"]
            .clone()
    };
    let named = |names: &[&str]| {
        let refs = names.iter().map(|name| json!({"name": format!("kserve-config-llm-accelerator-{name}")}));
        refs.collect::<Value>()
    };
    assert_eq!(with("intel-i915", &json!({})), named(&["intel-xpu", "intel-xpu-i915"]));
    assert_eq!(with("google", &json!({})), named(&["google-tpu", "google-tpu-v7"]));
    // The overlay is for servers that do prefill and decode.
    assert_eq!(with("intel-gaudi", &json!({"prefill": {"replicas": 1}})), Value::Null);
    let mixed = json!({"prefill": {"replicas": 1, "accelerator": {"type": "nvidia"}}});
    assert_eq!(with("amd", &mixed), Value::Null);
}

#[test]
fn groups_without_data_parallelism_are_pipelines() {
    let found = spec(&json!({"parallelism": {"tensor": 8, "workers": 2}}), &json!({"multinode": true}));
    assert_eq!(found["parallelism"], json!({"tensor": 8, "pipeline": 2}));
    assert_eq!(found["worker"], json!({}));
}

#[test]
fn tracing_samples_as_the_chart_does() {
    let found = spec(&json!({}), &json!({"tracing": {"enabled": true}}));
    assert_eq!(found["tracing"], json!({"samplerArg": "1.0"}));
}

#[test]
fn an_autoscaler_without_a_form_is_lost() {
    let hpa = json!({
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"name": "x-decode"}},
    });
    let found =
        converted(&json!({"replicas": 3, "autoscaling": {"enabled": true}}), &json!({"extraObjects": [hpa]}));
    assert_eq!((found.objects.len(), found.objects[0]["spec"].get("replicas")), (1, None));
    let expected = [
        Loss::new(
            "decode.autoscaling.enabled",
            "the autoscaler is not among the values; replicas are left out, write spec.scaling in its place",
        ),
        Loss::new("extraObjects[h]", "services are scaled by KEDA or WVA; write spec.scaling in its place"),
    ];
    assert_eq!(found.lost, expected);
}

#[test]
fn an_autoscaler_that_goes_down_to_nothing_has_an_idle_count() {
    let scaled = json!({
        "kind": "ScaledObject",
        "metadata": {"name": "s"},
        "spec": {"scaleTargetRef": {"name": "x-decode"}, "minReplicaCount": 0, "triggers": [{"type": "cron"}]},
    });
    let found = spec(&json!({"replicas": 3}), &json!({"extraObjects": [scaled]}));
    let keda = json!({"triggers": [{"type": "cron"}], "idleReplicaCount": 0});
    assert_eq!(found["scaling"], json!({"minReplicas": 1, "maxReplicas": 100, "keda": keda}));
    assert_eq!(found.get("replicas"), None);
}

#[test]
fn files_are_laid_over_each_other() {
    let over = json!({"decode": {"replicas": 5, "enableServiceLinks": null}});
    let found = convert(
        &[values(&json!({"replicas": 1, "enableServiceLinks": false}), &json!({})), over],
        Some("asked"),
    );
    let service = &found.expect("converts").objects[0];
    assert_eq!(service["metadata"]["name"], json!("asked"));
    assert_eq!((&service["spec"]["replicas"], service["spec"].get("template")), (&json!(5), None));
}

#[test]
fn values_without_a_model_are_none() {
    let said = convert(&[json!({"inferencePool": {}})], None).expect_err("has no model");
    let problem =
        "no values say which model is served; give those of the chart llm-d-modelservice too".to_owned();
    assert_eq!(said, ConvertError::Impossible { path: "modelArtifacts".to_owned(), problem });
}

#[test]
fn prefill_alone_is_no_service() {
    let found = converted(&json!({"create": false}), &json!({}));
    assert_eq!(found.lost, [Loss::new("decode.create", "a service always has decode pods")]);
}
