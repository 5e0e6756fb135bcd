use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::object::Certificate;
use crate::tree;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

/// What every child of the fixture's service carries.
fn metadata(name: &str, labels: &Value) -> Value {
    json!({
        "name": name,
        "namespace": "ns",
        "labels": labels,
        "ownerReferences": [{
            "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "name": "llama",
            "uid": "uid-1", "controller": true, "blockOwnerDeletion": true,
        }],
    })
}

fn base(component: &str) -> Value {
    json!({
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": component,
    })
}

fn pod_labels(component: &str, role: &str) -> Value {
    let mut labels = base(component);
    labels["kserve.io/component"] = json!("workload");
    labels["llm-d.ai/role"] = json!(role);
    labels
}

fn names(fixture: &Fixture) -> Vec<String> {
    fixture.objects().iter().map(|o| format!("{} {}", o.kind, o.name)).collect()
}

const GENERATED: [&str; 9] = [
    "--served-model-name",
    "m",
    "publishers/ns/models/m",
    "--port",
    "8000",
    "--disable-access-log-for-endpoints",
    "/health,/metrics,/ping",
    "--shutdown-timeout",
    "40",
];

#[test]
fn the_basic_model_is_a_secret_a_service_and_a_deployment() {
    let fixture = fixture(with(spec(), "/replicas", json!(2)));
    assert_eq!(
        names(&fixture),
        [
            "Secret llama-kserve-self-signed-certs",
            "Service llama-kserve-workload-svc",
            "Deployment llama-kserve"
        ]
    );
    let labels = pod_labels("llminferenceservice-workload", "both");
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata("llama-kserve", &labels),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": base("llminferenceservice-workload")},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{
                        "name": "main",
                        "image": "vllm",
                        "command": ["vllm", "serve", "/mnt/models"],
                        "args": GENERATED,
                        "volumeMounts": [{
                            "name": "kserve-pvc-source", "mountPath": "/mnt/models", "subPath": "llama",
                            "readOnly": true,
                        }],
                    }],
                    "volumes": [{
                        "name": "kserve-pvc-source", "persistentVolumeClaim": {"claimName": "weights"},
                    }],
                },
            },
        },
    });
    assert_eq!(fixture.deployment(), expected);
}

#[test]
fn the_workload_service_selects_the_endpoints() {
    let service = fixture(spec()).object(Kind::Service, "llama-kserve-workload-svc");
    let expected = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("llama-kserve-workload-svc", &base("llminferenceservice-workload")),
        "spec": {
            "type": "ClusterIP",
            "ports": [{
                "name": "http", "appProtocol": "http", "port": 8000, "targetPort": 8000, "protocol": "TCP",
            }],
            "selector": {
                "app.kubernetes.io/name": "llama",
                "app.kubernetes.io/part-of": "llminferenceservice",
                "kserve.io/component": "workload",
            },
        },
    });
    assert_eq!(service, expected);
}

#[test]
// L-1, L-2, G-1
fn the_tls_secret_is_a_request_without_pod_addresses() {
    let objects = fixture(spec()).objects();
    let secret = objects.iter().find(|o| o.kind == Kind::Secret).unwrap();
    let expected = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata("llama-kserve-self-signed-certs", &base("llminferenceservice-workload")),
        "type": "kubernetes.io/tls",
    });
    assert_eq!(secret.body, expected);
    let Some(Certificate::SelfSigned(request)) = &secret.tls else { panic!("{:?}", secret.tls) };
    assert_eq!(
        request.dns,
        ["llama-kserve-workload-svc.ns.svc", "llama-kserve-workload-svc.ns.svc.cluster.local", "localhost"]
    );
    assert_eq!(request.ips, ["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
}

#[test]
fn with_a_scheduler_its_service_is_on_the_certificate() {
    let objects = disaggregated().objects();
    let request = objects.iter().find_map(|o| o.tls.as_ref()?.request());
    let dns = request.unwrap().dns.clone();
    assert!(dns.contains(&"llama-epp-service.ns.svc.cluster.local".to_owned()), "{dns:?}");
    assert!(dns.contains(&"llama-epp-service.ns.svc".to_owned()));
}

#[test]
fn with_tls_on_vllm_and_the_service_talk_it() {
    let mut fixture = fixture(spec());
    fixture.settings.tls = true;
    let args = fixture.main()["args"].take();
    let tls = [
        "--enable-ssl-refresh",
        "--ssl-certfile",
        "/var/run/kserve/tls/tls.crt",
        "--ssl-keyfile",
        "/var/run/kserve/tls/tls.key",
    ];
    assert_eq!(args, json!([GENERATED.as_slice(), &tls].concat()));
    let port = fixture.object(Kind::Service, "llama-kserve-workload-svc")["spec"]["ports"][0].take();
    assert_eq!((&port["name"], &port["appProtocol"]), (&json!("https"), &json!("https")));
}

#[test]
fn a_stopped_service_has_no_objects() {
    let mut fixture = fixture(spec());
    fixture.annotate("serving.kserve.io/stop", "TRUE");
    assert_eq!(fixture.objects(), []);
}

#[test]
fn offline_there_are_no_owner_references() {
    let mut fixture = fixture(spec());
    fixture.service["metadata"]["uid"] = Value::Null;
    let owned = |o: &crate::object::Object| tree::get(&o.body, &["metadata", "ownerReferences"]).is_some();
    assert!(!fixture.objects().iter().any(owned));
}

#[test]
fn replicas_and_strategy_are_absent_unless_given() {
    let deployment = fixture(spec()).deployment();
    assert_eq!(deployment["spec"].get("replicas"), None);
    assert_eq!(deployment["spec"].get("strategy"), None);
    let rolled = fixture(with(spec(), "/rolloutStrategy", json!({"maxSurge": "50%"}))).deployment();
    let expected = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%"}});
    assert_eq!(rolled["spec"]["strategy"], expected);
}

#[test]
fn the_accelerator_count_follows_tensor() {
    let main = fixture(with(spec(), "/parallelism", json!({"tensor": 4}))).main();
    let resources = json!({"limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}});
    assert_eq!(main["resources"], resources);
    let args = json!([GENERATED.as_slice(), &["--tensor-parallel-size", "4"]].concat());
    assert_eq!(main["args"], args);
}

#[test]
fn a_request_without_its_limit_gets_one_and_the_other_way_round() {
    let containers = json!([
        {"name": "main", "resources": {"requests": {"nvidia.com/gpu": 1, "cpu": 4}}},
        {"name": "nic", "resources": {"limits": {"rdma/ib": 1, "hugepages-2Mi": "4Mi", "memory": "1Gi"}}},
    ]);
    let init = json!([{"name": "warm", "resources": {"requests": {"amd.com/gpu": "2"}}}]);
    let spec = with(with(spec(), "/template/containers", containers), "/template/initContainers", init);
    let pod = fixture(spec).pod();
    assert_eq!(
        pod["containers"][0]["resources"],
        json!({"requests": {"nvidia.com/gpu": 1, "cpu": 4}, "limits": {"nvidia.com/gpu": 1}})
    );
    assert_eq!(
        pod["containers"][1]["resources"],
        json!({
            "limits": {"rdma/ib": 1, "hugepages-2Mi": "4Mi", "memory": "1Gi"},
            "requests": {"rdma/ib": 1, "hugepages-2Mi": "4Mi"},
        })
    );
    assert_eq!(
        pod["initContainers"][0]["resources"],
        json!({"requests": {"amd.com/gpu": "2"}, "limits": {"amd.com/gpu": "2"}})
    );
}

#[test]
fn fields_that_nobody_knows_survive() {
    let pod = fixture(with(spec(), "/template/newerThanUs", json!({"a": 1}))).pod();
    assert_eq!(pod["newerThanUs"], json!({"a": 1}));
}

// E-49
#[test]
// W-1, E-49
fn a_live_selector_is_kept_and_its_labels_stay_on_the_pods() {
    let mut fixture = fixture(with(spec(), "/labels", json!({"team": "b"})));
    let selector = json!({"app.kubernetes.io/name": "llama", "team": "a", "llm-d.ai/role": "decode"});
    fixture.live_deployment("llama-kserve", json!({"spec": {"selector": {"matchLabels": selector}}}));
    let deployment = fixture.deployment();
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], selector);
    let mut labels = pod_labels("llminferenceservice-workload", "decode");
    labels["team"] = json!("a");
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"], labels);
}

// E-49
#[test]
// W-1
fn labels_that_collide_with_the_selector_are_ignored() {
    let labels = json!({"app.kubernetes.io/name": "other", "team": "a"});
    let deployment = fixture(with(spec(), "/labels", labels)).deployment();
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], base("llminferenceservice-workload"));
    let mut expected = pod_labels("llminferenceservice-workload", "both");
    expected["team"] = json!("a");
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"], expected);
    assert_eq!(deployment["metadata"]["labels"], expected);
}

#[test]
fn labels_and_annotations_reach_the_children_they_should() {
    let mut fixture = fixture(with(
        spec(),
        "/annotations",
        json!({
            "llmisvc.io/vllm-version": "0.23.0",
            "serving.kserve.io/model-based-routing-enabled": "true",
            "mine": "yes",
        }),
    ));
    fixture.label("kueue.x-k8s.io/queue-name", "q");
    fixture.label("private", "x");
    fixture.annotate("prometheus.io/port", "8000");
    fixture.annotate("private", "x");
    let deployment = fixture.deployment();
    let mut labels = pod_labels("llminferenceservice-workload", "both");
    labels["kueue.x-k8s.io/queue-name"] = json!("q");
    assert_eq!(deployment["metadata"]["labels"], labels);
    assert_eq!(deployment["metadata"]["annotations"], json!({"prometheus.io/port": "8000"}));
    assert_eq!(
        deployment["spec"]["template"]["metadata"],
        json!({"labels": labels, "annotations": {"prometheus.io/port": "8000", "mine": "yes"}})
    );
    let service = fixture.object(Kind::Service, "llama-kserve-workload-svc");
    assert_eq!(service["metadata"]["annotations"], json!({"mine": "yes"}));
    assert_eq!(service["metadata"]["labels"], base("llminferenceservice-workload"));
}

/// Prefill and decode with a scheduler, on minimal templates.
fn disaggregated() -> Fixture {
    let sidecar = json!([{
        "name": "llm-d-routing-sidecar", "image": "sidecar", "restartPolicy": "Always",
        "command": ["/app/pd-sidecar"],
    }]);
    let prefill = json!({
        "annotations": {"llmisvc.io/vllm-version": "0.23.0"},
        "template": template(),
        "replicas": 2,
        "parallelism": {"tensor": 1},
    });
    let pool = json!({"spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "targetPorts": [{"number": 8000}],
        "endpointPickerRef": {"name": "llama-epp-service", "port": {"number": 9002}},
    }});
    let scheduler = json!({"pool": pool, "template": {"containers": [{"name": "main", "image": "epp"}]}});
    let spec = with(with(spec(), "/prefill", prefill), "/template/initContainers", sidecar);
    let mut fixture = fixture(with(spec, "/router", json!({"scheduler": scheduler})));
    fixture.account(
        "default",
        json!({"secrets": [{"name": "s"}], "imagePullSecrets": [{"name": "pull"}], "metadata": {"name": "default"}}),
    );
    fixture
}

const KV_TRANSFER: [&str; 2] =
    ["--kv-transfer-config", r#"{"kv_connector":"NixlConnector","kv_role":"kv_both"}"#];

fn nixl_env() -> Value {
    json!([
        {"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": "5600"},
    ])
}

fn claim_pod(main: Value) -> Value {
    let mut main = main;
    main["name"] = json!("main");
    main["image"] = json!("vllm");
    main["command"] = json!(["vllm", "serve", "/mnt/models"]);
    main["env"] = nixl_env();
    main["volumeMounts"] = json!([{
        "name": "kserve-pvc-source", "mountPath": "/mnt/models", "subPath": "llama", "readOnly": true,
    }]);
    json!({
        "containers": [main],
        "volumes": [{"name": "kserve-pvc-source", "persistentVolumeClaim": {"claimName": "weights"}}],
    })
}

/// What prefill and decode pods share.
fn with_revision(labels: &Value) -> Value {
    let mut labels = labels.clone();
    labels["llmisvc.io/kv-revision"] = json!("15fffd2d61");
    labels
}

#[test]
// W-11
fn prefill_is_a_deployment_of_its_own_that_serves_both_names() {
    let deployment = disaggregated().object(Kind::Deployment, "llama-kserve-prefill");
    let labels = pod_labels("llminferenceservice-workload-prefill", "prefill");
    let args = json!([GENERATED.as_slice(), &KV_TRANSFER, &["--tensor-parallel-size", "1"]].concat());
    let resources = json!({"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}});
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata("llama-kserve-prefill", &labels),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": base("llminferenceservice-workload-prefill")},
            "template": {
                "metadata": {"labels": with_revision(&labels)},
                "spec": claim_pod(json!({"args": args, "resources": resources})),
            },
        },
    });
    assert_eq!(deployment, expected);
}

#[test]
fn decode_runs_behind_the_sidecar_which_asks_the_pool_we_make() {
    let deployment = disaggregated().deployment();
    let labels = pod_labels("llminferenceservice-workload", "decode");
    let mut args: Vec<&str> = [GENERATED.as_slice(), &KV_TRANSFER].concat();
    args[4] = "8001";
    let mut pod = claim_pod(json!({"args": args}));
    pod["serviceAccountName"] = json!("llama-kserve");
    pod["serviceAccount"] = json!("llama-kserve");
    pod["initContainers"] = json!([{
        "name": "llm-d-routing-sidecar",
        "image": "sidecar",
        "restartPolicy": "Always",
        "command": ["/app/pd-sidecar"],
        "args": [
            "--port=8000",
            "--vllm-port=8001",
            "--kv-connector=nixlv2",
            "--enable-ssrf-protection=true",
            "--pool-group=inference.networking.k8s.io",
            "--inference-pool=ns/llama-inference-pool",
            "--secure-proxy=false",
        ],
        "env": [{"name": "INFERENCE_POOL_NAME", "value": "llama-inference-pool"}],
    }]);
    let expected = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata("llama-kserve", &labels),
        "spec": {
            "selector": {"matchLabels": base("llminferenceservice-workload")},
            "template": {"metadata": {"labels": with_revision(&labels)}, "spec": pod},
        },
    });
    assert_eq!(deployment, expected);
}

#[test]
fn the_sidecar_has_an_identity_that_may_read_the_pool() {
    let fixture = disaggregated();
    let labels = base("llminferenceservice-workload");
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata("llama-kserve", &labels),
        "secrets": [{"name": "s"}],
        "imagePullSecrets": [{"name": "pull"}],
    });
    assert_eq!(fixture.object(Kind::ServiceAccount, "llama-kserve"), account);
    let verbs = ["get", "list", "watch"];
    let groups = ["inference.networking.x-k8s.io", "inference.networking.k8s.io"];
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata("llama-kserve-role", &labels),
        "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": verbs},
            {"apiGroups": groups, "resources": ["inferencepools"], "verbs": verbs},
        ],
    });
    assert_eq!(fixture.object(Kind::Role, "llama-kserve-role"), role);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata("llama-kserve-rb", &labels),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "llama-kserve-role"},
        "subjects": [{"kind": "ServiceAccount", "name": "llama-kserve", "namespace": "ns"}],
    });
    assert_eq!(fixture.object(Kind::RoleBinding, "llama-kserve-rb"), binding);
}

#[test]
fn objects_come_in_apply_order() {
    let kinds: Vec<Kind> = disaggregated().objects().iter().map(|o| o.kind).collect();
    assert!(kinds.is_sorted(), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|k| **k == Kind::Deployment).count(), 3);
}

#[test]
// W-2
fn without_a_sidecar_account_role_and_binding_are_all_gone() {
    let kinds: Vec<Kind> = fixture(spec()).objects().iter().map(|o| o.kind).collect();
    assert_eq!(kinds, [Kind::Secret, Kind::Service, Kind::Deployment]);
}

#[test]
// W-5
fn an_account_of_somebody_else_is_used_and_not_taken_over() {
    let mut fixture = disaggregated();
    fixture.account("llama-kserve", json!({"metadata": {"name": "llama-kserve"}}));
    let accounts = |f: &Fixture| names(f).iter().filter(|n| *n == "ServiceAccount llama-kserve").count();
    assert_eq!(accounts(&fixture), 0);
    assert_eq!(fixture.pod()["serviceAccountName"], json!("llama-kserve"));
    let owner = json!({"metadata": {"ownerReferences": [{"uid": "uid-1"}]}});
    fixture.account("llama-kserve", owner);
    assert_eq!(accounts(&fixture), 1);
}

#[test]
fn a_named_account_gets_the_sidecars_role() {
    let mut fixture = disaggregated();
    fixture.service["spec"]["template"]["serviceAccountName"] = json!("robot");
    fixture.account("robot", json!({}));
    let subject = fixture.object(Kind::RoleBinding, "llama-kserve-rb")["subjects"][0]["name"].take();
    assert_eq!(subject, json!("robot"));
    assert!(!names(&fixture).contains(&"ServiceAccount llama-kserve".to_owned()));
}

#[test]
// W-10
fn the_workload_service_does_not_select_prefill_pods() {
    let mut fixture = disaggregated();
    let role = |f: &Fixture| {
        f.object(Kind::Service, "llama-kserve-workload-svc")["spec"]["selector"]["llm-d.ai/role"].take()
    };
    assert_eq!(role(&fixture), json!("decode"));
    // Pods whose live selector says `both` keep saying so, and stay selected.
    let selector = json!({"matchLabels": {"llm-d.ai/role": "both"}});
    fixture.live_deployment("llama-kserve", json!({"spec": {"selector": selector}}));
    assert_eq!(role(&fixture), json!("both"));
}

#[test]
// W-20
fn the_sidecars_tls_flags_are_there_or_not_but_never_empty() {
    let mut fixture = disaggregated();
    fixture.settings.tls = true;
    let args = fixture.pod()["initContainers"][0]["args"].take();
    let args: Vec<&str> = args.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(
        args[6..],
        [
            "--secure-proxy=true",
            "--cert-path=/var/run/kserve/tls",
            "--enable-tls=decoder",
            "--enable-tls=prefiller",
            "--tls-insecure-skip-verify=prefiller"
        ]
    );
}

#[test]
fn a_foreign_sidecar_command_is_only_told_its_pool() {
    let mut fixture = disaggregated();
    let command = json!(["/app/pd-sidecar", "--port=8000"]);
    fixture.service["spec"]["template"]["initContainers"][0]["command"] = command.clone();
    let sidecar = fixture.pod()["initContainers"][0].take();
    assert_eq!((&sidecar["command"], sidecar.get("args")), (&command, None));
    assert_eq!(sidecar["env"], json!([{"name": "INFERENCE_POOL_NAME", "value": "llama-inference-pool"}]));
}

#[test]
fn nixl_settings_of_the_user_win() {
    let mut fixture = disaggregated();
    let env = json!([{"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": "5557"}]);
    fixture.service["spec"]["template"]["containers"][0]["env"] = env;
    let args = json!(["--kv_transfer_config={\"kv_connector\":\"MooncakeConnector\"}"]);
    fixture.service["spec"]["template"]["containers"][0]["args"] = args;
    let main = fixture.main();
    assert_eq!(main["env"][0]["value"], json!("5557"));
    assert_eq!(main["env"].as_array().unwrap().len(), 2);
    let text = main["args"].to_string();
    assert!(!text.contains("NixlConnector") && text.contains("MooncakeConnector"));
}

#[test]
fn a_preset_of_somebody_else_gets_no_nixl_settings() {
    let mut fixture = disaggregated();
    fixture.service["spec"]["annotations"] = json!({});
    let main = fixture.main();
    assert_eq!((main.get("env"), main.get("args")), (None, None));
}

#[test]
fn a_name_of_63_characters_works_through_every_reference() {
    let mut fixture = disaggregated();
    fixture.service["metadata"]["name"] = json!("a".repeat(63));
    let objects = fixture.objects();
    let of = |kind: Kind| objects.iter().find(|o| o.kind == kind).unwrap();
    assert!(objects.iter().all(|o| o.name.len() <= 63));
    let binding =
        objects.iter().find(|o| o.kind == Kind::RoleBinding && o.name.ends_with("-kserve-rb")).unwrap();
    let decode = objects.iter().find(|o| o.kind == Kind::Deployment && o.name.ends_with("-kserve")).unwrap();
    let account = &decode.body["spec"]["template"]["spec"]["serviceAccountName"];
    assert_eq!(&binding.body["subjects"][0]["name"], account);
    let exists = |kind: Kind, name: &Value| objects.iter().any(|o| o.kind == kind && json!(o.name) == *name);
    assert!(exists(Kind::ServiceAccount, account) && exists(Kind::Role, &binding.body["roleRef"]["name"]));
    let service =
        objects.iter().find(|o| o.kind == Kind::Service && o.name.ends_with("-workload-svc")).unwrap();
    let dns = &of(Kind::Secret).tls.as_ref().unwrap().request().unwrap().dns;
    assert!(dns.contains(&format!("{}.ns.svc", service.name)));
}
