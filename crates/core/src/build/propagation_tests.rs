use std::collections::BTreeSet;

use llmisvc_kinds::Kind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::tree;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

/// Keys of the service and of a workload, those that reach children and one that doesn't.
fn annotated(spec: Value) -> Fixture {
    let own = json!({"llmisvc.io/vllm-version": "0.23.0", "serving.kserve.io/model-based-routing-enabled": "true",
        "mine": "yes", "prometheus.io/path": "/own"});
    let mut spec = with(
        with(spec, "/annotations", own),
        "/labels",
        json!({"team": "a", "kueue.x-k8s.io/priority-class": "own"}),
    );
    if spec.get("prefill").is_some() {
        spec["prefill"]["annotations"]["theirs"] = json!("prefill");
        spec["prefill"]["labels"] = json!({"team": "b"});
    }
    let mut fixture = fixture(spec);
    for key in ["kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class", "private"] {
        fixture.label(key, "service");
    }
    for key in [
        "k8s.v1.cni.cncf.io/networks",
        "kueue.x-k8s.io/podset-required-topology",
        "prometheus.io/path",
        "prometheus.io/scrape",
        "leaderworkerset.sigs.k8s.io/exclusive-topology",
        "private",
    ] {
        fixture.annotate(key, "service");
    }
    fixture
}

fn disaggregated() -> Value {
    let prefill = json!({"annotations": {"llmisvc.io/vllm-version": "0.23.0"}, "template": template()});
    with(spec(), "/prefill", prefill)
}

fn multi_node() -> Value {
    let mut spec = disaggregated();
    for at in ["", "/prefill"] {
        let workload = spec.pointer_mut(at).unwrap();
        workload["worker"] = template();
        workload["parallelism"] = json!({"pipeline": 2});
    }
    spec
}

fn base(component: &str) -> Value {
    json!({
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": component,
    })
}

/// `base` and what `more` adds.
fn and(mut base: Value, more: &Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

fn role(role: &str) -> Value {
    json!({"kserve.io/component": "workload", "llm-d.ai/role": role})
}

fn from_main() -> Value {
    json!({"kueue.x-k8s.io/queue-name": "service", "kueue.x-k8s.io/priority-class": "own", "team": "a"})
}

fn from_prefill() -> Value {
    json!({"kueue.x-k8s.io/queue-name": "service", "kueue.x-k8s.io/priority-class": "service", "team": "b"})
}

fn from_service() -> Value {
    json!({
        "k8s.v1.cni.cncf.io/networks": "service",
        "kueue.x-k8s.io/podset-required-topology": "service",
        "prometheus.io/path": "service",
        "prometheus.io/scrape": "service",
    })
}

fn for_groups() -> Value {
    and(from_service(), &json!({"leaderworkerset.sigs.k8s.io/exclusive-topology": "service"}))
}

fn of_main() -> Value {
    json!({"mine": "yes", "prometheus.io/path": "/own"})
}

/// Prefill and decode carry a revision besides, which is tested elsewhere.
fn without_revision(metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    metadata["labels"].as_object_mut().unwrap().remove(crate::labels::KV_REVISION).unwrap();
    metadata
}

#[test]
fn deployments_and_their_pods_get_queues_networks_and_metrics() {
    let fixture = annotated(disaggregated());
    let cases = [
        ("llama-kserve", "llminferenceservice-workload", "decode", from_main(), of_main()),
        (
            "llama-kserve-prefill",
            "llminferenceservice-workload-prefill",
            "prefill",
            from_prefill(),
            json!({"theirs": "prefill"}),
        ),
    ];
    for (name, component, of, labels, annotations) in cases {
        let object = fixture.object(Kind::Deployment, name);
        let labels = and(and(base(component), &role(of)), &labels);
        assert_eq!(object["metadata"]["labels"], labels, "{name}");
        assert_eq!(object["metadata"]["annotations"], from_service());
        let pods = without_revision(&object["spec"]["template"]["metadata"]);
        assert_eq!((&pods["labels"], &pods["annotations"]), (&labels, &and(from_service(), &annotations)));
        // W-1
        assert_eq!(object["spec"]["selector"]["matchLabels"], base(component));
    }
}

#[test]
fn groups_leaders_and_workers_get_them_too() {
    let fixture = annotated(multi_node());
    let cases = [
        ("llama-kserve-mn", "", "decode", from_main(), of_main()),
        ("llama-kserve-mn-prefill", "-prefill", "prefill", from_prefill(), json!({"theirs": "prefill"})),
    ];
    for (name, suffix, of, labels, annotations) in cases {
        let object = fixture.object(Kind::LeaderWorkerSet, name);
        let worker = and(base(&format!("llminferenceservice-workload-worker{suffix}")), &labels);
        let leader =
            and(and(base(&format!("llminferenceservice-workload-leader{suffix}")), &role(of)), &labels);
        assert_eq!(object["metadata"]["labels"], worker, "{name}");
        assert_eq!(object["metadata"]["annotations"], for_groups());
        let pods = &object["spec"]["leaderWorkerTemplate"];
        for (template, labels) in [("leaderTemplate", leader), ("workerTemplate", worker)] {
            let metadata = without_revision(&pods[template]["metadata"]);
            assert_eq!(metadata["labels"], labels, "{name} {template}");
            assert_eq!(metadata["annotations"], and(for_groups(), &annotations));
        }
    }
}

#[test]
fn the_service_gets_those_of_the_workload_alone() {
    let service = annotated(spec()).object(Kind::Service, "llama-kserve-workload-svc");
    let own = json!({"team": "a", "kueue.x-k8s.io/priority-class": "own"});
    assert_eq!(service["metadata"]["labels"], and(base("llminferenceservice-workload"), &own));
    assert_eq!(service["metadata"]["annotations"], of_main());
}

#[rstest]
#[case("app.kubernetes.io/component", "llminferenceservice-workload", None)]
#[case("app.kubernetes.io/component", "mine", Some("llminferenceservice-workload"))]
#[case("kserve.io/component", "mine", Some("workload"))]
#[case("kserve.io/component", "workload", None)]
#[case("llm-d.ai/role", "prefill", Some("decode"))]
// W-1, W-12
fn labels_that_others_select_by_are_ours(#[case] key: &str, #[case] value: &str, #[case] kept: Option<&str>) {
    let plain = fixture(multi_node()).object(Kind::LeaderWorkerSet, "llama-kserve-mn");
    let fixture = fixture(with(multi_node(), "/labels", json!({key: value})));
    assert_eq!(fixture.object(Kind::LeaderWorkerSet, "llama-kserve-mn"), plain);
    let warned = fixture.outcome().warnings.iter().any(|warning| {
        kept.is_some_and(|kept| {
            warning.contains(&format!("{key}={value} would change the selector, {key}={kept}"))
        })
    });
    assert_eq!(warned, kept.is_some());
}

#[test]
// W-6
fn a_key_that_is_gone_from_the_service_is_gone_from_the_desired_children() {
    let team = |deployment: &Value| tree::text(deployment, &["metadata", "labels", "team"]).to_owned();
    assert_eq!(team(&annotated(spec()).deployment()), "a");
    let after = fixture(spec()).deployment();
    assert_eq!(team(&after), "");
    assert_eq!(after["spec"]["template"]["metadata"].get("annotations"), None);
}

#[test]
// W-7
fn keys_of_others_are_none_of_the_desired_ones() {
    let mut fixture = annotated(spec());
    let desired = fixture.deployment();
    let restarted = json!({"kubectl.kubernetes.io/restartedAt": "2026-08-01T00:00:00Z"});
    let mut live = desired.clone();
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("3");
    live["spec"]["template"]["metadata"]["annotations"] =
        and(live["spec"]["template"]["metadata"]["annotations"].take(), &restarted);
    assert!(crate::plan::covers(&live, &desired));
    fixture.live_deployment("llama-kserve", live);
    assert_eq!(fixture.deployment(), desired);
}

#[test]
// W-17
fn every_object_is_built_once() {
    let mut fixture = annotated(with(multi_node(), "/kvCacheOffloading", json!({"cpu": "1Gi"})));
    fixture.annotate("serving.kserve.io/exp-dra-device-class", "gpu.nvidia.com");
    let objects = fixture.objects();
    let names: BTreeSet<(Kind, &str)> = objects.iter().map(|o| (o.kind, o.name.as_str())).collect();
    assert_eq!(names.len(), objects.len());
    assert_eq!(fixture.objects(), objects);
}

/// Fields about where and how pods run, known to us or newer.
const UNTOUCHED: &str = r#"{
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "host"}]}},
    "nodeSelector": {"gpu": "h100"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    "schedulerName": "volcano",
    "schedulingGates": [{"name": "kueue.x-k8s.io/admission"}],
    "priorityClassName": "inference",
    "preemptionPolicy": "Never",
    "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "mine"}],
    "runtimeClassName": "nvidia",
    "hostNetwork": true,
    "hostIPC": true,
    "dnsPolicy": "ClusterFirstWithHostNet",
    "resources": {"limits": {"memory": "64Gi"}},
    "workloadRef": {"name": "gang", "podGroup": "g"},
    "aFieldOfTomorrow": {"deep": [1, {"x": null}]}
}"#;

#[test]
fn topology_and_scheduling_fields_are_untouched_in_every_template() {
    let fields: Value = serde_json::from_str(UNTOUCHED).unwrap();
    let placed = |spec: &mut Value| {
        for pointer in ["/template", "/worker", "/prefill/template", "/prefill/worker"] {
            if let Some(pod) = spec.pointer_mut(pointer) {
                *pod = and(pod.take(), &fields);
            }
        }
    };
    let (mut single, mut groups) = (disaggregated(), multi_node());
    placed(&mut single);
    placed(&mut groups);
    let (single, groups) = (fixture(single), fixture(groups));
    let cases = [
        (&single, Kind::Deployment, "llama-kserve", "/spec/template/spec"),
        (&single, Kind::Deployment, "llama-kserve-prefill", "/spec/template/spec"),
        (&groups, Kind::LeaderWorkerSet, "llama-kserve-mn", "/spec/leaderWorkerTemplate/leaderTemplate/spec"),
        (&groups, Kind::LeaderWorkerSet, "llama-kserve-mn", "/spec/leaderWorkerTemplate/workerTemplate/spec"),
        (
            &groups,
            Kind::LeaderWorkerSet,
            "llama-kserve-mn-prefill",
            "/spec/leaderWorkerTemplate/leaderTemplate/spec",
        ),
        (
            &groups,
            Kind::LeaderWorkerSet,
            "llama-kserve-mn-prefill",
            "/spec/leaderWorkerTemplate/workerTemplate/spec",
        ),
    ];
    for (fixture, kind, name, pointer) in cases {
        let object = fixture.object(kind, name);
        let pod = object.pointer(pointer).unwrap();
        for (key, value) in fields.as_object().unwrap() {
            assert_eq!(pod.get(key), Some(value), "{name} {pointer} {key}");
        }
    }
}
