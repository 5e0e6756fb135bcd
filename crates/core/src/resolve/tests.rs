use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::facts::{Cluster, Seen};
use crate::object::Live;
use crate::settings::Settings;

struct World {
    service: Value,
    seen: Seen,
    cluster: Cluster,
}

impl World {
    fn new(spec: Value) -> Self {
        let mut service = json!({"metadata": {"name": "m", "namespace": "team"}});
        *tree::entry(&mut service, "spec") = spec;
        let cluster = Cluster { config_prefix: "v1-".to_owned(), ..Cluster::default() };
        Self { service, seen: Seen::default(), cluster }
    }

    fn config(mut self, namespace: &str, name: &str, spec: Value) -> Self {
        let answer =
            Answer::Found(Arc::new(Value::Object([("spec".to_owned(), spec)].into_iter().collect())));
        self.seen.insert(Key::Config(Ref::new(namespace, name)), answer);
        self
    }

    fn resolve(&self) -> Result<Layers, Fault> {
        let (settings, live) = (Settings::default(), Live::new());
        let inputs = Inputs {
            service: &self.service,
            settings: &settings,
            cluster: &self.cluster,
            seen: &self.seen,
            live: &live,
        };
        resolve(&inputs)
    }

    fn names(&self) -> Vec<String> {
        self.resolve().expect("resolves").configs.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn presets_come_before_base_refs() {
    let world = World::new(json!({"baseRefs": [{"name": "b"}, {"name": "a"}]}))
        .config("team", "a", json!({}))
        .config("kserve", "b", json!({}))
        .config("kserve", "v1-config-llm-template", json!({}));
    assert_eq!(world.names(), ["kserve/v1-config-llm-template", "kserve/b", "team/a"]);
}

#[test]
fn the_namespace_of_the_service_shadows_the_system_namespace() {
    let world = World::new(json!({})).config("team", "kserve-config-llm-template", json!({})).config(
        "kserve",
        "v1-config-llm-template",
        json!({}),
    );
    assert_eq!(world.names(), ["team/kserve-config-llm-template"]);
}

#[test]
fn the_versioned_name_comes_before_the_plain_one() {
    let world = World::new(json!({})).config("kserve", "kserve-config-llm-template", json!({})).config(
        "kserve",
        "v1-config-llm-template",
        json!({}),
    );
    assert_eq!(world.names(), ["kserve/v1-config-llm-template"]);
}

#[test]
fn presets_follow_the_precedence_of_the_final_merge() {
    // C-3: the base ref turns prefill on, the service turns it off again
    let world = World::new(json!({"prefill": null, "baseRefs": [{"name": "pd"}]}))
        .config("team", "pd", json!({"prefill": {}}))
        .config("kserve", "v1-config-llm-template", json!({}));
    assert_eq!(world.names(), ["kserve/v1-config-llm-template", "team/pd"]);
}

#[test]
fn of_many_configs_those_spelled_most_like_it_are_named() {
    let mut world = World::new(json!({"baseRefs": [{"name": "llm-amd-rcom"}]}));
    let all = json!([
        "a",
        "llm-amd-rocm",
        "llm-cpu",
        "llm-google-tpu",
        "llm-nvidia",
        "llm-xpu",
        "zzzzzzzzzzzzzzzzz"
    ]);
    world.seen.insert(Key::ConfigNames("kserve".to_owned()), Answer::Found(Arc::new(all)));
    let fault = world.resolve().expect_err("must not resolve");
    assert_eq!(
        fault.findings[0].to_string(),
        "spec.baseRefs[0].name: LLMInferenceServiceConfig \"llm-amd-rcom\" not found in namespaces [team kserve]; create it, \
         or name one of these: kserve/llm-amd-rocm, kserve/llm-cpu, kserve/llm-nvidia, kserve/llm-xpu, \
         kserve/llm-google-tpu and 2 more"
    );
}

// E-51
#[test]
fn a_missing_config_names_where_it_was_looked_for_and_what_there_is() {
    // C-19
    let mut world = World::new(json!({"baseRefs": [{"name": "gone"}]}));
    world.seen.insert(Key::ConfigNames("team".to_owned()), Answer::Found(Arc::new(json!(["gpu"]))));
    let fault = world.resolve().expect_err("must not resolve");
    assert_eq!(fault.reason, "ConfigNotFound");
    assert_eq!(
        fault.findings[0].to_string(),
        "spec.baseRefs[0].name: LLMInferenceServiceConfig \"gone\" not found in namespaces [team kserve]; create it, or name one of these: team/gpu"
    );
}

#[test]
fn an_unreadable_config_is_not_a_missing_one() {
    // C-15
    let mut world = World::new(json!({"baseRefs": [{"name": "a"}]}));
    world.seen.insert(Key::Config(Ref::new("team", "a")), Answer::Unreadable("timeout".to_owned()));
    let fault = world.resolve().expect_err("must not resolve");
    assert_eq!(fault.reason, "ValidationUnavailable");
    assert!(fault.findings[0].message.contains("cannot be read: timeout"));
}

#[test]
fn a_pin_holds_until_the_user_lets_go() {
    // C-13
    let mut world = World::new(json!({})).config("kserve", "v0-config-llm-template", json!({})).config(
        "kserve",
        "v1-config-llm-template",
        json!({}),
    );
    world.service["status"] =
        json!({"annotations": {"serving.kserve.io/config-llm-template": "v0-config-llm-template"}});
    assert_eq!(world.names(), ["kserve/v0-config-llm-template"]);
    world.service["metadata"]["annotations"] = json!({"llmisvc.io/unpin-configs": "true"});
    let layers = world.resolve().expect("resolves");
    assert_eq!(layers.configs[0].name, "v1-config-llm-template");
    assert_eq!(layers.pins["serving.kserve.io/config-llm-template"], "v1-config-llm-template");
}

#[test]
fn only_presets_in_use_are_pinned() {
    // C-13
    let world = World::new(json!({"router": {"route": {}}}))
        .config("kserve", "v1-config-llm-template", json!({}))
        .config("kserve", "v1-config-llm-router-route", json!({}));
    let pins: Vec<String> = world.resolve().expect("resolves").pins.into_keys().collect();
    assert_eq!(pins, ["serving.kserve.io/config-llm-template"]);
}

#[test]
fn a_base_ref_to_a_preset_of_the_peer_finds_ours() {
    let world = World::new(json!({"baseRefs": [{"name": "kserve-config-llm-template"}]})).config(
        "kserve",
        "v1-config-llm-template",
        json!({}),
    );
    assert_eq!(world.names(), ["kserve/v1-config-llm-template", "kserve/v1-config-llm-template"]);
}

fn two_releases(annotation: (&str, &str)) -> World {
    let mut world = World::new(json!({}))
        .config("kserve", "llmisvc-v0-1-0-config-llm-template", json!({}))
        .config("kserve", "llmisvc-v0-2-0-config-llm-template", json!({}));
    world.cluster.config_prefix = "llmisvc-v0-2-0-".to_owned();
    world.service["metadata"]["annotations"] = json!({annotation.0: annotation.1});
    world.service["status"] = json!({
        "annotations": {"serving.kserve.io/config-llm-template": "llmisvc-v0-1-0-config-llm-template"},
    });
    world
}

#[test]
fn a_service_uses_the_presets_of_the_release_that_it_asks_for() {
    for (asked, expected) in [("0.1.0", "v0-1-0"), ("v0.2.0", "v0-2-0"), ("latest", "v0-2-0")] {
        let world = two_releases((PRESET_VERSION, asked));
        let layers = world.resolve().expect("resolves");
        assert_eq!(layers.configs[0].name, format!("llmisvc-{expected}-config-llm-template"), "{asked}");
        assert_eq!(layers.pins["serving.kserve.io/config-llm-template"], layers.configs[0].name);
    }
    assert_eq!(two_releases(("other", "0.2.0")).names(), ["kserve/llmisvc-v0-1-0-config-llm-template"]);
}

#[test]
fn a_release_whose_presets_are_not_there_is_named_with_the_annotation() {
    let fault = two_releases((PRESET_VERSION, "0.9.0")).resolve().expect_err("must not resolve");
    let expected = "metadata.annotations[llmisvc.io/preset-version]: LLMInferenceServiceConfig \
                    \"llmisvc-v0-9-0-config-llm-template\" not found in namespaces [team kserve]; create it, or \
                    remove the reference";
    assert_eq!((fault.reason, fault.findings[0].to_string()), ("ConfigNotFound", expected.to_owned()));
}

#[test]
fn pins_of_the_peers_presets_go_on_working() {
    let mut world = World::new(json!({})).config("kserve", "kserve-config-llm-template", json!({})).config(
        "kserve",
        "v1-config-llm-template",
        json!({}),
    );
    world.service["status"] =
        json!({"annotations": {"serving.kserve.io/config-llm-template": "kserve-config-llm-template"}});
    assert_eq!(world.names(), ["kserve/kserve-config-llm-template"]);
    world.service["metadata"]["annotations"] = json!({PRESET_VERSION: "latest"});
    assert_eq!(world.names(), ["kserve/v1-config-llm-template"]);
}

#[test]
fn a_preset_is_found_by_its_name_alone_too() {
    let named = |name: &str| {
        let world = World::new(json!({"baseRefs": [{"name": name}]}))
            .config("kserve", "v1-config-llm-template", json!({}))
            .config("kserve", "v1-config-llm-scheduler-load-aware", json!({}));
        world.names()[1].clone()
    };
    for name in ["config-llm-scheduler-load-aware", "kserve-config-llm-scheduler-load-aware"] {
        assert_eq!(named(name), "kserve/v1-config-llm-scheduler-load-aware");
    }
    let own = World::new(json!({"baseRefs": [{"name": "config-llm-scheduler-load-aware"}]}))
        .config("kserve", "v1-config-llm-template", json!({}))
        .config("kserve", "v1-config-llm-scheduler-load-aware", json!({}))
        .config("team", "config-llm-scheduler-load-aware", json!({}));
    assert_eq!(own.names()[1], "team/config-llm-scheduler-load-aware", "a user's own comes first");
}

/// A service whose scheduler configuration is in this ConfigMap.
fn by_reference(namespace: &str, name: &str, text: &str) -> World {
    let reference = json!({"name": name, "key": "c"});
    let mut world = World::new(json!({"router": {"scheduler": {"config": {"ref": reference}}}}))
        .config("kserve", "v1-config-llm-template", json!({}))
        .config("kserve", "v1-config-llm-scheduler", json!({}))
        .config("kserve", "v1-config-llm-tokenizer", json!({}))
        .config("kserve", "v1-config-llm-scheduler-latency-predictor", json!({}));
    let map = Answer::Found(Arc::new(json!({"data": {"c": text}})));
    world.seen.insert(Key::ConfigMap(Ref::new(namespace, name)), map);
    world
}

#[test]
// G-52
fn plugins_of_a_referenced_configuration_bring_their_presets() {
    let text = "plugins: [{type: token-producer}, {type: predicted-latency-producer}]";
    let expected = [
        "kserve/v1-config-llm-scheduler",
        "kserve/v1-config-llm-tokenizer",
        "kserve/v1-config-llm-scheduler-latency-predictor",
        "kserve/v1-config-llm-template",
    ];
    assert_eq!(by_reference("team", "mine", text).names(), expected);
    assert_eq!(by_reference("kserve", "config-scheduler-shared", text).names(), expected);
    let bare = ["kserve/v1-config-llm-scheduler", "kserve/v1-config-llm-template"];
    assert_eq!(by_reference("team", "mine", "plugins: [{type: queue-scorer}]").names(), bare);
    assert_eq!(
        by_reference("kserve", "elsewhere", text).names(),
        bare,
        "only the prefix is looked for there"
    );
}

#[test]
fn a_reference_that_is_outdone_or_a_template_asks_for_nothing() {
    let mut inline = by_reference("team", "mine", "plugins: [{type: token-producer}]");
    inline.service["spec"]["router"]["scheduler"]["config"]["inline"] = json!({"plugins": []});
    let template = by_reference("team", "{{ .Name }}", "plugins: [{type: token-producer}]");
    template.seen.take_open();
    for world in [inline, template] {
        assert_eq!(world.names(), ["kserve/v1-config-llm-scheduler", "kserve/v1-config-llm-template"]);
    }
}
