use llmisvc_kinds::Kind;
use rstest::rstest;
use serde_json::json;

use crate::validate::fixture::{Fixture, fixture, spec, template, with};
use serde_json::Value;

use super::longest_name;

const LWS: &str = "llama-kserve-mn";
const PREFILL: &str = "llama-kserve-mn-prefill";

fn gpus(count: i64) -> Value {
    let mut pod = template();
    pod["containers"][0]["resources"] = json!({"limits": {"nvidia.com/gpu": count}});
    pod
}

/// A service of groups: leader and worker are our preset's, with so many GPUs.
fn group(parallelism: Value, per_pod: i64) -> Value {
    let spec = with(with(spec(), "/template", gpus(per_pod)), "/worker", gpus(per_pod));
    with(spec, "/parallelism", parallelism)
}

fn lws(fixture: &Fixture) -> Value {
    fixture.object(Kind::LeaderWorkerSet, LWS)["spec"].take()
}

fn pod<'a>(lws: &'a Value, template: &str) -> &'a Value {
    &lws["leaderWorkerTemplate"][template]["spec"]
}

fn args(lws: &Value, template: &str) -> String {
    let args = pod(lws, template)["containers"][0]["args"].as_array().unwrap();
    args.iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case::stages(json!({"tensor": 8, "pipeline": 4}), 8, 4, "--nnodes 4", &[])]
#[case::tensor_over_nodes(json!({"tensor": 16}), 8, 2, "--nnodes 2", &[])]
#[case::stages_over_nodes(json!({"tensor": 8, "pipeline": 2}), 4, 4, "--nnodes 4", &[])]
#[case::data(json!({"data": 16, "dataLocal": 8}), 8, 2, "--data-parallel-size 16", &[])]
#[case::one_pod(json!({"data": 8, "dataLocal": 8}), 8, 1, "--data-parallel-size 8", &[])]
// W-13
#[case::data_rounded_up(
    json!({"data": 10, "dataLocal": 4}), 4, 3, "--data-parallel-size 10",
    &["spec.parallelism.dataLocal: 10 ranks over pods of 4 are 3 pods, rounded up: the last one has room left"]
)]
// W-13
#[case::tensor_leaves_room(
    json!({"tensor": 12}), 8, 2, "--nnodes 2",
    &[
        "spec.parallelism: 12 ranks over 2 pods of 8 are 6 in each: the rest is not used",
        "spec.template.containers[main].resources: requests 8 nvidia.com/gpu, but the parallelism needs 6 (tensor 12 × \
         pipeline 1, over 2 pods): set resources.limits or parallelism so that they agree (from config kserve/base)",
        "spec.worker.containers[main].resources: requests 8 nvidia.com/gpu, but the parallelism needs 6 (tensor 12 × \
         pipeline 1, over 2 pods): set resources.limits or parallelism so that they agree",
    ]
)]
fn the_size_of_a_group_follows_from_its_parallelism(
    #[case] parallelism: Value,
    #[case] per_pod: i64,
    #[case] size: i64,
    #[case] flag: &str,
    #[case] warnings: &[&str],
) {
    let fixture = fixture(group(parallelism, per_pod));
    assert_eq!(fixture.outcome().warnings, warnings);
    let lws = lws(&fixture);
    assert_eq!(lws["leaderWorkerTemplate"]["size"], size);
    for template in ["leaderTemplate", "workerTemplate"] {
        assert!(args(&lws, template).contains(flag), "{template}");
    }
}

#[test]
// W-13
fn ranks_that_do_not_divide_over_the_pods_are_told_with_the_numbers() {
    let warnings = fixture(group(json!({"tensor": 7}), 4)).outcome().warnings;
    assert_eq!(
        warnings[0],
        "spec.parallelism: 7 ranks are no multiple of 2 pods, which pods with 4 accelerators make, and vLLM runs the \
         same number in each: change parallelism or the accelerators of a pod"
    );
}

#[rstest]
#[case::stages("vllm/vllm-openai:v0.11.0", json!({"pipeline": 2}), "0.11.0", "0.12")]
#[case::data("vllm/vllm-openai:v0.8.5", json!({"data": 2, "dataLocal": 1}), "0.8.5", "0.9")]
fn an_image_that_cannot_span_nodes_is_refused(
    #[case] image: &str,
    #[case] parallelism: Value,
    #[case] got: &str,
    #[case] needed: &str,
) {
    let spec = with(group(parallelism, 1), "/worker/containers/0/image", json!(image));
    let expected = format!(
        "spec.worker.containers[main].image: vLLM {got} runs over several nodes with Ray only: use an image with \
         {needed} or newer"
    );
    assert_eq!(fixture(spec).outcome().findings, [expected]);
}

#[rstest]
#[case::digit("2llama")]
#[case::dot("llama.v3")]
// W-14
fn a_name_that_no_service_can_have_is_refused(#[case] name: &str) {
    let mut fixture = fixture(group(json!({"pipeline": 2}), 1));
    fixture.service["metadata"]["name"] = json!(name);
    let expected = format!(
        "metadata.name: {name:?} can't name a LeaderWorkerSet, whose Service needs a DNS label: begin with a letter and \
         leave out dots"
    );
    assert_eq!(fixture.outcome().findings, [expected]);
}

#[test]
// W-14: the pods of a longer name are refused by the API server, over and over
fn a_name_that_is_too_long_for_the_labels_of_group_pods_is_refused() {
    let long = |length: usize, live: bool| {
        let mut fixture = fixture(group(json!({"pipeline": 2}), 1));
        let name = "a".repeat(length);
        if live {
            fixture.live(Kind::LeaderWorkerSet, &format!("{name}-kserve-mn"), json!({}));
        }
        fixture.service["metadata"]["name"] = json!(name);
        fixture.outcome().findings
    };
    assert_eq!(long(40, false), Vec::<String>::new());
    let expected = format!(
        "metadata.name: \"{}-kserve-mn\" is 1 too long for a LeaderWorkerSet: its pods carry the name in a label, which \
         leaves room for 50 bytes; shorten the service's name",
        "a".repeat(41)
    );
    assert_eq!(long(41, false), [expected]);
    assert_eq!(long(41, true), Vec::<String>::new());
}

#[rstest]
#[case(1, 1, 52)]
#[case(2, 1, 50)]
#[case(2, 10, 50)]
#[case(2, 11, 49)]
#[case(2, 0, 50)]
fn the_index_of_a_group_takes_room_in_its_name(
    #[case] size: i64,
    #[case] replicas: i64,
    #[case] most: usize,
) {
    assert_eq!(longest_name(size, replicas), most);
}

#[test]
// W-15
fn each_pod_of_a_group_keeps_the_account_that_it_names() {
    let spec = with(group(json!({"pipeline": 2}), 1), "/worker/serviceAccountName", json!("workers"));
    let mut fixture = fixture(with(spec, "/template/serviceAccountName", json!("leaders")));
    for name in ["leaders", "workers"] {
        fixture.account(name, json!({}));
    }
    let lws = lws(&fixture);
    assert_eq!(pod(&lws, "leaderTemplate")["serviceAccountName"], "leaders");
    assert_eq!(pod(&lws, "workerTemplate")["serviceAccountName"], "workers");
    assert!(fixture.objects().iter().all(|o| o.kind != Kind::ServiceAccount));
}

#[test]
fn an_account_that_only_the_workers_name_is_the_leaders_too() {
    let mut fixture =
        fixture(with(group(json!({"pipeline": 2}), 1), "/worker/serviceAccountName", json!("workers")));
    fixture.account("workers", json!({}));
    assert_eq!(pod(&lws(&fixture), "leaderTemplate")["serviceAccountName"], "workers");
}

/// Names of the objects of a kind.
fn names(fixture: &Fixture, kind: Kind) -> Vec<String> {
    fixture.objects().into_iter().filter(|o| o.kind == kind).map(|o| o.name).collect()
}

#[test]
// W-2
fn an_account_goes_together_with_its_role_and_binding() {
    let sidecar = json!([{"name": "llm-d-routing-sidecar", "restartPolicy": "Always"}]);
    let with_sidecar = with(group(json!({"pipeline": 2}), 1), "/template/initContainers", sidecar);
    let mut fixture = fixture(with_sidecar);
    assert_eq!(names(&fixture, Kind::ServiceAccount), [LWS]);
    assert_eq!(names(&fixture, Kind::Role), ["llama-kserve-mn-role"]);
    assert_eq!(names(&fixture, Kind::RoleBinding), ["llama-kserve-mn-rb"]);
    fixture.service["spec"]["template"]["initContainers"].take();
    assert_eq!(names(&fixture, Kind::ServiceAccount), [LWS]);
    assert_eq!(names(&fixture, Kind::Role), Vec::<String>::new());
    assert_eq!(names(&fixture, Kind::RoleBinding), Vec::<String>::new());
    fixture.service["spec"]["worker"].take();
    assert_eq!(names(&fixture, Kind::ServiceAccount), Vec::<String>::new());
    fixture.annotate("serving.kserve.io/stop", "true");
    assert!(fixture.objects().is_empty());
}

#[test]
// W-3
fn one_node_with_an_account_of_the_users_gets_no_role_of_a_group() {
    let sidecar = json!([{"name": "llm-d-routing-sidecar", "restartPolicy": "Always"}]);
    let spec =
        with(with(spec(), "/template/initContainers", sidecar), "/template/serviceAccountName", json!("own"));
    let mut fixture = fixture(with(spec, "/prefill", json!({"template": template()})));
    fixture.account("own", json!({}));
    assert_eq!(names(&fixture, Kind::Role), ["llama-kserve-role"]);
    assert_eq!(names(&fixture, Kind::RoleBinding), ["llama-kserve-rb"]);
}

/// A group without a template for its leader.
fn leaderless(command: &Value) -> Value {
    let mut spec = with(group(json!({"pipeline": 2}), 1), "/worker/containers/0/command", command.clone());
    spec["template"].take();
    spec
}

fn role(lws: &Value, template: &str) -> Value {
    let labels = &lws["leaderWorkerTemplate"][template]["metadata"]["labels"];
    json!([labels["llm-d.ai/role"], labels["kserve.io/component"]])
}

#[test]
// W-12
fn pods_of_a_group_without_a_leader_have_the_role_of_their_service() {
    let alone = lws(&fixture(leaderless(&json!(["serve-anywhere"]))));
    assert_eq!(alone["leaderWorkerTemplate"].get("leaderTemplate"), None);
    assert_eq!(role(&alone, "workerTemplate"), json!(["both", "workload"]));
    let prefill = with(spec(), "/prefill", leaderless(&json!(["serve-anywhere"])));
    let prefill = fixture(prefill).object(Kind::LeaderWorkerSet, PREFILL)["spec"].take();
    assert_eq!(role(&prefill, "workerTemplate"), json!(["prefill", "workload"]));
}

#[test]
// W-12
fn headless_workers_are_never_endpoints_even_without_a_leaders_template() {
    for spec in [group(json!({"pipeline": 2}), 1), leaderless(&json!(["vllm", "serve", "/mnt/models"]))] {
        let lws = lws(&fixture(spec));
        assert_eq!(role(&lws, "leaderTemplate"), json!(["both", "workload"]));
        assert_eq!(role(&lws, "workerTemplate"), json!([null, null]));
        assert!(!args(&lws, "leaderTemplate").contains("--headless"));
        assert!(args(&lws, "workerTemplate").ends_with("--headless"));
    }
}

fn prefill(parallelism: Value) -> Fixture {
    fixture(with(spec(), "/prefill", group(parallelism, 1)))
}

fn sub_groups(fixture: &Fixture) -> Value {
    fixture.object(Kind::LeaderWorkerSet, PREFILL)["spec"]["leaderWorkerTemplate"]["subGroupPolicy"].take()
}

#[test]
fn sub_groups_of_a_live_set_stay_while_they_fit() {
    let four = || prefill(json!({"data": 4, "dataLocal": 1}));
    assert_eq!(sub_groups(&four()), json!({"subGroupSize": 4}));
    assert_eq!(sub_groups(&prefill(json!({"pipeline": 4}))), Value::Null);
    let live = |fixture: &mut Fixture, policy: Value| {
        let template = json!({"size": 2, "subGroupPolicy": policy});
        fixture.live(Kind::LeaderWorkerSet, PREFILL, json!({"spec": {"leaderWorkerTemplate": template}}));
    };
    for (policy, expected) in [
        (json!({"subGroupSize": 2}), json!({"subGroupSize": 2})),
        (json!({"subGroupSize": 3}), json!({"subGroupSize": 3})),
        (json!({"subGroupSize": 8}), json!({"subGroupSize": 4})),
        (Value::Null, Value::Null),
    ] {
        let mut fixture = four();
        live(&mut fixture, policy);
        assert_eq!(sub_groups(&fixture), expected);
    }
    let mut stages = prefill(json!({"pipeline": 4}));
    live(&mut stages, json!({"subGroupSize": 2}));
    assert_eq!(sub_groups(&stages), json!({"subGroupSize": 2}));
}
