use serde_json::json;

use super::*;

const NOW: &str = "2026-01-02T03:04:05Z";

fn status(config: &Value, users: &BTreeSet<Ref>, cluster: &Cluster, now: &str) -> Value {
    super::status(config, users, &problems(config, cluster), now)
}

fn cluster() -> Cluster {
    Cluster { config_prefix: "llmisvc-v0-2-0-".to_owned(), ..Cluster::default() }
}

fn service(spec: Value, status: Value) -> Value {
    let mut service = json!({"metadata": {"name": "m", "namespace": "team"}});
    *tree::entry(&mut service, "spec") = spec;
    *tree::entry(&mut service, "status") = status;
    service
}

/// Which of the configs that exist the service uses.
fn used(service: &Value, existing: &[(&str, &str)]) -> Vec<String> {
    let claims = Claims::of(service, &cluster());
    let all: BTreeSet<Ref> = existing.iter().map(|(namespace, name)| Ref::new(namespace, name)).collect();
    all.iter().filter(|c| claims.uses(c, |place| all.contains(place))).map(ToString::to_string).collect()
}

fn config(metadata: &Value, spec: Value) -> Value {
    let mut config = json!({"metadata": {"name": "base", "namespace": "team", "generation": 3}});
    tree::overlay(tree::entry(&mut config, "metadata"), metadata);
    *tree::entry(&mut config, "spec") = spec;
    config
}

fn users(count: usize) -> BTreeSet<Ref> {
    (0..count).map(|i| Ref::new("team", &format!("m{i:03}"))).collect()
}

fn held() -> Value {
    json!({"finalizers": ["other/finalizer", CONFIG_FINALIZER]})
}

fn deleting() -> Value {
    json!({"finalizers": [CONFIG_FINALIZER], "deletionTimestamp": NOW})
}

// E-41
#[test]
fn a_new_base_ref_is_used_before_it_is_merged() {
    let applied = json!({"appliedConfigs": [{"name": "old", "namespace": "kserve", "source": "UserRef"}]});
    let service = service(json!({"baseRefs": [{"name": "new"}]}), applied);
    let existing = [("team", "new"), ("team", "old"), ("kserve", "new"), ("kserve", "old")];
    assert_eq!(used(&service, &existing), ["kserve/old", "team/new"]);
}

// E-41
#[test]
fn a_config_that_is_shadowed_is_not_used() {
    let service = service(json!({"baseRefs": [{"name": "a"}, {"name": "b"}]}), json!({}));
    assert_eq!(used(&service, &[("team", "a"), ("kserve", "a"), ("kserve", "b")]), ["kserve/b", "team/a"]);
    assert_eq!(used(&service, &[("kserve", "a"), ("other", "b")]), ["kserve/a"]);
}

// E-41
#[test]
fn presets_are_used_only_by_who_uses_them() {
    let existing = [
        ("kserve", "llmisvc-v0-1-0-config-llm-scheduler"),
        ("kserve", "llmisvc-v0-2-0-config-llm-router-route"),
        ("kserve", "llmisvc-v0-2-0-config-llm-scheduler"),
        ("kserve", "llmisvc-v0-2-0-config-llm-template"),
        ("kserve", "kserve-config-llm-template"),
    ];
    let pins = json!({"serving.kserve.io/config-llm-scheduler": "llmisvc-v0-1-0-config-llm-scheduler"});
    let applied = json!([
        {"name": "llmisvc-v0-1-0-config-llm-scheduler", "namespace": "kserve", "source": "Preset"},
        {"name": "llmisvc-v0-2-0-config-llm-template", "namespace": "kserve", "source": "Preset"},
    ]);
    let merged = service(json!({}), json!({"annotations": pins, "appliedConfigs": applied}));
    let expected =
        ["kserve/llmisvc-v0-1-0-config-llm-scheduler", "kserve/llmisvc-v0-2-0-config-llm-template"];
    assert_eq!(used(&merged, &existing), expected);
    // Nothing could be merged the last time: pins count, and what the spec asks for by itself.
    let spec = json!({"router": {"route": {}, "scheduler": {}}});
    let expected = [
        "kserve/llmisvc-v0-1-0-config-llm-scheduler",
        "kserve/llmisvc-v0-2-0-config-llm-router-route",
        "kserve/llmisvc-v0-2-0-config-llm-template",
    ];
    assert_eq!(used(&service(spec, json!({"annotations": pins})), &existing), expected);
}

#[test]
fn pins_of_the_peers_presets_count() {
    let pins = json!({"serving.kserve.io/config-llm-template": "kserve-config-llm-template"});
    let merged = service(json!({}), json!({"annotations": pins}));
    let existing =
        [("kserve", "kserve-config-llm-template"), ("kserve", "llmisvc-v0-2-0-config-llm-template")];
    assert_eq!(used(&merged, &existing), ["kserve/kserve-config-llm-template"]);
    let named = service(json!({"baseRefs": [{"name": "kserve-config-llm-tracing"}]}), json!({}));
    let ours = [("kserve", "llmisvc-v0-2-0-config-llm-tracing")];
    assert_eq!(used(&named, &ours), ["kserve/llmisvc-v0-2-0-config-llm-tracing"]);
}

#[test]
fn a_service_on_its_way_out_uses_nothing() {
    let mut service = service(json!({"baseRefs": [{"name": "a"}]}), json!({}));
    service["metadata"]["deletionTimestamp"] = json!(NOW);
    assert_eq!(used(&service, &[("team", "a")]), [""; 0]);
}

#[test]
fn the_finalizer_is_there_as_long_as_there_are_users() {
    let free = config(&json!({}), json!({}));
    let held = config(&held(), json!({}));
    let going = config(&deleting(), json!({}));
    let foreign = config(&json!({"finalizers": ["x/y"], "deletionTimestamp": NOW}), json!({}));
    let next = |config: &Value, count, leaving| step(config, &users(count), &cluster(), leaving);
    assert_eq!([next(&free, 0, false), next(&free, 1, false)], [Step::Keep, Step::Hold]);
    assert_eq!([next(&held, 0, false), next(&held, 1, false)], [Step::LetGo, Step::Keep]);
    assert_eq!([next(&going, 0, false), next(&going, 1, false)], [Step::LetGo, Step::Keep]);
    assert_eq!(next(&foreign, 1, false), Step::Keep, "nothing can be added to what is deleted");
    assert_eq!(next(&going, 1, true), Step::LetGo, "nobody would be left to let it go");
}

fn preset(name: &str, applied: bool) -> Value {
    let mut config = config(&json!({"name": name, "namespace": "kserve"}), json!({}));
    config["metadata"]["labels"] = json!({MANAGED_BY: MANAGED_BY_VALUE});
    if applied {
        config["metadata"]["annotations"] = json!({APPLIED: "0123"});
    }
    config
}

#[test]
fn presets_of_older_releases_go_when_nobody_uses_them() {
    let next = |config: &Value, count| step(config, &users(count), &cluster(), false);
    let older = preset("llmisvc-v0-0-9-config-llm-template", true);
    assert_eq!([next(&older, 0), next(&older, 1)], [Step::Retire, Step::Hold]);
    for kept in [
        preset("llmisvc-v0-0-9-config-llm-template", false),
        preset("llmisvc-v0-2-0-config-llm-template", true),
        preset("llmisvc-v99-0-0-config-llm-template", true),
        preset("kserve-config-llm-template", true),
        preset("llmisvc-vx-config-llm-template", true),
    ] {
        assert_eq!(next(&kept, 0), Step::Keep, "{kept}");
    }
    let mut elsewhere = older.clone();
    elsewhere["metadata"]["namespace"] = json!("team");
    let mut theirs = older.clone();
    theirs["metadata"]["labels"] = json!({});
    let mut held = older;
    held["metadata"]["finalizers"] = json!([CONFIG_FINALIZER]);
    assert_eq!(
        [next(&elsewhere, 0), next(&theirs, 0), next(&held, 0)],
        [Step::Keep, Step::Keep, Step::LetGo]
    );
}

fn condition(kind: &str, status: &str, severity: Option<&str>, reason: &str, message: &str) -> Value {
    let mut condition = json!({"type": kind, "status": status, "lastTransitionTime": NOW});
    for (key, value) in [("severity", severity.unwrap_or_default()), ("reason", reason), ("message", message)]
    {
        if !value.is_empty() {
            condition[key] = json!(value);
        }
    }
    condition
}

#[test]
fn the_status_says_who_uses_it() {
    let ready = condition("Ready", "True", None, "", "");
    let unused = condition("ConfigInUse", "False", Some("Info"), "NotInUse", "");
    let mut config = config(&json!({}), json!({}));
    config["status"] = json!({"annotations": {"a": "b"}, "referencedBy": [{"namespace": "x", "name": "y"}]});
    let expected = json!({"observedGeneration": 3, "annotations": {"a": "b"}, "conditions": [unused, ready]});
    assert_eq!(status(&config, &users(0), &cluster(), NOW), expected);

    let message = "referenced by 2 LLMInferenceService(s)";
    let used = condition("ConfigInUse", "True", Some("Info"), "InUse", message);
    let expected = json!({
        "observedGeneration": 3,
        "annotations": {"a": "b"},
        "conditions": [used, ready],
        "referencedBy": [{"namespace": "team", "name": "m000"}, {"namespace": "team", "name": "m001"}],
    });
    assert_eq!(status(&config, &users(2), &cluster(), NOW), expected);
}

#[test]
fn a_deletion_that_waits_names_whom_it_waits_for() {
    let status = status(&config(&deleting(), json!({})), &users(7), &cluster(), NOW);
    let message = "deletion waits for 7 LLMInferenceService(s): team/m000, team/m001, team/m002, team/m003, \
                   team/m004 and 2 more";
    let blocked = condition("ConfigInUse", "True", Some("Info"), "DeletionBlocked", message);
    assert_eq!(status["conditions"], json!([blocked, condition("Ready", "True", None, "", "")]));
}

#[test]
fn a_long_list_is_cut_and_all_are_counted() {
    let status = status(&config(&json!({}), json!({})), &users(900), &cluster(), NOW);
    assert_eq!(status["referencedBy"].as_array().map(Vec::len), Some(500));
    assert_eq!(status["conditions"][0]["message"], "referenced by 900 LLMInferenceService(s)");
}

// E-40
#[test]
fn ready_says_what_is_wrong_with_a_config_also_while_it_is_used_and_deleted() {
    let spec = json!({"template": {"containers": [
        {"name": "main", "args": ["{{ .Name }}", "{{ if .Spec.Prefill }}", "{{ nosuch .Name }}"]},
    ]}});
    let status = status(&config(&deleting(), spec), &users(1), &cluster(), NOW);
    let ready = &status["conditions"][1];
    assert_eq!(
        (&ready["type"], &ready["status"], &ready["reason"]),
        (&json!("Ready"), &json!("False"), &json!("InvalidConfig"))
    );
    let message = ready["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("spec.template.containers[main].args[1]: template does not parse: "),
        "{message}"
    );
    assert!(
        message.contains("spec.template.containers[main].args[2]: template does not parse: "),
        "{message}"
    );
    assert!(!message.contains("args[0]"), "{message}");
}
