use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::facts::{Answer, Cluster, Ref, Seen};
use crate::object::Live;
use crate::presets;
use crate::settings::Settings;

struct World {
    service: Value,
    cluster: Cluster,
    settings: Settings,
    seen: Seen,
}

impl World {
    fn new(spec: Value) -> Self {
        let mut service = json!({"metadata": {"name": "llm", "namespace": "team", "uid": "u"}});
        *tree::entry(&mut service, "spec") = spec;
        let (cluster, mut seen) = (Cluster::default(), Seen::default());
        for preset in presets::shipped(&cluster.config_prefix) {
            let name = tree::text(&preset, &["metadata", "name"]).to_owned();
            seen.insert(Key::Config(Ref::new("kserve", &name)), Answer::Found(Arc::new(preset)));
        }
        Self { service, cluster, settings: Settings::default(), seen }
    }

    fn config(&mut self, name: &str, spec: Value) {
        let answer =
            Answer::Found(Arc::new(Value::Object([("spec".to_owned(), spec)].into_iter().collect())));
        self.seen.insert(Key::Config(Ref::new("team", name)), answer);
    }

    /// Everything that nobody answered is absent.
    fn decide(&mut self) -> Decision {
        let live = Live::new();
        loop {
            let (service, settings, cluster) = (&self.service, &self.settings, &self.cluster);
            match decide(&Inputs { service, settings, cluster, seen: &self.seen, live: &live }) {
                Step::Done(decision) => return *decision,
                Step::Need(keys) => keys.into_iter().for_each(|key| self.seen.insert(key, Answer::Absent)),
            }
        }
    }

    fn fault(&mut self) -> (&'static str, String) {
        let fault = self.decide().outcome.expect_err("must not be valid");
        (fault.reason, fault.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    fn model(&mut self) -> String {
        self.decide().outcome.expect("is valid").service.model
    }

    fn args(&mut self) -> Vec<String> {
        let desired = self.decide().outcome.expect("is valid");
        let deployment = desired.objects.iter().find(|o| o.name == "llm-kserve").expect("has a Deployment");
        let pod = tree::get(&deployment.body, &["spec", "template", "spec"]).expect("has a pod");
        let main = tree::named(tree::list(pod, &["containers"]), "main").expect("has main");
        tree::list(main, &["args"]).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn spec(more: Value) -> Value {
    let mut spec = json!({"model": {"uri": "pvc://weights/llama"}, "replicas": 1});
    let (Some(spec_map), Value::Object(more)) = (spec.as_object_mut(), more) else { return spec };
    spec_map.extend(more);
    spec
}

// E-16, E-20
#[test]
fn an_explicit_model_name_wins_over_that_of_a_config() {
    // C-2, E-20
    let refs = json!([{"name": "base"}]);
    let named = |name: Value| json!({"uri": "pvc://w", "name": name});
    let models = [
        (named(json!("mine")), "mine"),
        (named(json!("llm")), "theirs"),
        (json!({"uri": "pvc://w"}), "theirs"),
        // C-5: null resets what a config gives.
        (named(Value::Null), "llm"),
    ];
    for (own, expected) in models {
        let mut world = World::new(json!({"model": own, "baseRefs": refs}));
        world.config("base", json!({"model": {"name": "theirs"}}));
        assert_eq!(world.model(), expected);
    }
    assert_eq!(World::new(json!({"model": {"uri": "pvc://w"}})).model(), "llm");
}

// E-19, G-30
#[test]
fn group_and_weight_count_wherever_they_come_from() {
    let refs = json!([{"name": "shared"}]);
    let cases = [
        (json!({"group": "g", "weight": 3}), json!({})),
        (json!({}), json!({"group": "g", "weight": 3})),
        (json!({"weight": 3}), json!({"group": "g", "weight": 1})),
        (json!({"weight": 3}), json!({"group": "g"})),
    ];
    for (own, shared) in cases {
        let pool = json!({"scheduler": {"pool": {"ref": {"name": "theirs"}}}, "route": shared});
        let mut world = World::new(spec(json!({"baseRefs": refs, "router": {"route": own}})));
        world.config("shared", json!({"router": pool}));
        let decision = world.decide();
        assert_eq!(decision.warnings, []);
        let service = decision.outcome.expect("is valid").service;
        let traffic = service.routing.traffic.expect("is in a group");
        assert_eq!((traffic.group.as_str(), traffic.weight), ("g", 3));
        assert_eq!(traffic.backend.name, "theirs");
        let key = Key::Group(Ref::new("team", "g"));
        assert!(world.seen.keys().any(|asked| *asked == key), "its members are asked for");
    }
}

// E-19, G-30
#[test]
fn half_a_share_and_one_beside_ones_own_routes_are_found_in_the_merged_spec() {
    let cases = [
        (json!({"group": "g"}), "spec.router.route.weight: group requires weight"),
        (json!({"weight": 1}), "spec.router.route.group: weight requires group"),
        (
            json!({"group": "g", "weight": 1, "http": {"refs": [{"name": "mine"}]}}),
            "spec.router.route.group: group \"g\" cannot be used with custom HTTPRoute refs",
        ),
    ];
    for (shared, told) in cases {
        let mut world = World::new(spec(json!({"baseRefs": [{"name": "shared"}], "router": {"route": {}}})));
        world.config("shared", json!({"router": {"route": shared}}));
        let (reason, message) = world.fault();
        assert_eq!(reason, "InvalidRenderedConfig");
        assert!(message.starts_with(told), "{message}");
        assert!(message.contains(" (from config "), "{message}");
    }
}

#[test]
fn templates_see_parallelism_from_any_layer() {
    // C-1
    let mut world = World::new(spec(json!({"baseRefs": [{"name": "flags"}, {"name": "wide"}]})));
    let args =
        json!(["--note={{.Parallelism.Tensor}}/{{.Spec.Parallelism.Tensor}}/{{.Name}}/{{.Spec.Model.Name}}"]);
    world.config("flags", json!({"template": {"containers": [{"name": "main", "args": args}]}}));
    world.config("wide", json!({"parallelism": {"tensor": 4}}));
    assert_eq!(world.args().last().map(String::as_str), Some("--note=4/4/llm/llm"));
}

#[test]
fn every_kind_of_parallelism_reaches_vllm_on_one_node() {
    // C-12
    let mut world =
        World::new(spec(json!({"parallelism": {"tensor": 2, "data": 2, "dataLocal": 2, "expert": true}})));
    let args = world.args().join(" ");
    for flag in ["--tensor-parallel-size 2", "--data-parallel-size 2", "--enable-expert-parallel"] {
        assert!(args.contains(flag), "{flag} is not in {args}");
    }
    let mut world = World::new(spec(json!({"parallelism": {"pipeline": 2}})));
    assert!(world.args().join(" ").contains("--pipeline-parallel-size 2"));
}

#[test]
fn an_inline_configuration_that_is_not_yaml_says_so() {
    // C-16
    let scheduler = |inline: Value| spec(json!({"router": {"scheduler": {"config": {"inline": inline}}}}));
    for (inline, expected) in
        [(json!("plugins: [oops"), "is not YAML: "), (json!("text"), "is not a YAML object")]
    {
        let (reason, text) = World::new(scheduler(inline)).fault();
        assert_eq!(reason, "CombineBaseError");
        assert!(text.starts_with(&format!("spec.router.scheduler.config.inline: {expected}")), "{text}");
    }
}

fn by_reference(name: &str) -> Value {
    spec(json!({"router": {"scheduler": {"config": {"ref": {"name": name}}}}}))
}

#[test]
fn a_missing_scheduler_config_map_is_named() {
    // C-17
    let (reason, text) = World::new(by_reference("config-scheduler-x")).fault();
    assert_eq!(reason, "CombineBaseError");
    assert_eq!(
        text,
        "spec.router.scheduler.config.ref.name: ConfigMap \"config-scheduler-x\" not found in namespaces [\"team\", \"kserve\"]; create it"
    );
}

#[test]
fn a_missing_key_and_an_unreadable_map_are_told_apart() {
    // C-17
    let map = Key::ConfigMap(Ref::new("team", "epp"));
    let mut world = World::new(by_reference("epp"));
    world.seen.insert(map.clone(), Answer::Found(Arc::new(json!({"data": {"other": ""}}))));
    let (reason, text) = world.fault();
    assert_eq!(reason, "CombineBaseError");
    assert!(text.contains("ConfigMap team/epp doesn't have key \"epp\" in data"), "{text}");
    let mut world = World::new(by_reference("epp"));
    world.seen.insert(map, Answer::Unreadable("forbidden".to_owned()));
    let (reason, text) = world.fault();
    assert_eq!(reason, "ValidationUnavailable");
    assert!(text.contains("cannot be read: forbidden"), "{text}");
}

#[test]
fn a_scheduler_config_map_takes_the_place_of_the_reference() {
    let mut world = World::new(by_reference("epp"));
    let text = "kind: EndpointPickerConfig\n";
    let map = Answer::Found(Arc::new(json!({"data": {"epp": text}})));
    world.seen.insert(Key::ConfigMap(Ref::new("team", "epp")), map);
    let desired = world.decide().outcome.expect("is valid");
    assert_eq!(desired.service.routing.scheduler.and_then(|s| s.inline).as_deref(), Some(text));
}

#[test]
fn a_wrong_type_is_named_with_its_path_and_config() {
    let mut world = World::new(spec(json!({"baseRefs": [{"name": "base"}]})));
    world.config("base", json!({"parallelism": {"expert": 16}}));
    let (reason, text) = world.fault();
    assert_eq!(reason, "InvalidRenderedConfig");
    assert_eq!(
        text,
        "spec.parallelism.expert: invalid type: integer `16`, expected a boolean; correct the value (from config team/base)"
    );
}

#[test]
fn gateway_refs_take_the_place_of_the_parents_of_a_preset() {
    let refs = json!({"route": {}, "gateway": {"refs": [{"name": "mine"}]}});
    let desired = World::new(spec(json!({"router": refs}))).decide().outcome.expect("is valid");
    let route = desired.service.routing.route.expect("has a route");
    assert_eq!(tree::text(&tree::list(&route.spec, &["parentRefs"])[0], &["name"]), "mine");
}

#[test]
fn a_stopped_service_wants_nothing_whatever_else_is_wrong() {
    // G-11
    for spec in [spec(json!({})), spec(json!({"baseRefs": [{"name": "gone"}]}))] {
        let mut world = World::new(spec);
        world.service["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "TRUE"});
        assert_eq!(world.decide().objects(), Some(&[][..]));
    }
    assert_eq!(World::new(spec(json!({"baseRefs": [{"name": "gone"}]}))).decide().objects(), None);
}

#[test]
fn unreadable_settings_are_a_warning_of_every_service() {
    // C-18, G-64
    let mut world = World::new(spec(json!({})));
    let data = BTreeMap::from([("ingress".to_owned(), "{".to_owned())]);
    world.settings = Settings::parse(&data, &Settings::default(), "kserve");
    let decision = world.decide();
    assert!(decision.outcome.is_ok());
    assert!(decision.warnings[0].to_string().contains("key \"ingress\" is not a JSON object"));
}

#[test]
fn an_account_that_cannot_be_read_makes_the_spec_unknown_and_not_wrong() {
    let mut world = World::new(json!({"model": {"uri": "hf://org/m"}}));
    let default = Key::ServiceAccount(Ref::new("team", "default"));
    world.seen.insert(default, Answer::Unreadable("forbidden".to_owned()));
    let (reason, text) = world.fault();
    assert_eq!(reason, "ValidationUnavailable");
    assert!(text.contains("could not be read (forbidden)"), "{text}");
}
