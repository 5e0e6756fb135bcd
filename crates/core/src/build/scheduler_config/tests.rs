use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::*;
use crate::facts::{Key, Ref};
use crate::validate::routing::fixture::{World, spec};

/// A service whose scheduler has these fields over the preset's.
fn scheduled(scheduler: &Value) -> Value {
    spec(json!({"scheduler": scheduler}))
}

fn main(merged: &mut Value) -> &mut Value {
    &mut merged["router"]["scheduler"]["template"]["containers"][0]
}

fn pod(world: &mut World, merged: &Value) -> Value {
    world.object(merged, Kind::Deployment)["spec"]["template"]["spec"].take()
}

fn document(pod: &Value) -> Value {
    parse(&text_argument(main_args(pod)).unwrap()).unwrap()
}

fn doubts(merged: &Value) -> Vec<String> {
    World::new().validate(merged).2.into_iter().map(|w| format!("{}: {}", w.path, w.message)).collect()
}

#[test]
fn text_in_the_templates_own_arguments_is_migrated_in_its_place() {
    let mut merged = scheduled(&json!({}));
    main(&mut merged)["args"] = json!(["--configText=plugins: [{type: pd-profile-handler}]", "--v=5"]);
    let args = pod(&mut World::new(), &merged)["containers"][0]["args"].clone();
    assert_eq!(args, json!(["--v=5", "--configText", "plugins:\n- type: disagg-profile-handler\n"]));
    main(&mut merged)["args"] = json!(["--configText=plugins: [{type: queue-scorer}]", "--v=5"]);
    let args = pod(&mut World::new(), &merged)["containers"][0]["args"].clone();
    assert_eq!(args, main(&mut merged)["args"], "nothing to do, nothing done");
}

#[test]
fn an_unknown_document_stays_and_so_do_the_flags() {
    let mut merged =
        scheduled(&json!({"config": {"inline": {"kind": "Mine", "plugins": [{"type": "tokenizer"}]}}}));
    main(&mut merged)["command"] = json!(["/mine", "--model-server-metrics-port=8000"]);
    let pod = pod(&mut World::new(), &merged);
    assert_eq!(document(&pod), json!({"kind": "Mine", "plugins": [{"type": "tokenizer"}]}));
    assert_eq!(pod["containers"][0]["command"], json!(["/mine"]), "the port goes nowhere");
}

#[test]
fn flags_that_nobody_can_move_are_said_before_the_picker_is_replaced() {
    let mut merged = scheduled(&json!({}));
    main(&mut merged)["args"] =
        json!(["--config-file", "/etc/epp.yaml", "--lora-info-metric=", "--model-server-metrics-path=/m"]);
    let (_, findings, _) = World::new().validate(&merged);
    let said: Vec<String> = findings.iter().map(|f| format!("{}: {}", f.path, f.message)).collect();
    let text = |flag: &str, plugin: &str| {
        format!(
            "spec.router.scheduler.template.containers[main]: has the flag --{flag}, which endpoint pickers of version 0.10 \
             do not have: they would not start, and the operator cannot move it into a configuration file or a document \
             of another kind; remove the flag and say the same in the configuration, with the plugin {plugin}"
        )
    };
    let expected = [
        text("lora-info-metric", "core-metrics-extractor"),
        text("model-server-metrics-path", "metrics-data-source"),
    ];
    assert_eq!(said, expected);
    merged["router"]["scheduler"]["annotations"] = json!({"app.kubernetes.io/version": "0.6.0"});
    assert_eq!(World::new().validate(&merged).1, []);
}

#[test]
fn a_version_that_is_none_is_told_and_nothing_is_migrated() {
    let inline = json!({"plugins": [{"type": "pd-profile-handler"}]});
    let merged = scheduled(&json!({"annotations": {VERSION: "main"}, "config": {"inline": inline}}));
    let expected = "spec.router.scheduler.annotations[app.kubernetes.io/version]: \"main\" is no version such as 0.10.0, so \
                    it is not known what the endpoint picker needs: its flags and configuration stay as they are; \
                    correct the annotation";
    assert_eq!(doubts(&merged), [expected]);
    assert_eq!(document(&pod(&mut World::new(), &merged)), inline);
}

#[test]
fn doubts_about_plugins_name_their_place_and_say_what_the_operator_does() {
    let plugins = json!([
        {"type": "pd-profile-handler", "parameters": {"threshold": 0}},
        {"type": "prefix-cache-scorer", "parameters": {"blockSize": 64}},
        {"type": "que-scorer"},
        {"type": "queue-scorer", "parameters": {"limit": 1}},
    ]);
    let merged = scheduled(&json!({"config": {"inline": {"plugins": plugins}}}));
    let at = "spec.router.scheduler.config.inline.plugins";
    let expected = [
        format!(
            "{at}[0].type: \"pd-profile-handler\" is deprecated since 0.7; use disagg-profile-handler with a decider; until \
             then the operator translates it"
        ),
        format!(
            "{at}[2].type: \"que-scorer\" is no plugin of the endpoint picker that is known for version 0.10: unless its \
             image brings it, the picker does not start; check the name"
        ),
        format!(
            "{at}[3].parameters.limit: is no parameter of \"queue-scorer\" that is known: it has no effect, or the picker \
             does not start"
        ),
    ];
    assert_eq!(doubts(&merged), expected);
    let mut in_arguments = scheduled(&json!({}));
    main(&mut in_arguments)["args"] = json!(["--config-text={plugins: [{type: que-scorer}]}"]);
    assert!(
        doubts(&in_arguments)[0]
            .starts_with("spec.router.scheduler.template.containers[main].args.plugins[0].type: ")
    );
    assert_eq!(doubts(&scheduled(&json!({}))), [] as [String; 0], "the default is above doubt");
}

#[test]
fn prefill_pods_that_no_handler_sends_to_are_told() {
    let mut merged = scheduled(&json!({"config": {"inline": {"plugins": [{"type": "queue-scorer"}]}}}));
    merged["prefill"] = json!({});
    let expected = "spec.router.scheduler.config.inline.plugins: lists no disagg-profile-handler, so no request is sent to \
                    the prefill pods; take the preset config-llm-scheduler-prefill-decode as an example, or remove \
                    spec.prefill";
    assert_eq!(doubts(&merged), [expected]);
}

#[test]
fn a_tokenizer_in_the_pickers_own_pod_reads_the_model() {
    let inline = json!({"plugins": [{"type": "precise-prefix-cache-scorer"}]});
    let version = json!({VERSION: "0.8.0"});
    let mut merged = scheduled(&json!({"annotations": version, "config": {"inline": inline}}));
    let containers = merged["router"]["scheduler"]["template"]["containers"].as_array_mut().unwrap();
    containers.push(json!({"name": "tokenizer", "image": "uds"}));
    merged["model"] = json!({"uri": "pvc://weights/m"});
    let mut world = World::new();
    let account = Key::ServiceAccount(Ref::new("ml", "default"));
    world.see(account, json!({}));
    let pod = pod(&mut world, &merged);
    let mount = json!([{"name": "kserve-pvc-source", "mountPath": "/mnt/models/base", "readOnly": true, "subPath": "m"}]);
    assert_eq!(pod["containers"][1], json!({"name": "tokenizer", "image": "uds", "volumeMounts": mount}));
    let indexer = json!({"tokenizersPoolConfig": {"modelName": "base", "uds": {"socketFile": "/tmp/tokenizer/tokenizer-uds.socket"}}});
    assert_eq!(document(&pod)["plugins"][0]["parameters"], json!({"indexerConfig": indexer}));
    merged["router"]["scheduler"]["config"]["inline"] = json!({"plugins": [{"type": "queue-scorer"}]});
    merged["router"]["scheduler"]["annotations"] = json!({VERSION: "0.9.0"});
    let newer = super::tests::pod(&mut world, &merged);
    assert_eq!(newer["containers"].as_array().unwrap().len(), 1, "since 0.9 nobody talks to it");
    assert!(tree::named(tree::list(&newer, &["volumes"]), "kserve-pvc-source").is_none());
}
