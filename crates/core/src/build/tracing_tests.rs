use llmisvc_kinds::Kind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::tree;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

const FLAGS: [&str; 4] =
    ["--otlp-traces-endpoint", "http://collector:4317", "--collect-detailed-traces", "all"];

fn traced(spec: Value) -> Fixture {
    fixture(with(
        spec,
        "/tracing",
        json!({
            "exporterEndpoint": "http://collector:4317",
            "exporter": "otlp",
            "sampler": "parentbased_traceidratio",
            "samplerArg": "0.05",
        }),
    ))
}

fn main(spec: Value, member: &str, value: Value) -> Value {
    with(spec, &format!("/template/containers/0/{member}"), value)
}

fn variables(component: &str) -> Value {
    let field = |path: &str| json!({"fieldRef": {"apiVersion": "v1", "fieldPath": path}});
    json!([
        {"name": "OTEL_SERVICE_NAME", "value": component},
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4317"},
        {"name": "OTEL_TRACES_EXPORTER", "value": "otlp"},
        {"name": "OTEL_TRACES_SAMPLER", "value": "parentbased_traceidratio"},
        {"name": "OTEL_TRACES_SAMPLER_ARG", "value": "0.05"},
        {"name": "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME", "valueFrom": field("spec.nodeName")},
        {"name": "OTEL_RESOURCE_ATTRIBUTES_POD_NAME", "valueFrom": field("metadata.name")},
        {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "k8s.namespace.name=ns,\
            k8s.node.name=$(OTEL_RESOURCE_ATTRIBUTES_NODE_NAME),\
            k8s.pod.name=$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME),llmisvc.name=llama"},
    ])
}

fn words(container: &Value) -> Vec<&str> {
    tree::list(container, &["args"]).iter().filter_map(Value::as_str).collect()
}

#[test]
fn a_composed_command_gets_the_flags_as_words_and_the_variables() {
    let fixture = traced(spec());
    assert_eq!(fixture.outcome().warnings, Vec::<String>::new());
    let main = fixture.main();
    assert!(words(&main).ends_with(&FLAGS), "{main}");
    assert_eq!(main["env"], variables("inference-server"));
}

fn disaggregated() -> Value {
    let prefill = json!({"annotations": {"llmisvc.io/vllm-version": "0.23.0"}, "template": template()});
    with(spec(), "/prefill", prefill)
}

fn name_of(fixture: &Fixture, deployment: &str) -> Value {
    let deployment = fixture.object(Kind::Deployment, deployment);
    let main = &deployment["spec"]["template"]["spec"]["containers"][0];
    tree::named(tree::list(main, &["env"]), "OTEL_SERVICE_NAME").unwrap()["value"].clone()
}

#[test]
//
fn servers_are_named_by_their_role() {
    let apart = traced(disaggregated());
    assert_eq!(name_of(&apart, "llama-kserve"), json!("inference-server-decode"));
    assert_eq!(name_of(&apart, "llama-kserve-prefill"), json!("inference-server-prefill"));
    assert_eq!(name_of(&traced(spec()), "llama-kserve"), json!("inference-server"));
}

#[rstest]
#[case::of_the_same_role("both", "inference-server-decode")]
#[case::of_another_role("decode", "inference-server")]
//
fn running_pods_keep_the_peers_name_while_they_keep_their_role(#[case] role: &str, #[case] name: &str) {
    let mut fixture = traced(spec());
    let env = json!([{"name": "OTEL_SERVICE_NAME", "value": "inference-server-decode"}]);
    let template = json!({
        "metadata": {"labels": {"llm-d.ai/role": role}},
        "spec": {"containers": [{"name": "main", "env": env}]},
    });
    fixture.live_deployment("llama-kserve", json!({"spec": {"template": template}}));
    assert_eq!(name_of(&fixture, "llama-kserve"), json!(name));
}

#[test]
fn all_pods_of_a_group_are_traced() {
    let spec = with(with(spec(), "/worker", template()), "/parallelism", json!({"pipeline": 2}));
    let group = traced(spec).object(Kind::LeaderWorkerSet, "llama-kserve-mn");
    for template in ["leaderTemplate", "workerTemplate"] {
        let main = &group["spec"]["leaderWorkerTemplate"][template]["spec"]["containers"][0];
        assert!(words(main).windows(4).any(|words| words == FLAGS), "{template}");
        assert_eq!(main["env"], variables("inference-server"));
    }
}

#[rstest]
#[case::args(main(spec(), "args", json!(["--otlp-traces-endpoint=http://mine:4317"])))]
#[case::variable(main(spec(), "env", json!([
    {"name": "VLLM_ADDITIONAL_ARGS", "value": "--otlp_traces_endpoint http://mine:4317"},
])))]
#[case::foreign_args(main(
    main(spec(), "command", json!(["/serve"])), "args", json!(["--otlp_traces_endpoint", "http://mine:4317"]),
))]
#[case::foreign_script(main(spec(), "command", json!(
    ["sh", "-c", "vllm serve --otlp-traces-endpoint http://mine:4317 \"$@\"", "--"]
)))]
//
fn a_flag_that_is_there_is_not_added(#[case] spec: Value) {
    let main = traced(spec).main();
    assert!(!words(&main).contains(&"http://collector:4317"), "{main}");
    assert!(words(&main).windows(2).any(|words| words == ["--collect-detailed-traces", "all"]));
}

#[test]
//
fn a_variable_with_the_flags_of_a_foreign_command_counts() {
    let variable = json!([{"name": "VLLM_ADDITIONAL_ARGS",
        "value": "--otlp-traces-endpoint http://mine:4317 --collect-detailed-traces model"}]);
    let spec = main(main(spec(), "command", json!(["bash", "-c", "vllm $@", "--"])), "env", variable);
    assert_eq!(words(&traced(spec).main()), Vec::<&str>::new());
}

#[test]
fn variables_of_ones_own_are_kept() {
    let own = json!({"name": "OTEL_TRACES_SAMPLER", "value": "always_on"});
    let main = traced(main(spec(), "env", json!([own]))).main();
    let all = tree::list(&main, &["env"]).iter().filter(|v| v["name"] == "OTEL_TRACES_SAMPLER");
    assert_eq!(all.collect::<Vec<_>>(), [&own]);
}

#[test]
// W-23
fn a_foreign_command_gets_the_flags_as_its_entrypoint_takes_them() {
    let args = |command: Value| words_of(&traced(main(spec(), "command", command)));
    let with_name = [&["--"], FLAGS.as_slice()].concat();
    assert_eq!(args(json!(["/bin/bash", "-c", "eval \"exec vllm serve $@\"", "--"])), FLAGS);
    assert_eq!(args(json!(["sh", "-c", "exec vllm serve \"$@\""])), with_name);
    assert_eq!(args(json!(["python3", "-m", "vllm.entrypoints.openai.api_server"])), FLAGS);
}

fn words_of(fixture: &Fixture) -> Vec<String> {
    words(&fixture.main()).into_iter().map(str::to_owned).collect()
}

#[test]
// W-23
fn a_script_that_takes_no_arguments_is_left_alone_and_told() {
    let spec = main(main(spec(), "command", json!(["sh", "-c"])), "args", json!(["vllm serve /mnt/models"]));
    let fixture = traced(spec);
    let main = fixture.main();
    assert_eq!(main["args"], json!(["vllm serve /mnt/models"]));
    assert_eq!(main["env"], variables("inference-server"));
    assert_eq!(
        fixture.outcome().warnings,
        ["spec.template.containers[main].command: the command is a script that takes no arguments: add \
          --otlp-traces-endpoint http://collector:4317 to it, or end vLLM's line in \"$@\" (from config kserve/base)"]
    );
}

#[test]
fn an_endpoint_with_shell_text_stays_one_word() {
    let endpoint = "http://c:4317/?a=b&c=$(NODE_IP); d 'e' \"f\"";
    let traced = |spec| fixture(with(spec, "/tracing", json!({"exporterEndpoint": endpoint})));
    assert!(words(&traced(spec()).main()).contains(&endpoint));
    let evaluated = main(spec(), "command", json!(["bash", "-c", "eval \"vllm $@\"", "--"]));
    let args = words_of(&traced(evaluated));
    assert_eq!(shlex::split(&args.join(" ")).unwrap()[1], endpoint);
}

#[test]
fn without_an_endpoint_servers_send_nothing_and_a_warning_says_so_once() {
    let fixture = fixture(with(disaggregated(), "/tracing", json!({"sampler": "always_on"})));
    let about_tracing = |w: &&String| w.contains("tracing");
    let warnings = fixture.outcome().warnings;
    assert_eq!(
        warnings.iter().filter(about_tracing).collect::<Vec<_>>(),
        [
            "spec.tracing.exporterEndpoint: model servers send no traces without an endpoint: set it, for example \
          http://otel-collector:4317"
        ]
    );
    assert_eq!(fixture.pod(), self::fixture(disaggregated()).pod());
}

fn scheduled(args: &Value) -> Value {
    let picker = json!({"containers": [{"name": "main", "image": "epp", "args": args}]});
    let pool = json!({"spec": {"targetPorts": [{"number": 8000}]}});
    with(spec(), "/router", json!({"scheduler": {"pool": pool, "template": picker}}))
}

fn picker(fixture: &Fixture) -> Value {
    let mut deployment = fixture.object(Kind::Deployment, "llama-kserve-router-scheduler");
    deployment["spec"]["template"]["spec"]["containers"][0].take()
}

#[test]
fn the_endpoint_picker_is_traced_too() {
    let picker = picker(&traced(scheduled(&json!([]))));
    assert_eq!(words(&picker).last(), Some(&"--tracing=true"));
    assert_eq!(picker["env"], variables("inference-scheduler"));
}

#[rstest]
#[case("--tracing=false")]
#[case("-tracing")]
fn a_flag_of_the_pickers_own_is_kept(#[case] flag: &str) {
    let picker = picker(&traced(scheduled(&json!([flag]))));
    let given: Vec<&str> = words(&picker).into_iter().filter(|word| word.contains("tracing")).collect();
    assert_eq!(given, [flag]);
}

#[test]
fn the_picker_traces_without_an_endpoint_to_its_own_default() {
    let spec = with(scheduled(&json!([])), "/tracing", json!({"sampler": "always_on"}));
    let picker = picker(&fixture(spec));
    assert_eq!(words(&picker).last(), Some(&"--tracing=true"));
    let env = tree::list(&picker, &["env"]);
    assert!(tree::named(env, "OTEL_EXPORTER_OTLP_ENDPOINT").is_none());
    assert_eq!(tree::named(env, "OTEL_TRACES_SAMPLER").unwrap()["value"], json!("always_on"));
}

#[test]
fn without_tracing_nothing_is_added() {
    let objects = fixture(scheduled(&json!([]))).objects();
    assert!(!objects.iter().any(|o| o.body.to_string().contains("OTEL")));
}
