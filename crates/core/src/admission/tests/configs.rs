//! Configs: presets, templates, the samples.

use serde_json::{Value, json};

use super::*;
use crate::admission::sample;
use crate::facts::OWN_PREFIX;
use crate::presets;

fn config(name: &str, spec: Value) -> Value {
    let mut config = service(spec);
    config["kind"] = json!("LLMInferenceServiceConfig");
    config["metadata"]["name"] = json!(name);
    config
}

fn on<'a>(namespace: &'a str, name: &'a str, operation: Operation, object: &'a Value) -> Request<'a> {
    let (new, old) = if operation == Operation::Delete { (None, Some(object)) } else { (Some(object), None) };
    Request { subject: Subject::Config, operation, namespace, name, object: new, old, ..create(object) }
}

#[test]
fn the_presets_of_this_release_pass_without_a_word() {
    // E-29
    for preset in presets::shipped(OWN_PREFIX) {
        let name = tree::text(&preset, &["metadata", "name"]);
        let verdict = review(&on("kserve", name, Operation::Create, &preset), &site());
        assert_eq!(verdict, Verdict::default(), "{name}");
    }
}

#[test]
fn a_preset_is_kept_from_deletion_only_where_it_is_the_operators() {
    // E-30, E-32
    let name = format!("{OWN_PREFIX}config-llm-template");
    let object = config(&name, json!({}));
    let delete = on("kserve", &name, Operation::Delete, &object);
    assert_eq!(rules(&delete), ["CG6"]);
    assert_eq!(rules(&Request { namespace: "elsewhere", ..delete }), Vec::<&str>::new());
    assert_eq!(rules(&Request { name: "mine", ..delete }), Vec::<&str>::new());
    let controller = "system:serviceaccount:kube-system:namespace-controller";
    assert_eq!(rules(&Request { user: controller, ..delete }), Vec::<&str>::new());
}

#[test]
fn configs_may_be_deleted_where_that_is_allowed() {
    let name = format!("{OWN_PREFIX}config-llm-template");
    let object = config(&name, json!({}));
    let site = Site { prevent_config_deletion: false, ..site() };
    let verdict = review(&on("kserve", &name, Operation::Delete, &object), &site);
    assert_eq!(verdict.problems, []);
    assert_eq!(
        verdict.warnings,
        [format!("deleting well-known config kserve/{name} is not recommended: services are made from it")]
    );
}

#[test]
fn a_preset_that_changes_is_a_warning_also_when_something_is_only_added() {
    // E-30
    let name = format!("{OWN_PREFIX}config-llm-template");
    let (old, new) =
        (config(&name, json!({"replicas": 1})), config(&name, json!({"replicas": 1, "labels": {}})));
    let request = Request { old: Some(&old), ..on("kserve", &name, Operation::Update, &new) };
    assert_eq!(rules(&request), ["W2"]);
    assert_eq!(rules(&Request { namespace: "elsewhere", ..request }), Vec::<&str>::new());
}

#[test]
fn everything_that_fails_in_a_config_is_said_at_once() {
    let args = json!(["{{ if }}", "{{ .Spec.Nope }}", "{{ .Spec.Prefill.Replicas }}"]);
    let object = config("base", json!({"template": {"containers": [{"name": "main", "args": args}]}}));
    assert_eq!(rules(&on("ns", "base", Operation::Create, &object)), ["CG3", "CG3", "N12"]);
}

#[test]
fn a_branch_that_only_bare_services_take_is_read_too() {
    // E-29
    let text = "{{ if .Spec.Prefill }}a{{ else }}{{ .Spec.Nope }}{{ end }}";
    let object = config("base", json!({"labels": {"a": text}}));
    assert_eq!(rules(&on("ns", "base", Operation::Create, &object)), ["CG3"]);
}

#[test]
fn a_config_that_goes_is_let_go() {
    let mut new = config("base", json!({"baseRefs": [{"name": "a"}]}));
    new["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let old = config("base", json!({}));
    let request = Request { old: Some(&old), ..on("ns", "base", Operation::Update, &new) };
    assert_eq!(rules(&request), Vec::<&str>::new());
}

#[test]
fn the_sample_sets_every_field() {
    let spec = sample::full();
    for field in
        ["tracing", "scaling", "kvCacheOffloading", "prefill", "router", "worker", "storageInitializer"]
    {
        assert!(spec[field].as_object().is_some_and(|fields| !fields.is_empty()), "{field}");
    }
    assert_eq!(spec["template"]["containers"][0]["resources"]["limits"], json!({"x": "1Gi"}));
    assert_eq!(spec["model"]["lora"]["adapters"], json!([{}]));
}
