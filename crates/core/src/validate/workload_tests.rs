use llmisvc_kinds::Kind;
use rstest::rstest;
use serde_json::{Value, json};

use super::super::account;
use super::super::fixture::{Fixture, Outcome, fixture, spec, template, with};
use super::super::scope::Scope;
use crate::facts::{Answer, Key, Ref};
use crate::labels::Labels;
use crate::valid::{Account, Role};

const NONE: [&str; 0] = [];

fn outcome(spec: Value) -> Outcome {
    fixture(spec).outcome()
}

/// `spec` with `main` completed by `member`.
fn main(member: &str, value: Value) -> Value {
    with(spec(), &format!("/template/containers/0/{member}"), value)
}

fn prefill(value: Value) -> Value {
    with(spec(), "/prefill", value)
}

fn gpus(count: &str) -> Value {
    json!({"limits": {"nvidia.com/gpu": count}})
}

fn with_account(name: &str) -> Value {
    with(spec(), "/template/serviceAccountName", json!(name))
}

#[test]
fn a_plain_workload_has_neither_findings_nor_warnings() {
    let outcome = outcome(spec());
    assert_eq!(outcome.findings, NONE);
    assert_eq!(outcome.warnings, NONE);
}

#[rstest]
#[case::type_(with(spec(), "/replicas", json!("two")), "spec.replicas: expected an integer, got \"two\"")]
#[case::range(with(spec(), "/replicas", json!(-1)), "spec.replicas: -1 is out of range: at least 0")]
#[case::expert(
    with(spec(), "/parallelism", json!({"expert": 16})),
    "spec.parallelism.expert: expected true or false, got 16"
)]
#[case::tensor_zero(
    with(spec(), "/parallelism", json!({"tensor": 0})),
    "spec.parallelism.tensor: 0 is out of range: at least 1"
)]
#[case::tensor_huge(
    with(spec(), "/parallelism", json!({"tensor": 4_294_967_296_i64})),
    "spec.parallelism.tensor: 4294967296 is out of range: at most 2147483647"
)]
#[case::port(
    with(spec(), "/parallelism", json!({"dataRPCPort": 70_000})),
    "spec.parallelism.dataRPCPort: 70000 is out of range: a port from 1 to 65535"
)]
#[case::worker(
    with(spec(), "/worker", json!({"containers": [{"name": "main"}]})),
    "spec.worker: a group can't be sized by tensor alone: set parallelism.pipeline, data and dataLocal, or the \
     accelerators of a pod in worker.containers[main].resources"
)]
#[case::rollout_percentage(
    with(spec(), "/rolloutStrategy", json!({"maxUnavailable": "200%"})),
    "spec.rolloutStrategy.maxUnavailable: expected a whole number, or a percentage, got \"200%\""
)]
#[case::no_main(
    with(spec(), "/template", json!({"containers": [{"name": "vllm"}]})),
    "spec.template.containers: pod has no container \"main\": add one, or a preset that has one \
     (from config kserve/base)"
)]
#[case::no_template(
    with(spec(), "/template", Value::Null),
    "spec.template.containers: pod has no container \"main\": add one, or a preset that has one \
     (from config kserve/base)"
)]
#[case::container_list(
    with(spec(), "/template/containers", json!({})),
    "spec.template.containers: expected a list, got {} (from config kserve/base)"
)]
#[case::container_name(
    with(spec(), "/template/containers", json!([1])),
    "spec.template.containers[0]: expected an object with a name, got 1 (from config kserve/base)"
)]
#[case::argument_number(
    main("args", json!(["--port", 8000])),
    "spec.template.containers[main].args[1]: expected a string, got 8000 (from config kserve/base)"
)]
#[case::argument_text(
    main("args", json!("--port 8000")),
    "spec.template.containers[main].args: expected a list, got \"--port 8000\" (from config kserve/base)"
)]
#[case::no_account(
    with_account("robot"),
    "spec.template.serviceAccountName: ServiceAccount \"robot\" not found in namespace \"ns\": create it or name \
     another (from config kserve/base)"
)]
#[case::quoting(
    main("env", json!([{"name": "VLLM_ADDITIONAL_ARGS", "value": "--x '{"}])),
    "spec.template.containers[main].env[VLLM_ADDITIONAL_ARGS]: bad quoting in \"--x '{\": close every quote \
     (from config kserve/base)"
)]
#[case::version(
    with(spec(), "/annotations", json!({"llmisvc.io/vllm-version": "nightly"})),
    "spec.annotations[llmisvc.io/vllm-version]: \"nightly\" is no vLLM version: expected for example \"0.23.0\""
)]
fn a_blocking_problem_is_named_with_its_path(#[case] spec: Value, #[case] expected: &str) {
    let outcome = outcome(spec);
    assert_eq!(outcome.findings, [expected]);
    assert!(outcome.workloads.is_none());
}

#[rstest]
#[case::data_on_one_node(
    with(with(spec(), "/parallelism", json!({"data": 4, "dataLocal": 2})), "/annotations",
        json!({"llmisvc.io/vllm-version": "0.23.0", "llmisvc.io/accelerator": "none"})),
    "spec.parallelism.dataLocal: dataLocal is 2, but one node has to run all 4 data-parallel ranks: set both to the \
     same"
)]
// W-1, G-61
#[case::label_ignored(
    with(spec(), "/labels", json!({"app.kubernetes.io/name": "other", "mine": "kept"})),
    "spec.labels[app.kubernetes.io/name]: label app.kubernetes.io/name=other would change the selector, \
     app.kubernetes.io/name=llama is kept"
)]
#[case::accelerator_mismatch(
    with(main("resources", gpus("2")), "/parallelism", json!({"tensor": 2, "pipeline": 2})),
    "spec.template.containers[main].resources: requests 2 nvidia.com/gpu, but the parallelism needs 4 (tensor 2 × \
     pipeline 2 × data 1): set resources.limits or parallelism so that they agree (from config kserve/base)"
)]
#[case::accelerators_unused(
    main("resources", gpus("8")),
    "spec.template.containers[main].resources: requests 8 nvidia.com/gpu, but the parallelism needs 1 (tensor 1 × \
     pipeline 1 × data 1): set resources.limits or parallelism so that they agree (from config kserve/base)"
)]
#[case::flag_replaced(
    main("args", json!(["--port=9000"])),
    "spec.template.containers[main].args: \"--port=9000\" replaces the generated \"--port 8000\" \
     (from config kserve/base)"
)]
#[case::quoted_argument(
    main("args", json!(["--limit-mm-per-prompt='{\"image\":1}'"])),
    "spec.template.containers[main].args: \"--limit-mm-per-prompt='{\\\"image\\\":1}'\" reaches vLLM with its \
     quotes: no shell removes them, so remove them here (from config kserve/base)"
)]
#[case::storage_initializer_override(
    with(with(spec(), "/model/uri", json!("hf://org/m")), "/template/initContainers",
        json!([{"name": "storage-initializer", "args": ["x"]}])),
    "spec.template.initContainers[storage-initializer]: command and args of storage-initializer are the \
     operator's: yours are ignored (from config kserve/base)"
)]
#[case::prefill_without_scheduler(
    prefill(json!({"template": template()})),
    "spec.prefill.template: prefill pods get no requests without spec.router.scheduler: add it"
)]
fn a_warning_blocks_nothing(#[case] spec: Value, #[case] expected: &str) {
    let outcome = outcome(spec);
    assert_eq!(outcome.findings, NONE);
    assert_eq!(outcome.warnings, [expected]);
    assert!(outcome.workloads.is_some());
}

#[rstest]
#[case::by_flag(with(main("args", json!(["--tensor-parallel-size", "4"])), "/template/containers/0/resources", gpus("4")))]
#[case::by_alias(with(main("args", json!(["-tp=4"])), "/template/containers/0/resources", gpus("4")))]
#[case::by_field(with(main("resources", gpus("4")), "/parallelism", json!({"tensor": 2, "pipeline": 2, "expert": true})))]
// Cores and chips differ, the topology decides.
#[case::on_tpu(with(main("resources", json!({"limits": {"google.com/tpu": 8}})), "/parallelism", json!({"tensor": 4})))]
fn accelerators_that_fit_are_not_mentioned(#[case] spec: Value) {
    assert_eq!(outcome(spec).warnings, NONE);
}

fn accelerators(fixture: &Fixture) -> Option<(String, i64)> {
    fixture.outcome().workloads.unwrap().0.serving().accelerators.clone()
}

fn tensor(count: i64) -> Value {
    with(spec(), "/parallelism", json!({"tensor": count}))
}

#[rstest]
#[case::tensor(tensor(2), Some(("nvidia.com/gpu", 2)))]
#[case::all_but_expert(
    with(spec(), "/parallelism", json!({"tensor": 2, "data": 4, "dataLocal": 4, "expert": true})),
    Some(("nvidia.com/gpu", 8))
)]
#[case::no_parallelism(spec(), None)]
#[case::cpu_image(with(tensor(2), "/template/containers/0/image", json!("docker.io/vllm/vllm-openai-cpu:v0.23.0")), None)]
#[case::amd_image(
    with(tensor(2), "/template/containers/0/image", json!("ghcr.io/llm-d/llm-d-rocm:v0.10.0")),
    Some(("amd.com/gpu", 2))
)]
#[case::tpu_nodes(with(tensor(2), "/template/nodeSelector", json!({"cloud.google.com/gke-tpu-topology": "2x4"})), None)]
#[case::claims(with(tensor(2), "/template/resourceClaims", json!([{"name": "gpu"}])), None)]
fn the_accelerator_count_follows_from_parallelism(
    #[case] spec: Value,
    #[case] expected: Option<(&str, i64)>,
) {
    let expected = expected.map(|(resource, count)| (resource.to_owned(), count));
    assert_eq!(accelerators(&fixture(spec)), expected);
}

#[test]
fn an_annotation_names_the_accelerator_or_none() {
    let mut fixture = fixture(tensor(2));
    fixture.annotate("llmisvc.io/accelerator", "gpu.intel.com/xe");
    assert_eq!(accelerators(&fixture), Some(("gpu.intel.com/xe".to_owned(), 2)));
    fixture.service["spec"]["annotations"]["llmisvc.io/accelerator"] = json!("none");
    assert_eq!(accelerators(&fixture), None);
}

fn live(resources: &Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "resources": resources}]}}}})
}

#[test]
fn a_live_workload_without_accelerators_gets_none_and_a_warning() {
    let mut fixture = fixture(tensor(2));
    fixture.live_deployment("llama-kserve", live(&json!({})));
    assert_eq!(accelerators(&fixture), None);
    assert_eq!(
        fixture.outcome().warnings,
        [
            "spec.template.containers[main].resources: 2 nvidia.com/gpu are needed by the parallelism, but the running \
          workload has none, so none are added: set resources.limits or the annotation llmisvc.io/accelerator \
          (from config kserve/base)"
        ]
    );
}

#[test]
fn the_count_of_a_live_workload_follows_a_changed_parallelism() {
    let mut fixture = fixture(tensor(2));
    fixture.live_deployment("llama-kserve", live(&gpus("1")));
    assert_eq!(accelerators(&fixture), Some(("nvidia.com/gpu".to_owned(), 2)));
}

#[test]
// W-4
fn a_stopped_service_needs_no_account() {
    let mut fixture = fixture(with_account("robot"));
    fixture.annotate("serving.kserve.io/stop", "true");
    assert_eq!(fixture.outcome().findings, NONE);
}

#[test]
// S-8
fn while_the_default_account_cannot_be_read_a_managed_one_keeps_what_it_has() {
    let mut fixture = fixture(spec());
    let default = Key::ServiceAccount(Ref::new("ns", "default"));
    fixture.seen.insert(default, Answer::Unreadable("forbidden".to_owned()));
    let live = json!({
        "metadata": {"annotations": {"eks.amazonaws.com/role-arn": "arn", "llmisvc.io/applied": "hash"}},
        "imagePullSecrets": [{"name": "registry"}],
    });
    fixture.live(Kind::ServiceAccount, "llama-kserve", live);
    let (mut findings, mut warnings) = (Vec::new(), Vec::new());
    let account = fixture.in_context(|ctx| {
        let (role, spec) = (Role::Decode, ctx.spec);
        let mut scope = Scope {
            ctx,
            role,
            position: crate::valid::Position::Single,
            spec,
            findings: &mut findings,
            warnings: &mut warnings,
        };
        account::account(&mut scope, "", Some("llama-kserve".to_owned())).0
    });
    let expected = Account::Managed {
        name: "llama-kserve".to_owned(),
        annotations: Labels::from([("eks.amazonaws.com/role-arn".to_owned(), "arn".to_owned())]),
        secrets: Vec::new(),
        image_pull_secrets: vec![json!({"name": "registry"})],
    };
    assert_eq!(account, expected);
}

#[rstest]
#[case("docker.io/vllm/vllm-openai:v0.11.0", "0.11.0")]
#[case("vllm/vllm-openai", "0.23.0")]
#[case("ghcr.io/llm-d/llm-d-cuda:v0.9.0", "0.23.0")]
#[case("registry:5000/vllm/vllm-openai:v0.17.1@sha256:00", "0.17.1")]
fn the_vllm_version_is_the_presets_unless_an_upstream_image_says_its_own(
    #[case] image: &str,
    #[case] version: &str,
) {
    let outcome = outcome(main("image", json!(image)));
    assert_eq!(outcome.workloads.unwrap().0.serving().composed_for.as_deref(), Some(version));
}

#[test]
fn nothing_is_composed_for_a_foreign_command_or_a_foreign_preset() {
    let foreign = main("command", json!(["sh", "-c", "vllm serve"]));
    assert_eq!(outcome(foreign).workloads.unwrap().0.serving().composed_for, None);
    let preset = with(spec(), "/annotations", json!({}));
    assert_eq!(outcome(preset).workloads.unwrap().0.serving().composed_for, None);
}

#[test]
fn the_quoting_of_a_foreign_commands_variable_is_not_ours_to_judge() {
    let mut fixture = fixture(main("command", json!(["sh", "-c"])));
    let env = json!([{"name": "VLLM_ADDITIONAL_ARGS", "value": "it's"}]);
    fixture.service["spec"]["template"]["containers"][0]["env"] = env;
    assert_eq!(fixture.outcome().findings, NONE);
}

#[test]
fn a_flag_that_a_preset_adds_is_replaced_without_a_word() {
    let mut spec = spec();
    spec["annotations"]["llmisvc.io/vllm-args"] = json!("--dtype=float16 --block-size 64");
    let spec = with(spec, "/template/containers/0/args", json!(["--dtype=bfloat16"]));
    let fixture = fixture(spec);
    assert_eq!(fixture.outcome().warnings, Vec::<String>::new());
    let deployment = fixture.object(llmisvc_kinds::Kind::Deployment, "llama-kserve");
    let main = &deployment["spec"]["template"]["spec"]["containers"][0];
    let args = main["args"].to_string();
    assert!(
        args.contains(r#""--block-size","64","--dtype=bfloat16""#) && !args.contains("float16\",\"--block"),
        "{args}"
    );
}
