//! Each rule has a spec that breaks it, and nothing else, and a similar one that does not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::v1alpha2::decode;

fn annotations(object: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(object["annotations"].clone()).unwrap_or_default()
}

fn found(object: &Value) -> Vec<Violation> {
    check("ns", "llama", &annotations(object), &decode(&object["spec"]).unwrap())
}

fn warned(object: &Value) -> Vec<Violation> {
    warnings("ns", &decode(&object["spec"]).unwrap())
}

fn violation(rule: Rule, path: &str, message: &str) -> Violation {
    Violation { path: path.to_owned(), message: message.to_owned(), rule }
}

struct Case {
    rule: Rule,
    bad: Value,
    good: Value,
    path: &'static str,
    message: &'static str,
}

fn case(rule: Rule, path: &'static str, message: &'static str, bad: Value, good: Value) -> Case {
    Case { rule, bad, good, path, message }
}

#[allow(clippy::needless_pass_by_value)] // reads better in the tables
fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

#[allow(clippy::needless_pass_by_value)] // reads better in the tables
fn route(route: Value, gateway: Value) -> Value {
    spec(json!({"router": {"route": route, "gateway": gateway}}))
}

#[allow(clippy::too_many_lines)] // a table
fn routing() -> Vec<Case> {
    use Rule::*;
    let refs = json!([{"name": "mine"}]);
    let gateway = json!({"refs": [{"name": "gw"}]});
    let parent = |p: Value| json!({"http": {"spec": {"parentRefs": [p]}}});
    vec![
        case(
            R1,
            "spec.router.route.http",
            "unsupported configuration: cannot use both custom HTTPRoute refs (mine) and a route spec: remove refs or spec",
            route(json!({"http": {"refs": refs, "spec": {}}}), Value::Null),
            route(json!({"http": {"refs": refs}}), Value::Null),
        ),
        case(
            R2,
            "spec.router.route.http.refs",
            "unsupported configuration: custom HTTPRoute refs (mine) cannot be used with a managed gateway: name the gateways in spec.router.gateway.refs, or remove spec.router.gateway",
            route(json!({"http": {"refs": refs}}), json!({})),
            route(json!({"http": {"refs": refs}}), gateway.clone()),
        ),
        case(
            R3,
            "spec.router.route.http.spec",
            "unsupported configuration: the route spec has parentRefs that conflict with custom gateway refs: ns/other#web against ns/gw: remove parentRefs, they follow from spec.router.gateway.refs",
            route(parent(json!({"name": "other", "sectionName": "web"})), gateway.clone()),
            route(parent(json!({"name": "gw", "namespace": "ns"})), gateway),
        ),
        case(
            T1,
            "spec.router.route.group",
            "traffic splitting requires Gateway API routing: remove spec.router.ingress",
            spec(json!({"router": {"route": {"group": "g"}, "ingress": {}}})),
            spec(json!({"router": {"route": {}, "ingress": {}}})),
        ),
        case(
            T2,
            "spec.router.route.group",
            "weight requires group: weight is 3, set a group too",
            route(json!({"weight": 3}), Value::Null),
            route(json!({"weight": 3, "group": "g"}), Value::Null),
        ),
        case(
            T3,
            "spec.router.route.weight",
            "group requires weight: group is \"g\", set a weight too",
            route(json!({"group": "g"}), Value::Null),
            route(json!({"weight": 0, "group": "g"}), Value::Null),
        ),
        case(
            T4,
            "spec.router.route.group",
            "group \"g\" cannot be used with custom HTTPRoute refs (mine): remove the refs, the split is written into our own route",
            route(json!({"group": "g", "weight": 1, "http": {"refs": refs}}), Value::Null),
            route(json!({"group": "g", "weight": 1, "http": {}}), Value::Null),
        ),
    ]
}

fn parallelism() -> Vec<Case> {
    use Rule::*;
    let with = |p: Value| spec(json!({ "parallelism": p }));
    let prefill = |w: Value| spec(json!({ "prefill": w }));
    vec![
        case(
            P1,
            "spec.prefill.worker",
            "when worker is specified, parallelism must be configured: set spec.prefill.parallelism.pipeline, or data and dataLocal, or remove worker",
            prefill(json!({"worker": {}})),
            prefill(json!({"worker": {}, "parallelism": {"pipeline": 2}})),
        ),
        case(
            P2,
            "spec.worker",
            "when worker is specified, parallelism must be configured with pipeline, with data and dataLocal, or with a tensor that spans nodes: it has none of them",
            spec(json!({"worker": {}, "parallelism": {"expert": true}})),
            spec(json!({"worker": {}, "parallelism": {"data": 4, "dataLocal": 2}})),
        ),
        case(
            P3,
            "spec.parallelism",
            "cannot set both pipeline parallelism and data parallelism: it has pipeline 2, data 4, dataLocal 2; keep one of them",
            with(json!({"pipeline": 2, "data": 4, "dataLocal": 2})),
            with(json!({"pipeline": 2, "tensor": 4})),
        ),
        case(
            P4,
            "spec.parallelism.dataLocal",
            "dataLocal must be set when data is set: data is 4, say how many per node",
            with(json!({"data": 4})),
            with(json!({"data": 4, "dataLocal": 4})),
        ),
        case(
            P5,
            "spec.parallelism.data",
            "data must be set when dataLocal is set: dataLocal is 4, say how many in all",
            with(json!({"dataLocal": 4})),
            with(json!({"data": 8, "dataLocal": 4})),
        ),
        case(
            P6,
            "spec.parallelism.pipeline",
            "pipeline must be greater than 0, not 0",
            with(json!({"pipeline": 0})),
            with(json!({"pipeline": 1})),
        ),
        case(
            P7,
            "spec.parallelism.data",
            "data must be greater than 0, not -1",
            with(json!({"data": -1, "dataLocal": 1})),
            with(json!({"data": 1, "dataLocal": 1})),
        ),
        case(
            P8,
            "spec.parallelism.dataLocal",
            "dataLocal must be greater than 0, not 0",
            with(json!({"data": 1, "dataLocal": 0})),
            with(json!({"data": 1, "dataLocal": 1})),
        ),
    ]
}

fn scheduler() -> Vec<Case> {
    use Rule::*;
    let with = |s: Value| spec(json!({"router": {"scheduler": s}}));
    let config = |c: Value| with(json!({ "config": c }));
    let inline = json!({"kind": "EndpointPickerConfig"});
    vec![
        case(
            S1,
            "spec.router.scheduler.replicas",
            "scheduler replicas must be greater than zero, not 0",
            with(json!({"replicas": 0})),
            with(json!({"replicas": 1})),
        ),
        case(
            S2,
            "spec.router.scheduler.config",
            "either inline or ref is required: give one, or remove config",
            config(json!({})),
            config(json!({"inline": inline})),
        ),
        case(
            S3,
            "spec.router.scheduler.config",
            "both inline and ref are set: remove one of them",
            config(json!({"inline": inline, "ref": {"name": "c"}})),
            config(json!({"ref": {"name": "c"}})),
        ),
        case(
            S4,
            "spec.router.scheduler.config.inline",
            "inline configuration is invalid: it is empty; give an EndpointPickerConfig document",
            config(json!({"inline": {}})),
            config(json!({"inline": {"a": 1}})),
        ),
        case(
            S4,
            "spec.router.scheduler.config.inline",
            "inline configuration is invalid: it is empty; give an EndpointPickerConfig document",
            config(json!({"inline": " \n"})),
            config(json!({"inline": "kind: EndpointPickerConfig"})),
        ),
        case(
            S5,
            "spec.router.scheduler.config.ref.name",
            "name is empty: name the ConfigMap that holds the scheduler configuration",
            config(json!({"ref": {"key": "k"}})),
            config(json!({"ref": {"name": "c", "key": "k"}})),
        ),
    ]
}

#[allow(clippy::too_many_lines)] // a table
fn scaling() -> Vec<Case> {
    use Rule::*;
    let with = |mut s: Value| {
        s["maxReplicas"] = json!(4);
        spec(json!({ "scaling": s }))
    };
    let triggers = json!([{"type": "cron", "metadata": {}}]);
    let keda = json!({"triggers": triggers});
    let named = json!({"horizontalPodAutoscalerConfig": {"name": "mine"}});
    let both = |decode: Value, prefill: Value| {
        let scaling = |mut s: Value| {
            s["maxReplicas"] = json!(4);
            s
        };
        spec(json!({"scaling": scaling(decode), "prefill": {"scaling": scaling(prefill)}}))
    };
    vec![
        case(
            SC1,
            "spec.scaling",
            "scaling and replicas are mutually exclusive: spec.replicas is 2, remove one of them",
            spec(json!({"replicas": 2, "scaling": {"wva": {"hpa": {}}}})),
            with(json!({"wva": {"hpa": {}}})),
        ),
        case(
            SC2,
            "spec.scaling.minReplicas",
            "minReplicas (5) cannot exceed maxReplicas (4)",
            with(json!({"minReplicas": 5, "wva": {"hpa": {}}})),
            with(json!({"minReplicas": 4, "wva": {"hpa": {}}})),
        ),
        case(
            SC3,
            "spec.scaling",
            "wva and keda are mutually exclusive: remove one of them",
            with(json!({"wva": {"hpa": {}}, "keda": keda})),
            with(json!({"keda": keda})),
        ),
        case(
            SC4,
            "spec.scaling",
            "either wva or keda must be specified",
            with(json!({})),
            with(json!({"keda": keda})),
        ),
        case(
            SC5,
            "spec.scaling.keda.triggers",
            "at least one trigger is required: add one, or use wva",
            with(json!({"keda": {}})),
            with(json!({"keda": keda})),
        ),
        case(
            SC6,
            "spec.scaling.wva.keda.advanced.horizontalPodAutoscalerConfig.name",
            "horizontalPodAutoscalerConfig.name must not be set: the operator names it; remove \"mine\"",
            with(json!({"wva": {"keda": {"advanced": named}}})),
            with(json!({"wva": {"keda": {"advanced": {"horizontalPodAutoscalerConfig": {"name": ""}}}}})),
        ),
        case(
            SC7,
            "spec.scaling.minReplicas",
            "minReplicas is required when idleReplicaCount is set above 0: it is 1 when absent, and idleReplicaCount is 1",
            with(json!({"keda": {"triggers": triggers, "idleReplicaCount": 1}})),
            with(json!({"keda": {"triggers": triggers, "idleReplicaCount": 0}})),
        ),
        case(
            SC8,
            "spec.scaling.wva.keda.idleReplicaCount",
            "idleReplicaCount (2) must be less than minReplicas (2)",
            with(json!({"minReplicas": 2, "wva": {"keda": {"idleReplicaCount": 2}}})),
            with(json!({"minReplicas": 2, "wva": {"keda": {"idleReplicaCount": 1}}})),
        ),
        case(
            SC9,
            "spec.scaling.wva",
            "hpa and keda are mutually exclusive: remove one of them",
            with(json!({"wva": {"hpa": {}, "keda": {}}})),
            with(json!({"wva": {"keda": {}}})),
        ),
        case(
            SC10,
            "spec.scaling.wva",
            "either hpa or keda must be specified",
            with(json!({"wva": {}})),
            with(json!({"wva": {"hpa": {}}})),
        ),
        case(
            SC11,
            "spec.scaling.wva.variantCost",
            "variantCost must be a non-negative numeric string such as \"10.0\", not \"1.\"",
            with(json!({"wva": {"variantCost": "1.", "hpa": {}}})),
            with(json!({"wva": {"variantCost": "1.5", "hpa": {}}})),
        ),
        case(
            SC12,
            "spec.scaling.wva.keda.advanced.scalingModifiers",
            "scalingModifiers must not be set with wva, which makes the trigger itself: remove formula, metricType",
            with(
                json!({"wva": {"keda": {"advanced": {"scalingModifiers": {"formula": "a", "metricType": "Value"}}}}}),
            ),
            with(json!({"keda": {"triggers": triggers, "advanced": {"scalingModifiers": {"formula": "a"}}}})),
        ),
        case(
            SC13,
            "spec.prefill.scaling",
            "decode and prefill must use the same scaling mode; decode uses direct keda but prefill uses wva",
            both(json!({"keda": keda}), json!({"wva": {"hpa": {}}})),
            both(json!({"keda": keda}), json!({"keda": keda})),
        ),
        case(
            SC14,
            "spec.prefill.scaling.wva",
            "decode and prefill must use the same actuator backend; decode uses hpa but prefill uses keda",
            both(json!({"wva": {"hpa": {}}}), json!({"wva": {"keda": {}}})),
            both(json!({"wva": {"hpa": {}}}), json!({"wva": {"hpa": {}}})),
        ),
    ]
}

fn model() -> Vec<Case> {
    use Rule::*;
    let lora = |l: Value| spec(json!({"model": {"lora": l}}));
    let adapters = |names: &[&str]| {
        let list: Vec<Value> = names.iter().map(|n| json!({"name": n, "uri": "hf://a"})).collect();
        lora(json!({ "adapters": list }))
    };
    let confidential =
        |id: &str| spec(json!({"model": {"confidential": {"enabled": true, "resourceId": id}}}));
    let minimum = |rule, path, message, field: &str| {
        case(rule, path, message, lora(json!({ field: 0 })), lora(json!({ field: 1 })))
    };
    vec![
        minimum(L1, "spec.model.lora.maxRank", "maxRank must be at least 1, not 0", "maxRank"),
        minimum(L2, "spec.model.lora.maxAdapters", "maxAdapters must be at least 1, not 0", "maxAdapters"),
        minimum(
            L3,
            "spec.model.lora.maxCpuAdapters",
            "maxCpuAdapters must be at least 1, not 0",
            "maxCpuAdapters",
        ),
        case(
            L4,
            "spec.model.lora.adapters[0].name",
            "adapter name is required: requests select the adapter by it",
            lora(json!({"adapters": [{"uri": "hf://a"}]})),
            adapters(&["a"]),
        ),
        case(
            L5,
            "spec.model.lora.adapters[0].name",
            "adapter name \"..\" is a path traversal risk: choose another name",
            adapters(&[".."]),
            adapters(&["..."]),
        ),
        case(
            L6,
            "spec.model.lora.adapters[2].name",
            "duplicate name (same as adapters[0]): \"a\"; choose another name",
            adapters(&["a", "b", "a"]),
            adapters(&["a", "b", "c"]),
        ),
        case(
            L7,
            "spec.model.lora.adapters[0].name",
            "adapter name must differ from base model name \"llama\"",
            adapters(&["llama"]),
            spec(json!({"model": {"name": "other", "lora": {"adapters": [{"name": "llama"}]}}})),
        ),
        case(
            CF1,
            "spec.model.confidential.resourceId",
            "must be in the format kbs:///<repo>/<type>/<tag>, not \"kbs:///a/b\"",
            confidential("kbs:///a/b"),
            confidential("kbs:///a/b_1/c.d-e"),
        ),
    ]
}

fn kv_cache() -> Vec<Case> {
    use Rule::*;
    let with = |cpu: &str, tier: Value| spec(json!({"kvCacheOffloading": {"cpu": cpu, "secondary": [tier]}}));
    let tier = |t: Value| with("10Gi", json!({ "fileSystem": t }));
    let dir = json!({"size": "1Gi"});
    let claim = json!({"ref": {"name": "c"}});
    vec![
        case(
            KV1,
            "spec.kvCacheOffloading.cpu",
            "cpu must be set when secondary tiers are configured: 1 of them; give the CPU tier a size above zero",
            with("0Gi", json!({"fileSystem": {"emptyDir": dir}})),
            spec(json!({"kvCacheOffloading": {"cpu": "0"}})),
        ),
        case(
            KV2,
            "spec.kvCacheOffloading.secondary[0].fileSystem",
            "only fileSystem tiers are supported: set fileSystem",
            with("1Gi", json!({})),
            tier(json!({"pvc": claim})),
        ),
        case(
            KV3,
            "spec.kvCacheOffloading.secondary[0].fileSystem",
            "a fileSystem tier has exactly one of emptyDir or pvc: add one of them",
            tier(json!({})),
            tier(json!({"emptyDir": dir})),
        ),
        case(
            KV4,
            "spec.kvCacheOffloading.secondary[0].fileSystem",
            "a fileSystem tier has exactly one of emptyDir or pvc, and multiple are set: remove one of them",
            tier(json!({"emptyDir": dir, "pvc": claim})),
            tier(json!({"emptyDir": null, "pvc": claim})),
        ),
        case(
            KV5,
            "spec.kvCacheOffloading.secondary[0].fileSystem.pvc",
            "a pvc tier has exactly one of spec or ref: add one of them",
            tier(json!({"pvc": {}})),
            tier(json!({"pvc": {"spec": {}}})),
        ),
        case(
            KV6,
            "spec.kvCacheOffloading.secondary[0].fileSystem.pvc",
            "a pvc tier has exactly one of spec or ref, and multiple are set: remove one of them",
            tier(json!({"pvc": {"spec": {}, "ref": {"name": "c"}}})),
            tier(json!({"pvc": {"ref": {"name": "c"}}})),
        ),
        case(
            KV7,
            "spec.kvCacheOffloading.secondary[0].fileSystem.pvc.ref.name",
            "name is required: name an existing PersistentVolumeClaim in the namespace of the service",
            tier(json!({"pvc": {"ref": {"path": "p"}}})),
            tier(json!({"pvc": {"ref": {"name": "c", "path": "p"}}})),
        ),
    ]
}

fn rollout() -> Vec<Case> {
    use Rule::*;
    let with = |r: Value| spec(json!({"rolloutStrategy": r}));
    let multi = |replicas: i32, r: Value| {
        spec(
            json!({"replicas": replicas, "worker": {}, "parallelism": {"pipeline": 2}, "rolloutStrategy": r}),
        )
    };
    vec![
        case(
            RO1,
            "spec.rolloutStrategy.maxSurge",
            "must be greater than or equal to 0, not -1",
            with(json!({"maxSurge": -1})),
            with(json!({"maxSurge": 0})),
        ),
        case(
            RO2,
            "spec.rolloutStrategy.maxUnavailable",
            "a valid percent string must be a numeric string followed by an ending '%', such as 25%, or a plain integer; not \"a%\"",
            with(json!({"maxUnavailable": "a%"})),
            with(json!({"maxUnavailable": "25%"})),
        ),
        case(
            RO3,
            "spec.rolloutStrategy.maxSurge",
            "must not be greater than 100%, and is 99999999999%",
            with(json!({"maxSurge": "99999999999%"})),
            with(json!({"maxSurge": "100%"})),
        ),
        // api §9.21: evaluated against the replicas that there are
        case(
            RO4,
            "spec.rolloutStrategy",
            "maxUnavailable (25%) and maxSurge (0) cannot both be zero, and are for 1 replica(s): raise one of them",
            with(json!({"maxUnavailable": "25%", "maxSurge": 0})),
            spec(json!({"replicas": 4, "rolloutStrategy": {"maxUnavailable": "25%", "maxSurge": 0}})),
        ),
        case(
            RO5,
            "spec.rolloutStrategy.maxSurge",
            "maxSurge is required for multi-node workloads when maxUnavailable is 0: 50% of 1 replica(s) is none, and maxSurge is 0 when absent",
            multi(1, json!({"maxUnavailable": "50%"})),
            multi(2, json!({"maxUnavailable": "50%"})),
        ),
    ]
}

fn dra() -> Vec<Case> {
    use Rule::*;
    let key = |name: &str| format!("serving.kserve.io/exp-dra-{name}");
    let with = |name: &str, value: &str| json!({"spec": {}, "annotations": {key("device-class"): "gpu.example.com", key(name): value}});
    let only = |name: &str, value: &str| json!({"spec": {}, "annotations": {key(name): value}});
    vec![
        case(
            DR1,
            "metadata.annotations[serving.kserve.io/exp-dra-device-class]",
            "is required to enable managed DRA, which serving.kserve.io/exp-dra-device-count asks for",
            only("device-count", "2"),
            with("device-count", "2"),
        ),
        case(
            DR2,
            "metadata.annotations[serving.kserve.io/exp-dra-device-class]",
            "device class must not be empty: name a DeviceClass",
            only("device-class", " "),
            only("device-class", " gpu "),
        ),
        case(
            DR3,
            "metadata.annotations[serving.kserve.io/exp-dra-device-class]",
            "device class must be a DNS subdomain, not \"GPU\"",
            only("device-class", "GPU"),
            only("device-class", "gpu.example.com"),
        ),
        case(
            DR4,
            "metadata.annotations[serving.kserve.io/exp-dra-device-count]",
            "device count must be >= 1, not 0",
            with("device-count", "0"),
            with("device-count", " "),
        ),
        case(
            DR5,
            "metadata.annotations[serving.kserve.io/exp-dra-cel-selector]",
            "must have at least one non-empty CEL expression: write one per line, or remove the annotation",
            with("cel-selector", "\n  \n"),
            with("cel-selector", "\n device.driver == 'x'\n"),
        ),
        case(
            DR6,
            "metadata.annotations[serving.kserve.io/exp-dra-container-name]",
            "container name must not be empty: name a container, or remove the annotation",
            with("container-name", ""),
            with("container-name", "main"),
        ),
        case(
            DR7,
            "metadata.annotations[serving.kserve.io/exp-dra-container-name]",
            "container name must be a DNS label, not \"a.b\"",
            with("container-name", "a.b"),
            with("container-name", " a-b "),
        ),
    ]
}

fn warning_cases() -> Vec<Case> {
    use Rule::*;
    let confidential = |uri: &str| spec(json!({"model": {"uri": uri, "confidential": {"enabled": true}}}));
    let parents = |name: &str| {
        route(
            json!({"http": {"spec": {"parentRefs": [{"name": name, "namespace": "ns"}]}}}),
            json!({"refs": [{"name": "gw"}]}),
        )
    };
    vec![
        case(
            W1,
            "spec.router.route.http.spec.parentRefs",
            "parentRefs can be omitted when spec.router.gateway.refs is set: they follow from it (ns/gw)",
            parents("gw"),
            parents("other"),
        ),
        case(
            W4,
            "spec.model.confidential",
            "confidential has no effect with OCI URIs: model.uri is \"oci://r/m\"",
            confidential("oci://r/m"),
            confidential("hf://m"),
        ),
        case(
            W5,
            "spec.model.confidential",
            "confidential has no effect with PVC URIs: model.uri is \"pvc://c/m\"",
            confidential("pvc://c/m"),
            confidential("s3://b/m"),
        ),
    ]
}

fn refused() -> Vec<Case> {
    [routing(), parallelism(), scheduler(), scaling(), model(), kv_cache(), rollout(), dra()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn each_rule_refuses_one_spec_alone_and_lets_a_similar_one_pass() {
    for Case { rule, bad, good, path, message } in refused() {
        assert_eq!(found(&bad), [violation(rule, path, message)], "{bad}");
        assert_eq!(found(&good), [], "{rule:?}: {good}");
    }
}

#[test]
fn each_warning_has_its_spec() {
    for Case { rule, bad, good, path, message } in warning_cases() {
        assert_eq!(warned(&bad), [violation(rule, path, message)], "{bad}");
        assert_eq!(found(&bad), [], "{bad}");
        assert_eq!(warned(&good), [], "{rule:?}: {good}");
    }
}

#[test]
fn every_rule_has_a_case() {
    let tested: BTreeSet<Rule> = refused().iter().chain(&warning_cases()).map(|case| case.rule).collect();
    assert_eq!(tested, Rule::ALL.iter().copied().collect());
}

#[test]
fn a_gateway_in_another_namespace_is_another_gateway() {
    // api §9.24
    let object = route(
        json!({"http": {"spec": {"parentRefs": [{"name": "gw"}]}}}),
        json!({"refs": [{"name": "gw", "namespace": "other"}]}),
    );
    assert_eq!(found(&object).iter().map(|v| v.rule).collect::<Vec<_>>(), [Rule::R3]);
}

#[test]
fn an_incomplete_prefill_scaling_has_one_finding() {
    // api §9.27
    let object = spec(json!({
        "scaling": {"maxReplicas": 2, "keda": {"triggers": [{"type": "cron", "metadata": {}}]}},
        "prefill": {"scaling": {"maxReplicas": 2}},
    }));
    let expected = violation(Rule::SC4, "spec.prefill.scaling", "either wva or keda must be specified");
    assert_eq!(found(&object), [expected]);
}

#[test]
fn all_findings_come_at_once_in_the_order_of_the_reference() {
    use Rule::*;
    let object = json!({
        "spec": {
            "router": {"scheduler": {"replicas": 0}, "route": {"weight": 1}},
            "parallelism": {"data": 2},
            "prefill": {"worker": {}, "rolloutStrategy": {"maxSurge": -1, "maxUnavailable": "x"}},
            "model": {"lora": {"maxRank": 0}},
        },
        "annotations": {"serving.kserve.io/exp-dra-device-count": "many"},
    });
    let rules: Vec<Rule> = found(&object).into_iter().map(|v| v.rule).collect();
    assert_eq!(rules, [T2, P4, P1, S1, L1, RO2, RO1, DR1, DR4]);
}

#[test]
fn a_violation_prints_its_path_first() {
    let object = spec(json!({"router": {"scheduler": {"replicas": -2}}}));
    let lines: Vec<String> = found(&object).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["spec.router.scheduler.replicas: scheduler replicas must be greater than zero, not -2"]
    );
}
