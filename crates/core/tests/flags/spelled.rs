//! Values arrive as single words, byte-exact, however they are spelled: through `generated`, through a whole
//! service, and through the scripts that run in the pod.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use llmisvc_core::build::argv::{ADDITIONAL_ARGS, Flags, Version, generated};
use llmisvc_core::tree;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::list::{faults, list};
use crate::serve::{children, command, expand, pods};

/// Text that shells, Kubernetes, JSON, YAML, Go templates and argument parsers each read in their own way.
const HARD: [&str; 4] = [
    "it's \"two words\"",
    "$HOME $(HOME) $$(HOME) `date` {{ .Name",
    "a;rm -rf / & | # back\\slash\\",
    "new\nline\ttab näme-模型 a=b,c=d",
];

/// Pieces that mean something to one of them.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "$", "$$", "$(", "$(A)", ")", "'", "\"", "\\", ";", "&", "|", " ", "\t", "\n", "`", "#", "*", "é",
        "a", "-", "=",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..12).prop_map(|list| list.concat())
}

/// A pod in which every variable that the text may name is set.
fn arriving(word: &str) -> String {
    expand(word, &[("A", "expanded"), ("HOME", "/home")].into())
}

fn flags(model: &str, kv_transfer: &str) -> Vec<Vec<String>> {
    let flags = Flags {
        model,
        namespace: "ns",
        port: 8000,
        version: Version(0, 23),
        grace: 60,
        tls: true,
        parallelism: llmisvc_api::v1alpha2::Parallelism::default(),
        kv_transfer: Some(kv_transfer),
        api_servers: "8",
        features: &[],
        added: &[],
        worker: false,
        spread: None,
    };
    generated(&flags).into_iter().map(|group| group.iter().map(|word| arriving(word)).collect()).collect()
}

proptest! {
    #[test]
    // W-22
    fn a_generated_value_is_one_word(model in text(), value in text()) {
        let json = json!({"kv_connector": value}).to_string();
        let groups = flags(&model, &json);
        let qualified = format!("publishers/ns/models/{model}");
        prop_assert_eq!(&groups[0], &["--served-model-name".to_owned(), model, qualified]);
        prop_assert!(groups.contains(&vec!["--kv-transfer-config".to_owned(), json]));
    }
}

proptest! {
    // Each case decides a whole service.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    // W-22
    fn the_model_name_of_a_service_is_one_word(model in text()) {
        let mut service = service("llm", &model);
        let template = json!({"containers": [{"name": "main", "args": ["--seed", "1"]}]});
        service["spec"]["template"] = template;
        let objects = children(&service, &[]).unwrap();
        let words = words(&objects, "llm-kserve").into_iter().map(|word| arriving(&word)).collect::<Vec<_>>();
        let qualified = format!("publishers/demo/models/{model}");
        prop_assert_eq!(&words[3..6], &["--served-model-name".to_owned(), model, qualified]);
        prop_assert_eq!(&words[words.len() - 2..], &["--seed".to_owned(), "1".to_owned()]);
    }
}

fn service(name: &str, model: &str) -> Value {
    json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": name, "namespace": "demo"},
        "spec": {"model": {"uri": "pvc://weights/m", "name": model}},
    })
}

/// The words of `main` as they are written.
fn words(objects: &[Value], name: &str) -> Vec<String> {
    raw(main_of(objects, name, 0))
}

fn raw(container: &Value) -> Vec<String> {
    let lists = ["command", "args"].map(|key| tree::list(container, &[key]));
    lists.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn main_of<'a>(objects: &'a [Value], name: &str, pod: usize) -> &'a Value {
    let object = objects.iter().find(|o| tree::text(o, &["metadata", "name"]) == name && !pods(o).is_empty());
    let pod = pods(object.expect("a workload")).into_iter().nth(pod).expect("a pod");
    tree::named(tree::list(pod, &["containers"]), "main").expect("main")
}

/// A program that prints its arguments.
fn stub() -> String {
    static STUB: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("vllm-{}", std::process::id()));
        fs::write(&program, "#!/bin/sh\nprintf '%s\\0' \"$@\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    });
    STUB.display().to_string()
}

/// Starts a container's command as Kubernetes does, with `vllm` as the stub; what the stub was given. None without
/// python3, which every vLLM image has.
fn started(container: &Value, env: &[(&str, &str)]) -> Option<Vec<String>> {
    let mut words: Vec<String> = command(container);
    let vllm = words.windows(2).position(|pair| pair == ["vllm", "serve"]).unwrap();
    words[vllm] = stub();
    let mut program = Command::new(&words[0]);
    let output = match program.args(&words[1..]).envs(env.iter().copied()).output() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: no {}", words[0]);
            return None;
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.split_terminator('\0').map(str::to_owned).collect())
}

fn with_reference(mut service: Value) -> Value {
    let reference = json!({"configMapKeyRef": {"name": "c", "key": "k"}});
    let env = json!([{"name": ADDITIONAL_ARGS, "valueFrom": reference}]);
    service["spec"]["template"] =
        json!({"containers": [{"name": "main", "env": env, "args": ["--seed", "1"]}]});
    service
}

#[test]
// W-22
fn every_spelling_passes_the_script_that_splits_a_variable_in_the_pod() {
    for hard in HARD {
        let objects = children(&with_reference(service("llm", hard)), &[]).unwrap();
        let value = format!("--chat-template {}", shlex::try_quote(hard).unwrap());
        let Some(words) = started(main_of(&objects, "llm-kserve", 0), &[(ADDITIONAL_ARGS, &value)]) else {
            return;
        };
        let qualified = format!("publishers/demo/models/{hard}");
        assert_eq!(words[..5], ["serve", "/mnt/models", "--served-model-name", hard, &qualified]);
        assert_eq!(words[words.len() - 4..], ["--chat-template", hard, "--seed", "1"]);
        assert_eq!(faults(&list(), Version(0, 23), &words[2..]), [""; 0]);
    }
}

/// Leader and worker with the command of our presets.
fn group(model: &str, parallelism: &Value) -> Value {
    let pod = json!({"containers": [{"name": "main", "image": "vllm", "command": ["vllm", "serve", "/mnt/models"]}]});
    let mut service = service("llm", model);
    service["spec"]["parallelism"] = parallelism.clone();
    service["spec"]["annotations"] = json!({"llmisvc.io/vllm-version": "0.23.0"});
    service["spec"]["template"] = pod.clone();
    service["spec"]["worker"] = pod;
    service
}

/// What the leader and the worker at `index` start vLLM with.
fn group_started(model: &str, parallelism: &Value, index: &str) -> Option<[Vec<String>; 2]> {
    let objects = children(&group(model, parallelism), &[]).unwrap();
    let pods = [("0", 0), (index, 1)].map(|(index, pod)| {
        let env = [("LWS_WORKER_INDEX", index), ("LWS_LEADER_ADDRESS", "127.0.0.1")];
        started(main_of(&objects, "llm-kserve-mn", pod), &env)
    });
    let [leader, worker] = pods;
    let found = [leader?, worker?];
    for words in &found {
        assert_eq!(faults(&list(), Version(0, 23), &words[2..]), [""; 0]);
    }
    Some(found)
}

fn value<'a>(words: &'a [String], flag: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == flag)?;
    words.get(at + 1).map(String::as_str)
}

#[test]
// W-22
fn every_spelling_passes_the_script_that_starts_a_pod_of_a_group() {
    for hard in HARD {
        let Some(found) = group_started(hard, &json!({"data": 4, "dataLocal": 2, "tensor": 2}), "1") else {
            return;
        };
        for words in found {
            assert_eq!(words[..4], ["serve", "/mnt/models", "--served-model-name", hard]);
        }
    }
}

#[test]
fn the_pods_of_a_data_parallel_group_know_their_ranks() {
    let Some([leader, worker]) = group_started("m", &json!({"data": 6, "dataLocal": 2}), "2") else { return };
    let same = [
        ("--data-parallel-size", "6"),
        ("--data-parallel-size-local", "2"),
        ("--data-parallel-address", "127.0.0.1"),
    ];
    for (flag, expected) in same {
        assert_eq!((value(&leader, flag), value(&worker, flag)), (Some(expected), Some(expected)), "{flag}");
    }
    assert_eq!(value(&worker, "--data-parallel-start-rank"), Some("4"));
    assert!(worker.contains(&"--headless".to_owned()) && !leader.contains(&"--headless".to_owned()));
}

/// A start rank without `--headless`, be it 0, is hybrid load balancing since vLLM 0.28: the leader would send
/// requests to its own ranks only.
#[test]
fn the_leader_of_a_data_parallel_group_gives_no_start_rank() {
    let Some([leader, _]) = group_started("m", &json!({"data": 6, "dataLocal": 2}), "2") else { return };
    assert_eq!(value(&leader, "--data-parallel-start-rank"), None);
}

#[test]
fn the_pods_of_one_world_know_their_place() {
    let Some([leader, worker]) = group_started("m", &json!({"pipeline": 2, "tensor": 8}), "1") else {
        return;
    };
    let places = [leader, worker].map(|words| {
        ["--node-rank", "--nnodes", "--master-addr"]
            .map(|flag| value(&words, flag).unwrap_or_default().to_owned())
    });
    assert_eq!(places, [["0", "2", "127.0.0.1"], ["1", "2", "127.0.0.1"]]);
}
