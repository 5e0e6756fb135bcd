//! Pickers, pools and Gateways, and what goes back.

use serde_json::{Value, json};

use crate::convert::detect::Chart;
use crate::convert::run::{self, Wish};
use crate::convert::values::{back, convert};
use crate::convert::{ConvertError, Converted, Loss};
use crate::input::Document;

fn with(routing: Value) -> Converted {
    convert(&[json!({"modelArtifacts": {"name": "o/m"}, "prefill": {"replicas": 1}}), routing], None)
        .expect("converts")
}

fn service(spec: &Value) -> Value {
    let mut all = json!({"model": {"uri": "hf://o/m", "name": "o/m"}});
    llmisvc_core::tree::overlay(&mut all, spec);
    json!({"kind": "LLMInferenceService", "metadata": {"name": "s"}, "spec": all})
}

fn values(spec: &Value) -> back::Values {
    back::charts(&[service(spec)]).expect("goes back")
}

#[test]
fn a_gateway_stands_before_the_service() {
    let found =
        with(json!({"gateway": {"gatewayClassName": "istio"}, "extraDeploy": [{"kind": "ConfigMap"}]}));
    let listener = json!({
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    });
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "llm-d-inference-gateway"},
        "spec": {"gatewayClassName": "istio", "listeners": [listener]},
    });
    assert_eq!(found.objects[0], gateway);
    assert_eq!(
        found.objects[1]["spec"]["router"]["gateway"],
        json!({"refs": [{"name": "llm-d-inference-gateway"}]})
    );
    assert_eq!(found.objects[2], json!({"kind": "ConfigMap"}));
}

#[test]
fn the_routers_chart_is_a_scheduler() {
    let found = with(json!({
        "router": {
            "epp": {"replicas": 2, "flags": {"v": 3}, "image": {"tag": "v0.9.0"}},
            "tokenizer": {"enabled": true},
            "latencyPredictor": {"enabled": true},
            "inferencePool": {"failureMode": "FailClose"},
            "inferenceObjectives": [{"name": "premium", "priority": 100}],
        },
        "httpRoute": {"create": true, "inferenceGatewayNamespace": "ns"},
    }));
    let main = json!({"name": "main", "image": "ghcr.io/llm-d/llm-d-router-endpoint-picker:v0.9.0", "args": ["-v=3"]});
    let router = json!({
        "gateway": {"refs": [{"name": "inference-gateway", "namespace": "ns"}]},
        "route": {},
        "scheduler": {
            "replicas": 2,
            "annotations": {"app.kubernetes.io/version": "0.9.0"},
            "pool": {"spec": {"endpointPickerRef": {"failureMode": "FailClose"}}},
            "template": {"containers": [main]},
            "tokenizer": {},
        },
    });
    let spec = &found.objects[0]["spec"];
    assert_eq!(spec["router"], router);
    assert_eq!(spec["baseRefs"], json!([{"name": "kserve-config-llm-scheduler-predicted-latency"}]));
    let objective = json!({
        "apiVersion": "inference.networking.x-k8s.io/v1alpha2",
        "kind": "InferenceObjective",
        "metadata": {"name": "premium"},
        "spec": {"poolRef": {"group": "inference.networking.k8s.io", "name": "m-inference-pool"}, "priority": 100},
    });
    assert_eq!(found.objects[1], objective);
}

#[test]
fn pools_reach_the_port_of_the_presets() {
    let model = json!({"modelArtifacts": {"name": "o/m"}, "routing": {"servicePort": 9000}});
    let pool = |ports: Value| {
        let found = convert(&[model.clone(), json!({"inferencePool": {"targetPorts": ports}})], None)
            .expect("converts");
        found.objects[0]["spec"]["router"]["scheduler"].clone()
    };
    assert_eq!(pool(json!([{"number": 9000}])), json!({}));
    let several = json!({"pool": {"spec": {"targetPorts": [{"number": 8000}, {"number": 9001}]}}});
    assert_eq!(pool(json!([{"number": 9000}, {"number": 9001}])), several);
}

#[test]
fn a_configuration_that_is_no_yaml_is_lost() {
    let files = json!({"a.yaml": "{", "b.yaml": "x: 1"});
    let found =
        with(json!({"inferenceExtension": {"pluginsConfigFile": "a.yaml", "pluginsCustomConfig": files}}));
    let expected = [
        Loss::new("inferenceExtension.pluginsCustomConfig.a.yaml", "is not YAML"),
        Loss::new("inferenceExtension.pluginsCustomConfig.b.yaml", "pluginsConfigFile is a.yaml"),
    ];
    assert_eq!(found.lost, expected);
}

#[test]
fn what_only_the_routers_chart_says_goes_there() {
    let router = json!({
        "gateway": {"refs": [{"name": "gw", "namespace": "ns"}, {"name": "other"}]},
        "scheduler": {"tokenizer": {}, "pool": {"spec": {"endpointPickerRef": {"failureMode": "FailClose"}}}},
    });
    let found = values(&json!({"router": router}));
    let expected = json!({
        "httpRoute": {"create": true, "inferenceGatewayName": "gw", "inferenceGatewayNamespace": "ns"},
        "router": {
            "tokenizer": {"enabled": true},
            "inferencePool": {"failureMode": "FailClose"},
            "modelServers": {"matchLabels": {"llm-d.ai/inference-serving": "true"}},
        },
    });
    assert_eq!(found.charts[1], (Chart::Router, expected));
    assert_eq!(
        found.lost,
        [Loss::new("spec.router.gateway.refs[other]", "the chart's route has one Gateway")]
    );
}

#[test]
fn fields_without_values_are_lost() {
    let found = values(&json!({
        "model": {"lora": {"adapters": [{"name": "a"}]}},
        "kvCacheOffloading": {"memory": "1Gi"},
        "worker": {"nodeSelector": {"a": "b"}},
        "prefill": {"labels": {"x": "y"}},
        "scaling": {"maxReplicas": 2, "wva": {"variantCost": "1"}},
        "router": {"route": {"group": "g"}, "ingress": {"refs": [{"name": "i"}]}},
    }));
    let paths: Vec<&str> = found.lost.iter().map(|loss| loss.path.as_str()).collect();
    let expected = [
        "spec.kvCacheOffloading.memory",
        "spec.model.lora.adapters[a].name",
        "spec.prefill.labels.x",
        "spec.router.ingress.refs[i].name",
        "spec.router.route.group",
        "spec.scaling.maxReplicas",
        "spec.scaling.wva.variantCost",
        "spec.worker.nodeSelector.a",
    ];
    assert_eq!(paths, expected);
    assert!(found.lost.iter().all(|loss| loss.why != "the chart has no such key"), "{:?}", found.lost);
}

#[test]
fn devices_by_annotation_are_claims() {
    let mut service = service(&json!({"parallelism": {"tensor": 2}}));
    service["metadata"]["annotations"] = json!({
        "serving.kserve.io/exp-dra-device-class": "gpu.amd.com",
        "serving.kserve.io/exp-dra-device-count": "2",
        "serving.kserve.io/exp-dra-cel-selector": "a\nb\n",
        "other": "x",
    });
    service["metadata"]["labels"] = json!({"l": "m"});
    let found = back::charts(&[service]).expect("goes back");
    let selectors = json!([{"cel": {"expression": "a"}}, {"cel": {"expression": "b"}}]);
    let template = json!({"name": "amd", "class": "gpu.amd.com", "match": "exactly", "count": 2, "selectors": selectors});
    let accelerator = json!({"type": "amd", "dra": true, "resourceClaimTemplates": {"amd": template}});
    assert_eq!(found.charts[0].1["accelerator"], accelerator);
    let expected = [
        Loss::new("metadata.annotations[other]", "the chart's objects have no such annotations"),
        Loss::new("metadata.labels.l", "the chart's objects have labels of their own"),
    ];
    assert_eq!(found.lost, expected);
}

#[test]
fn templates_of_ours_are_told() {
    let found = values(&json!({"template": {"nodeSelector": {"a": "{{ .Name }}"}}}));
    let why = "a template of ours, which Helm can't fill in; write out its value";
    assert_eq!(found.lost, [Loss::new("spec.template.nodeSelector.a", why)]);
}

#[test]
fn adapters_of_the_hub_are_flags() {
    let lora = json!({"adapters": [{"name": "a", "uri": "hf://o/a"}, {"name": "b", "uri": "hf://o/b"}], "maxRank": 64});
    let found = values(&json!({"model": {"lora": lora}}));
    let args = json!(["--enable-lora", "--lora-modules", "a=o/a", "b=o/b", "--max-lora-rank=64"]);
    assert_eq!((&found.charts[0].1["decode"]["containers"][0]["args"], found.lost), (&args, Vec::new()));
}

#[test]
fn configs_of_the_input_are_laid_below() {
    let config = json!({
        "kind": "LLMInferenceServiceConfig",
        "metadata": {"name": "base"},
        "spec": {"replicas": 3, "template": {"containers": [{"name": "main", "image": "i"}]}},
    });
    let found =
        back::charts(&[config, service(&json!({"baseRefs": [{"name": "base"}]}))]).expect("goes back");
    let values = &found.charts[0].1;
    assert_eq!(
        (&values["decode"]["replicas"], &values["decode"]["containers"][0]["image"]),
        (&json!(3), &json!("i"))
    );
}

#[test]
fn presets_bring_their_configuration() {
    let refs = json!([{"name": "kserve-config-llm-scheduler-load-aware"}, {"name": "kserve-config-llm-accelerator-amd-rocm"}]);
    let found = values(&json!({"baseRefs": refs, "router": {"scheduler": {}}}));
    assert_eq!(found.charts[0].1["accelerator"], json!({"type": "amd"}));
    assert_eq!(found.lost.len(), 1, "{:?}", found.lost);
    assert_eq!(found.lost[0].path, "spec.baseRefs[config-llm-accelerator-amd-rocm]");
    assert_eq!(found.charts[1].1["inferenceExtension"]["pluginsConfigFile"], json!("custom-plugins.yaml"));
}

#[test]
fn what_no_chart_can_serve_is_refused() {
    let said = |objects: &[Value]| back::charts(objects).expect_err("is refused").to_string();
    let s3 = json!({"model": {"uri": "s3://bucket/m"}});
    assert!(
        said(&[service(&s3)])
            .starts_with("spec.model.uri: s3://bucket/m has no form in the chart: the chart knows only")
    );
    let oci = json!({"model": {"uri": "oci://image"}});
    assert!(
        said(&[service(&oci)])
            .starts_with("spec.model.uri: oci://image has no form in the chart: the chart can't make")
    );
    assert!(said(&[]).starts_with("kind LLMInferenceService: the input has none"));
    assert!(
        said(&[service(&json!({})), service(&json!({}))])
            .starts_with("kind LLMInferenceService: the input has several")
    );
    let base = json!({"baseRefs": [{"name": "mine"}]});
    assert!(
        said(&[service(&base)])
            .starts_with("spec.baseRefs[0].name: config mine is neither in the input nor shipped")
    );
}

fn document(value: Value) -> Document {
    Document { file: "f".to_owned(), number: 1, value }
}

#[test]
fn the_command_names_places_and_checks() {
    let documents = [document(
        json!({"modelArtifacts": {"name": "o/m", "uri": "hf://o/m"}, "decode": {"nodeSelector": {"a": "b"}}}),
    )];
    let done = run::services(&documents, &Wish { name: Some("n"), namespace: Some("ns") }).expect("converts");
    assert!(done.text.contains("name: n\n  namespace: ns\n"), "{}", done.text);
    assert_eq!((done.findings, done.lost.len()), (Vec::<String>::new(), 1));
}

#[test]
fn what_comes_out_wrong_is_found() {
    let decode = json!({"parallelism": {"tensor": 2}, "containers": [{"name": "vllm", "env": "text"}]});
    let documents = [document(json!({"modelArtifacts": {"name": "o/m"}, "decode": decode}))];
    let done = run::services(&documents, &Wish::default()).expect("converts");
    assert!(done.findings.iter().any(|line| line.contains("env")), "{:?}", done.findings);
}

#[test]
fn objects_of_the_input_stay_beside() {
    let beside = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    let documents = [document(beside.clone()), document(json!({"modelArtifacts": {"name": "o/m"}}))];
    let found = run::converted(&documents, &Wish::default()).expect("converts");
    assert_eq!(found.objects[1], beside);
    let said = run::converted(&documents[..1], &Wish::default()).expect_err("has nothing").to_string();
    assert!(said.starts_with("input: holds nothing that can be converted"), "{said}");
}

#[test]
fn a_service_is_one_already() {
    let said = run::services(&[document(service(&json!({})))], &Wish::default()).expect_err("is refused");
    let problem = "is a service already; --to values makes chart values of it".to_owned();
    assert_eq!(said, ConvertError::Impossible { path: "kind LLMInferenceService".to_owned(), problem });
}

#[test]
fn values_stand_below_the_name_of_their_chart() {
    let done = run::values(&[document(service(&json!({"router": {"scheduler": {}}})))]).expect("goes back");
    assert!(done.text.starts_with("---\n# chart llm-d-modelservice, v0.4.12\n"), "{}", done.text);
    assert!(done.text.contains("---\n# chart inferencepool, v1.2.0\n"), "{}", done.text);
    assert_eq!(done.lost, []);
}
