use rstest::rstest;

use super::*;

fn template(main: &Value) -> Value {
    let mut container = json!({
        "name": "main",
        "image": "vllm:v1",
        "command": ["vllm", "serve", "/mnt/models"],
        "args": ["--port", "8000", "--tensor-parallel-size", "2", "--block-size=16"],
    });
    for (key, value) in main.as_object().unwrap() {
        container[key] = value.clone();
    }
    json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}})
}

fn deployment(template: &Value) -> Value {
    json!({"spec": {"replicas": 1, "template": template}})
}

fn of(main: &Value) -> String {
    let same = deployment(&template(&json!({})));
    fingerprint(&same, &deployment(&template(main)))
}

#[rstest]
#[case::image(json!({"image": "vllm:v2"}))]
#[case::parallelism(json!({"args": ["--tensor-parallel-size", "4", "--block-size=16"]}))]
#[case::short_form(json!({"args": ["-tp", "4", "--block-size=16"]}))]
#[case::block_size(json!({"args": ["--tensor-parallel-size", "2", "--block-size=32"]}))]
#[case::a_flag_less(json!({"args": ["--tensor-parallel-size", "2"]}))]
#[case::a_member_of_a_config(json!({"args": ["--tensor-parallel-size", "2", "--block-size=16", "--kv-transfer-config.kv_role", "kv_both"]}))]
#[case::a_negation(json!({"args": ["--tensor-parallel-size", "2", "--block-size=16", "--no-disable-hybrid-kv-cache-manager"]}))]
#[case::model(json!({"command": ["vllm", "serve", "/mnt/other"]}))]
#[case::backend(json!({"env": [{"name": "VLLM_ATTENTION_BACKEND", "value": "FLASHINFER"}]}))]
#[case::extra_words(json!({"env": [{"name": "VLLM_ADDITIONAL_ARGS", "value": "--kv-cache-dtype 'fp8'"}]}))]
#[case::extra_words_from_elsewhere(json!({"env": [{"name": "VLLM_ADDITIONAL_ARGS", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}]}))]
#[case::a_script(json!({"command": ["/bin/bash", "-c"], "args": ["exec vllm serve /mnt/models --tensor-parallel-size 2 --block-size=16"]}))]
fn what_the_caches_depend_on_counts(#[case] main: Value) {
    assert_ne!(of(&main), of(&json!({})));
}

#[rstest]
#[case::other_flags(json!({"args": ["--port", "9000", "--tensor-parallel-size", "2", "--block-size=16", "--max-num-seqs", "8"]}))]
#[case::another_spelling(json!({"args": ["--port", "8000", "-tp=2", "--block_size", "16"]}))]
#[case::resources(json!({"resources": {"limits": {"nvidia.com/gpu": "2"}}}))]
#[case::probes(json!({"readinessProbe": {"periodSeconds": 5}}))]
#[case::other_variables(json!({"env": [{"name": "HF_TOKEN", "value": "secret"}]}))]
#[case::extra_words_that_do_not_count(json!({"env": [{"name": "VLLM_ADDITIONAL_ARGS", "value": "--max-num-seqs 8"}]}))]
fn everything_else_does_not(#[case] main: Value) {
    assert_eq!(of(&main), of(&json!({})));
}

#[rstest]
#[case::download(json!({"initContainers": [{"name": "storage-initializer", "args": ["hf://b", "/mnt/models"]}]}), true)]
#[case::image_with_weights(json!({"initContainers": [{"name": "modelcar", "image": "weights:2"}]}), true)]
#[case::claim(json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "b"}}]}), true)]
#[case::image_volume(json!({"volumes": [{"name": "v", "image": {"reference": "b", "pullPolicy": "Always"}}]}), true)]
#[case::what_is_no_source(json!({"volumes": [{"name": "v", "emptyDir": {}}]}), false)]
#[case::other_containers(json!({"initContainers": [{"name": "warm-up", "image": "b"}]}), false)]
fn where_the_weights_come_from_counts(#[case] pod: Value, #[case] counts: bool) {
    let mounted = json!({"volumeMounts": [{"name": "v", "mountPath": "/mnt/models"}]});
    let plain = template(&mounted);
    let mut other = plain.clone();
    for (key, value) in pod.as_object().unwrap() {
        other["spec"][key] = value.clone();
    }
    let of = |template: &Value| fingerprint(&deployment(template), &deployment(template));
    assert_eq!(of(&other) != of(&plain), counts);
}

#[test]
fn both_roles_count_and_their_order_too() {
    let (a, b) = (deployment(&template(&json!({}))), deployment(&template(&json!({"image": "b"}))));
    let all = [fingerprint(&a, &a), fingerprint(&a, &b), fingerprint(&b, &a), fingerprint(&b, &b)];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4);
}

#[test]
fn a_group_is_equal_to_a_single_pod_that_says_the_same() {
    let template = template(&json!({}));
    let group =
        json!({"spec": {"leaderWorkerTemplate": {"leaderTemplate": template, "workerTemplate": template}}});
    let single = deployment(&template);
    assert_eq!(fingerprint(&group, &single), fingerprint(&single, &single));
}

#[test]
fn what_the_server_adds_to_a_reference_does_not_count() {
    let variable = |reference: Value| {
        of(&json!({"env": [{"name": "VLLM_KV_CACHE_LAYOUT", "valueFrom": {"fieldRef": reference}}]}))
    };
    let (ours, live) = (json!({"fieldPath": "a"}), json!({"fieldPath": "a", "apiVersion": "v1"}));
    assert_eq!(variable(ours.clone()), variable(live));
    assert_ne!(variable(ours), variable(json!({"fieldPath": "b"})));
}

#[test]
fn it_is_a_value_of_a_label_and_stays_the_same_from_build_to_build() {
    assert_eq!(of(&json!({})), "fc3ded11e6");
}
