use llmisvc_kinds::Kind;
use sha2::{Digest, Sha256};

use super::*;
use crate::validate::fixture::{Fixture, fixture};

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
    let names: Vec<String> =
        shipped("v1-").iter().map(|p| tree::text(p, &["metadata", "name"]).to_owned()).collect();
    assert_eq!(
        names,
        [
            "v1-config-llm-template",
            "v1-config-llm-decode-template",
            "v1-config-llm-prefill-template",
            "v1-config-llm-scheduler",
            "v1-config-llm-router-route",
            "v1-config-llm-tracing",
        ]
    );
    let labels = json!({"app.kubernetes.io/managed-by": "llmisvc-operator"});
    assert!(shipped("v1-").iter().all(|preset| preset["metadata"]["labels"] == labels));
}

/// Services pin presets by name, so what a released name stands for never changes: a change here needs a new version.
#[test]
fn the_content_of_released_presets_never_changes() {
    let hash = |text: &str| crate::names::hex(&Sha256::digest(text));
    let pinned = [
        "bf73538fa2a10412b9e2f6bd951507ecf83ee205047e66146deacab9d35ca8e7",
        "544c69946edc428fc366998e3c318c8e6776f2823661455cc85ebe5bfe0fc914",
        "62bd5c129a12644f5980c6cd638d8b045029c00667a4dbd57948259a66f1065e",
        "db2b3129a82cdb4e9822cac0d27ff05dcefa1a664d812b4965cdb78882526d2b",
        "9ab1ed4581a1ef797a4390fc3a6b6f559852995b55739fcf16ae183fe379c439",
        "93122e7f49575718f07fa11bfaed0ca92089c239acee9c835b058008f1db741d",
    ];
    assert_eq!(FILES.map(hash), pinned);
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
