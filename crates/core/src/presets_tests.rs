use std::collections::BTreeMap;

use llmisvc_kinds::Kind;
use sha2::{Digest, Sha256};

use super::*;
use crate::build::scheduler_config::{Version, plugins};
use crate::resolve::{Preset, implicit};
use crate::validate::fixture::{Fixture, fixture};

/// Presets with the hashes of their files.
const RELEASED: [(&str, &str); 34] = [
    ("config-llm-template", "bf73538fa2a10412b9e2f6bd951507ecf83ee205047e66146deacab9d35ca8e7"),
    ("config-llm-decode-template", "544c69946edc428fc366998e3c318c8e6776f2823661455cc85ebe5bfe0fc914"),
    ("config-llm-prefill-template", "62bd5c129a12644f5980c6cd638d8b045029c00667a4dbd57948259a66f1065e"),
    ("config-llm-scheduler", "db2b3129a82cdb4e9822cac0d27ff05dcefa1a664d812b4965cdb78882526d2b"),
    ("config-llm-tokenizer", "1e2212f81e686fe7cfc549a67f93c0ef07e23b372823f62ee3887e9c9b31112a"),
    (
        "config-llm-scheduler-latency-predictor",
        "9a2d326235be084ad73ebc6db0f53a09e9b11996cf863c87f30daacd7a28fe23",
    ),
    ("config-llm-router-route", "9ab1ed4581a1ef797a4390fc3a6b6f559852995b55739fcf16ae183fe379c439"),
    ("config-llm-tracing", "93122e7f49575718f07fa11bfaed0ca92089c239acee9c835b058008f1db741d"),
    ("config-llm-worker-data-parallel", "5d871468078aa41b708d074f97e688214b443c3ebe987af5db460ef8d77a12de"),
    (
        "config-llm-decode-worker-data-parallel",
        "2dc746985980fbf073027c03d604aba1d688c8d4aee6556b43265a42afa3f734",
    ),
    (
        "config-llm-prefill-worker-data-parallel",
        "8543f13012e4d92f521adc653d768d843f3ba7d34e54c35da6d7b4655e3afa70",
    ),
    (
        "config-llm-worker-pipeline-parallel",
        "270839d102c0134dfc7b60e3001858baee1ea8a4574e193226694d5adb9a84b2",
    ),
    (
        "config-llm-decode-worker-pipeline-parallel",
        "080a3a24ea94e1c86220378ba8c03ffba9e7cf8883a6616bd8e1b38aef79b14d",
    ),
    (
        "config-llm-prefill-worker-pipeline-parallel",
        "4f4292397fa0fe0d3177e62a85c798472939a09be65fea82a3ae2312e2062622",
    ),
    ("config-llm-template-rdma", "7138732d59c03e988232f6b93e3cc22b2ae61b00ba2716d8f7afb05e6177b9d2"),
    ("config-llm-prefill-template-rdma", "aca31ed1594d95eff236fac31272468c122cc3bdf69e32e9904035a76c67ff17"),
    ("config-llm-worker-rdma", "31a6c33b5bb18587235a16bc0cd0e3bb968d15938661f43092becf4be864942c"),
    ("config-llm-prefill-worker-rdma", "bb7c2ec2161613039a50507c9c36e64668185385bc7d88b671024e065447b388"),
    ("config-llm-scheduler-load-aware", "8635c500bbcbb5656a2f03198041c195790b2e14dfa6315d86e377802869d1d0"),
    ("config-llm-scheduler-prefix-cache", "a9b0e40ff5e4921fd60e57afa07f1bc6dd50c3dce70d820c548d30b84b28c8c6"),
    (
        "config-llm-scheduler-precise-prefix-cache",
        "4d2bb39a4ee43e0730063a734603eb2888abe09d9b430df57837e8fdbae2fa8b",
    ),
    (
        "config-llm-scheduler-prefill-decode",
        "2015e4826d0ae7d11745009552b7a04c7c68af2f3d220d2a7f033aeaf5cc760b",
    ),
    (
        "config-llm-scheduler-predicted-latency",
        "9496583c7b4f76a3fe77ddac8ab17ec752b59c0a715b5eb90fde98adf9bc378c",
    ),
    (
        "config-llm-scheduler-tiered-prefix-cache",
        "abeeaf4969403d3b264b016e8349a902e789e1c8d1bbc54277f7768515e0b4a2",
    ),
    ("config-llm-scheduler-flow-control", "469a70be6dbcc2ce4dbab7348e06016c88bd78d3a2c7762bc5caabf27a774103"),
    (
        "config-llm-accelerator-nvidia-cuda",
        "9967cec812801bf50d7c3d0506331b6091fc1bafe9894148f00274dea489fee3",
    ),
    ("config-llm-accelerator-amd-rocm", "6c443adda4d6aace5f2a278369193aa4a01a77103aa50c3ca46c294061906e5f"),
    ("config-llm-accelerator-google-tpu", "c62ef341ada8889167312246263986012345ceb91266de22f32875d97319cfd3"),
    (
        "config-llm-accelerator-google-tpu-v7",
        "37be377b4a23a96f14fd07a891e545e6909fe326b84e80a13509c72f23257398",
    ),
    ("config-llm-accelerator-intel-xpu", "acd4da488d8f41988b5191954b146b79e923a0cc033540532e1fef3f759b1c98"),
    (
        "config-llm-accelerator-intel-xpu-i915",
        "b4969eec0554e953e2706cbaf8fcd511423c7c2072c7e3cddee77ba214fd6553",
    ),
    (
        "config-llm-accelerator-intel-gaudi",
        "68cdb5d9bd82d688af86bb6f12bb75108c068b9c6231b7a116633f96270530e5",
    ),
    ("config-llm-accelerator-aws-neuron", "1aa6382a8c379293ef8dc130f3c99b1ba5be648ff3e2d793bf490d33a6af4bd8"),
    ("config-llm-accelerator-cpu", "5b9289d67d73d381df12846a178f66a887bfd95e5cb7d68bbaf684c31bb66077"),
];

/// The spec of a shipped preset, its templates rendered for service `llama`.
fn rendered(name: &str, tls: bool) -> Value {
    let scheme = if tls { "HTTPS" } else { "HTTP" };
    let preset = shipped("").into_iter().find(|p| tree::text(p, &["metadata", "name"]) == name).unwrap();
    let text = preset["spec"]
        .to_string()
        .replace("{{ if .GlobalConfig.EnableTLS }}HTTPS{{ else }}HTTP{{ end }}", scheme)
        .replace("{{ .Name }}", "llama")
        .replace("{{ .Namespace }}", "ns");
    let parts: Vec<&str> = text.split("{{ ChildName ").collect();
    let rest = parts[1..].iter().map(|part| {
        let (call, after) = part.split_once(" }}").unwrap();
        format!("llama{}{after}", call.split('`').nth(1).unwrap())
    });
    serde_json::from_str(&format!("{}{}", parts[0], rest.collect::<String>())).unwrap()
}

/// A service with prefill, decode and a scheduler from the shipped presets alone.
fn disaggregated(tls: bool) -> Fixture {
    let mut spec = rendered("config-llm-decode-template", tls);
    spec["prefill"] = rendered("config-llm-prefill-template", tls)["prefill"].take();
    spec["router"] = rendered("config-llm-scheduler", tls)["router"].take();
    spec["model"] = json!({"uri": "hf://org/model", "name": "m"});
    let mut fixture = fixture(spec);
    fixture.settings.tls = tls;
    fixture
}

fn containers(deployment: &Value) -> Vec<&Value> {
    let pod = &deployment["spec"]["template"]["spec"];
    ["initContainers", "containers"].iter().flat_map(|list| tree::list(pod, &[list])).collect()
}

fn words(container: &Value) -> Vec<&str> {
    let lists = ["command", "args"].map(|key| tree::list(container, &[key]));
    lists.into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn shipped_presets_carry_the_prefix_and_our_label() {
    let names = shipped("v1-").into_iter().map(|p| tree::text(&p, &["metadata", "name"]).to_owned());
    let expected = RELEASED.map(|(name, _)| format!("v1-{name}"));
    assert_eq!(names.collect::<Vec<_>>(), expected);
    let labels = json!({"app.kubernetes.io/managed-by": "llmisvc-operator"});
    assert!(shipped("v1-").iter().all(|preset| preset["metadata"]["labels"] == labels));
}

/// Services pin presets by name, so what a released name stands for never changes: a change here needs a new version.
#[test]
fn the_content_of_released_presets_never_changes() {
    let hash = |text: &str| crate::names::hex(&Sha256::digest(text));
    assert_eq!(FILES.map(hash), RELEASED.map(|(_, hash)| hash));
}

#[test]
// W-21
fn workload_presets_differ_only_where_they_have_to() {
    let main = |spec: &Value| {
        let mut main = tree::named(tree::list(spec, &["template", "containers"]), "main").unwrap().clone();
        main["env"].take();
        main.to_string()
    };
    let single = rendered("config-llm-template", false);
    let decode = rendered("config-llm-decode-template", false);
    let prefill = rendered("config-llm-prefill-template", false)["prefill"].take();
    assert_eq!(main(&single), main(&prefill));
    assert_eq!(main(&single).replace("8000", "8001"), main(&decode));
    assert_eq!(single["template"]["volumes"], decode["template"]["volumes"]);
    assert_eq!(single["annotations"], prefill["annotations"]);
}

#[test]
// W-19
fn every_workload_container_is_restricted() {
    let fixture = disaggregated(false);
    for name in ["llama-kserve", "llama-kserve-prefill"] {
        let deployment = fixture.object(Kind::Deployment, name);
        for container in containers(&deployment) {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], json!(false), "{container}");
            assert_eq!(context["runAsNonRoot"], json!(true));
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
            assert_eq!(context["seccompProfile"], json!({"type": "RuntimeDefault"}));
        }
    }
}

#[test]
// W-20
fn no_command_line_has_an_empty_word() {
    for tls in [false, true] {
        let objects = disaggregated(tls).objects();
        let deployments: Vec<_> = objects.iter().filter(|o| o.kind == Kind::Deployment).collect();
        assert_eq!(deployments.len(), 3);
        for container in deployments.iter().flat_map(|d| containers(&d.body)) {
            assert!(words(container).iter().all(|word| !word.is_empty()), "{container}");
        }
    }
}

#[test]
fn presets_are_complete_without_warnings() {
    let outcome = disaggregated(true).outcome();
    assert_eq!((outcome.findings, outcome.warnings), (Vec::new(), Vec::new()));
}

#[test]
fn what_command_lines_name_exists() {
    for tls in [false, true] {
        let fixture = disaggregated(tls);
        let objects = fixture.objects();
        let exists = |kind: Kind, name: &str| objects.iter().any(|o| o.kind == kind && o.name == name);
        let sidecar_deployment = fixture.deployment();
        let sidecar = containers(&sidecar_deployment)[0];
        let value =
            |flag: &str| words(sidecar).iter().find_map(|w| w.strip_prefix(flag).map(str::to_owned)).unwrap();

        assert_eq!(value("--inference-pool="), "ns/llama-inference-pool");
        assert!(exists(Kind::InferencePool, "llama-inference-pool"));
        assert_eq!(value("--pool-group="), Kind::InferencePool.served().group);
        assert!(exists(Kind::ServiceAccount, "llama-kserve") && exists(Kind::RoleBinding, "llama-kserve-rb"));

        let main = containers(&sidecar_deployment).into_iter().find(|c| c["name"] == "main").unwrap();
        let port =
            words(main).iter().skip_while(|w| **w != "--port").nth(1).map(ToString::to_string).unwrap();
        assert_eq!(value("--vllm-port="), port);
        for (container, port) in [(main, port), (sidecar, value("--port="))] {
            let port: i64 = port.parse().unwrap();
            assert_eq!(container["ports"][0]["containerPort"], json!(port));
            assert_eq!(container["readinessProbe"]["httpGet"]["port"], json!(port));
        }
    }
}

#[test]
fn mounted_volumes_and_secrets_exist() {
    let objects = disaggregated(true).objects();
    for deployment in objects.iter().filter(|o| o.kind == Kind::Deployment) {
        let volumes = tree::list(&deployment.body, &["spec", "template", "spec", "volumes"]);
        let mounts = containers(&deployment.body).into_iter().flat_map(|c| tree::list(c, &["volumeMounts"]));
        assert!(mounts.clone().count() > 0);
        for mount in mounts {
            assert!(tree::named(volumes, tree::text(mount, &["name"])).is_some(), "{mount}");
        }
        let secrets =
            volumes.iter().map(|v| tree::text(v, &["secret", "secretName"])).filter(|s| !s.is_empty());
        for secret in secrets {
            assert!(objects.iter().any(|o| o.kind == Kind::Secret && o.name == secret), "{secret}");
        }
    }
}

#[test]
fn the_directories_that_tls_flags_name_are_mounted() {
    let fixture = disaggregated(true);
    for name in ["llama-kserve", "llama-kserve-prefill"] {
        let deployment = fixture.object(Kind::Deployment, name);
        let talk_tls = containers(&deployment)
            .into_iter()
            .filter(|c| words(c).iter().any(|word| word.contains("/var/run/kserve/tls")));
        let mounted = |c: &&Value| tree::named(tree::list(c, &["volumeMounts"]), "tls-certs").is_some();
        assert!(talk_tls.clone().count() > 0 && talk_tls.clone().all(|c| mounted(&c)));
    }
}

/// A service whose scheduler has a tokenizer, from the shipped presets.
fn tokenized(tls: bool) -> Fixture {
    let mut spec = rendered("config-llm-template", tls);
    spec["router"] = rendered("config-llm-scheduler", tls)["router"].take();
    let tokenizer = rendered("config-llm-tokenizer", tls)["router"]["scheduler"]["tokenizer"].take();
    spec["router"]["scheduler"]["tokenizer"] = tokenizer;
    spec["router"]["scheduler"]["config"] = json!({"inline": {"plugins": [{"type": "token-producer"}]}});
    spec["model"] = json!({"uri": "hf://org/model", "name": "m"});
    let mut fixture = fixture(spec);
    fixture.settings.tls = tls;
    fixture
}

#[rstest::rstest]
#[case::plain(false, "http", "--port 8000")]
#[case::tls(
    true,
    "https",
    "--port 8000 --enable-ssl-refresh --ssl-certfile /var/run/kserve/tls/tls.crt --ssl-keyfile /var/run/kserve/tls/tls.key"
)]
fn the_picker_is_told_where_its_tokenizer_is(#[case] tls: bool, #[case] scheme: &str, #[case] flags: &str) {
    let fixture = tokenized(tls);
    let picker = fixture.object(Kind::Deployment, "llama-kserve-router-scheduler");
    let text = picker["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(text.contains(&format!("url: {scheme}://llama-tokenizer.ns.svc.cluster.local:8000")), "{text}");
    assert!(text.contains("modelName: /mnt/models/base"), "{text}");
    let tokenizer = fixture.object(Kind::Deployment, "llama-tokenizer");
    assert_eq!(words(containers(&tokenizer)[1])[4..].join(" "), flags);
    let service = fixture.object(Kind::Service, "llama-tokenizer");
    assert_eq!(service["spec"]["selector"], tokenizer["spec"]["selector"]["matchLabels"]);
}

/// The Secret that a Deployment's pods mount for TLS.
fn pair_of(fixture: &Fixture, deployment: &str) -> String {
    let deployment = fixture.object(Kind::Deployment, deployment);
    let volume =
        tree::named(tree::list(&deployment, &["spec", "template", "spec", "volumes"]), "tls-certs").cloned();
    tree::text(&volume.unwrap(), &["secret", "secretName"]).to_owned()
}

/// Where the key pair of each component lies, and for which Services it answers.
fn pairs(fixture: &Fixture) -> BTreeMap<String, Vec<String>> {
    let secrets = fixture.objects().into_iter().filter_map(|o| Some((o.name, o.tls?)));
    let is_short = |name: &&String| name.rsplit('.').next() == Some("svc");
    let long = |dns: &[String]| dns.iter().filter(is_short).cloned().collect();
    secrets.filter_map(|(name, certificate)| Some((name, long(&certificate.request()?.dns)))).collect()
}

#[test]
fn servers_picker_and_tokenizer_have_a_key_each() {
    // L-6
    let fixture = tokenized(true);
    let deployments = ["llama-kserve", "llama-kserve-router-scheduler", "llama-tokenizer"];
    let expected = [
        ("llama-kserve-self-signed-certs", "llama-kserve-workload-svc.ns.svc"),
        ("llama-epp-tls", "llama-epp-service.ns.svc"),
        ("llama-tokenizer-tls", "llama-tokenizer.ns.svc"),
    ];
    for (deployment, (secret, _)) in deployments.iter().zip(expected) {
        assert_eq!(pair_of(&fixture, deployment), secret);
    }
    let expected = expected.map(|(secret, service)| (secret.to_owned(), vec![service.to_owned()]));
    assert_eq!(pairs(&fixture), BTreeMap::from(expected));
    assert_eq!(pairs(&tokenized(false)).len(), 1, "with TLS off nothing is served by it");
}

#[test]
fn a_picker_that_runs_with_the_servers_key_is_not_replaced_for_another() {
    // L-6
    let mut fixture = tokenized(true);
    let mut picker = fixture.object(Kind::Deployment, "llama-kserve-router-scheduler");
    let volumes = tree::array(&mut picker["spec"]["template"]["spec"], "volumes");
    volumes.retain(|volume| volume["name"] != "tls-certs");
    let shared = "llama-kserve-self-signed-certs";
    volumes.push(json!({"name": "tls-certs", "secret": {"secretName": shared}}));
    fixture.live_deployment("llama-kserve-router-scheduler", picker);
    assert_eq!(pair_of(&fixture, "llama-kserve-router-scheduler"), shared);
    assert_eq!(pairs(&fixture)[shared].len(), 2, "it answers for both");
}

//
#[test]
fn a_tokenizer_downloads_no_weights() {
    let tokenizer = tokenized(false).object(Kind::Deployment, "llama-tokenizer");
    let [download, main] = containers(&tokenizer)[..] else { panic!("{tokenizer:#}") };
    let patterns = tree::named(tree::list(download, &["env"]), "STORAGE_ALLOW_PATTERNS").unwrap();
    let patterns: Vec<String> = serde_json::from_str(patterns["value"].as_str().unwrap()).unwrap();
    assert!(patterns.iter().any(|p| p == "tokenizer.json"));
    assert!(patterns.iter().all(|p| !p.contains("safetensors")), "{patterns:?}");
    assert_eq!(download["args"], json!(["hf://org/model", "/mnt/models"]));
    let mount = tree::list(main, &["volumeMounts"]).iter().find(|m| m["mountPath"] == "/mnt/models/base");
    assert_eq!(mount.unwrap()["name"], "kserve-provision-location");
}

//
#[test]
fn a_tokenizer_runs_in_restricted_namespaces_and_without_a_token() {
    let tokenizer = tokenized(false).object(Kind::Deployment, "llama-tokenizer");
    assert_eq!(tokenizer["spec"]["template"]["spec"]["automountServiceAccountToken"], false);
    for container in containers(&tokenizer) {
        assert_eq!(container["securityContext"]["runAsNonRoot"], true, "{container:#}");
    }
}

/// A service of groups in both roles, from the shipped presets alone.
fn groups(kind: &str) -> Fixture {
    let mut spec = rendered(&format!("config-llm-decode-worker-{kind}"), true);
    spec["prefill"] = rendered(&format!("config-llm-prefill-worker-{kind}"), true)["prefill"].take();
    spec["router"] = rendered("config-llm-scheduler", true)["router"].take();
    spec["model"] = json!({"uri": "hf://org/model", "name": "m"});
    let sizes = match kind {
        "data-parallel" => json!({"data": 16, "dataLocal": 8}),
        _ => json!({"tensor": 8, "pipeline": 2}),
    };
    spec["parallelism"] = sizes.clone();
    spec["prefill"]["parallelism"] = sizes;
    let mut fixture = fixture(spec);
    fixture.settings.tls = true;
    fixture
}

const KINDS: [&str; 2] = ["data-parallel", "pipeline-parallel"];

/// The pods of a group preset: leader and worker.
fn pods(name: &str) -> [Value; 2] {
    let mut spec = rendered(name, false);
    if let Some(prefill) = spec.get_mut("prefill").map(Value::take) {
        spec = prefill;
    }
    ["template", "worker"].map(|pod| spec[pod].take())
}

fn main_of(pod: &Value) -> &Value {
    tree::named(tree::list(pod, &["containers"]), "main").unwrap()
}

/// The values of literal variables, by name.
fn env(main: &Value) -> BTreeMap<&str, &str> {
    tree::list(main, &["env"]).iter().map(|v| (tree::text(v, &["name"]), tree::text(v, &["value"]))).collect()
}

/// A value without some members of its top level.
fn except(value: &Value, members: &[&str]) -> Value {
    let map = value.as_object().unwrap().iter().filter(|(key, _)| !members.contains(&key.as_str()));
    Value::Object(map.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[test]
// W-21
fn group_presets_differ_from_those_of_one_pod_only_where_they_have_to() {
    let decode = rendered("config-llm-decode-template", false);
    let prefill = rendered("config-llm-prefill-template", false)["prefill"].take();
    let singles = [("", rendered("config-llm-template", false)), ("decode-", decode), ("prefill-", prefill)];
    for ((role, single), kind) in singles.iter().flat_map(|s| KINDS.map(|kind| (s, kind))) {
        let [leader, worker] = pods(&format!("config-llm-{role}worker-{kind}"));
        let members = ["env", "startupProbe"];
        assert_eq!(except(main_of(&leader), &members), except(main_of(&single["template"]), &members));
        let probes = ["env", "ports", "startupProbe", "livenessProbe", "readinessProbe"];
        let headless = except(main_of(&leader), &probes);
        assert_eq!(except(main_of(&worker), &["env"]), headless, "workers serve no HTTP");
        assert_eq!(leader["volumes"], worker["volumes"]);
        let shared = tree::named(tree::list(&worker, &["volumes"]), "dshm").unwrap();
        assert_eq!(shared["emptyDir"]["sizeLimit"], "8Gi");
        for pod in [&leader, &worker] {
            let random = env(main_of(pod)).contains_key("VLLM_RANDOMIZE_DP_DUMMY_INPUTS");
            assert_eq!(random, (*role, kind) == ("decode-", "data-parallel"));
            assert!(env(main_of(pod)).contains_key("VLLM_HOST_IP"));
        }
        assert!(worker.get("initContainers").is_none());
    }
}

#[test]
// W-19, W-20, W-21
fn no_container_of_a_group_has_a_capability() {
    for kind in KINDS {
        for object in groups(kind).objects().iter().filter(|o| o.kind == Kind::LeaderWorkerSet) {
            for pod in ["leaderTemplate", "workerTemplate"] {
                let spec = &object.body["spec"]["leaderWorkerTemplate"][pod]["spec"];
                let all = ["initContainers", "containers"].map(|list| tree::list(spec, &[list]));
                for container in all.into_iter().flatten() {
                    let context = &container["securityContext"];
                    assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{container}");
                    assert_eq!(context["runAsNonRoot"], json!(true));
                    assert!(words(container).iter().all(|word| !word.is_empty()), "{container}");
                }
            }
        }
    }
}

#[test]
fn group_presets_are_complete_without_warnings() {
    for kind in KINDS {
        let mut fixture = groups(kind);
        let annotation = json!({"llmisvc.io/accelerator": "nvidia.com/gpu"});
        fixture.service["metadata"]["annotations"] = annotation;
        let outcome = fixture.outcome();
        assert_eq!((outcome.findings, outcome.warnings), (Vec::new(), Vec::new()), "{kind}");
    }
}

#[test]
fn the_capabilities_for_rdma_are_overlays_that_add_nothing_else() {
    let capabilities = json!({"drop": ["ALL"], "add": ["IPC_LOCK", "SYS_RAWIO", "NET_RAW"]});
    let main = json!({"name": "main", "securityContext": {"capabilities": capabilities}});
    let pod = json!({"containers": [main]});
    let both = json!({"template": pod, "worker": pod});
    let expected = [
        ("config-llm-template-rdma", json!({"template": pod})),
        ("config-llm-prefill-template-rdma", json!({"prefill": {"template": pod}})),
        ("config-llm-worker-rdma", both.clone()),
        ("config-llm-prefill-worker-rdma", json!({"prefill": both})),
    ];
    for (name, spec) in expected {
        assert_eq!(rendered(name, false), spec, "{name}");
    }
}

#[test]
fn an_overlay_turns_on_no_topology_but_that_in_its_name() {
    let presets = |overlay: &str| implicit(&rendered(overlay, false));
    assert_eq!(presets("config-llm-template-rdma"), [Preset::Template]);
    assert_eq!(presets("config-llm-prefill-template-rdma"), [Preset::Prefill, Preset::Decode]);
    // A group needs parallelism too, which no overlay gives.
    assert_eq!(presets("config-llm-worker-rdma"), []);
    assert_eq!(presets("config-llm-prefill-worker-rdma"), [Preset::Decode]);
}

#[test]
fn a_profile_of_the_picker_brings_what_its_plugins_need_and_is_above_doubt() {
    let expected: [(&str, &[Preset]); 7] = [
        ("load-aware", &[]),
        ("prefix-cache", &[]),
        ("precise-prefix-cache", &[Preset::Tokenizer]),
        ("prefill-decode", &[]),
        ("predicted-latency", &[Preset::LatencyPredictor]),
        ("tiered-prefix-cache", &[]),
        ("flow-control", &[]),
    ];
    for (profile, more) in expected {
        let spec = rendered(&format!("config-llm-scheduler-{profile}"), false);
        let wanted: Vec<_> = [&[Preset::Scheduler], more, &[Preset::Template]].concat();
        assert_eq!(implicit(&spec), wanted, "{profile}");
        let document = &spec["router"]["scheduler"]["config"]["inline"];
        assert_eq!(plugins::remarks(document, Version(0, 10)), [], "{profile}");
    }
}

#[test]
// W-19
fn the_servers_that_predict_are_restricted() {
    let spec = rendered("config-llm-scheduler-latency-predictor", false);
    let containers = tree::list(&spec, &["router", "scheduler", "template", "containers"]);
    assert_eq!(containers.len(), 3);
    for container in containers.iter().filter(|c| c["name"] != "main") {
        let context = &container["securityContext"];
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{container}");
        assert_eq!(
            (&context["runAsNonRoot"], &context["readOnlyRootFilesystem"]),
            (&json!(true), &json!(true))
        );
    }
}

/// An accelerator is written once: its pods are those of the topology, and only annotations and the parts of a pod come
/// from it. What it must have is what makes it one.
#[test]
fn accelerators_are_small_overlays_that_turn_nothing_on() {
    let all = shipped("").into_iter();
    let overlays = all.filter(|preset| tree::text(preset, &["metadata", "name"]).contains("-accelerator-"));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for preset in overlays {
        assert_eq!(preset["metadata"]["annotations"]["llmisvc.io/overlay"], "pods", "{preset}");
        let spec = &preset["spec"];
        assert!(
            keys(spec).iter().all(|key| ["annotations", "prefill", "template"].contains(&key.as_str())),
            "{spec}"
        );
        let containers = tree::list(spec, &["template", "containers"]);
        assert!(containers.iter().all(|it| it["name"] == "main"), "{spec}");
        assert!(containers.iter().all(|it| it["args"].is_null() && it["command"].is_null()), "{spec}");
    }
}
