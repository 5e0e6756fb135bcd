//! Nothing that is accepted is silently ignored: every leaf of the spec is set, one at a time, and each must change an
//! object, be refused, or be named in a warning.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
#![cfg(test)]

mod bases;
mod outcome;
mod probe;
mod walk;

use std::thread;

use bases::{Base, is_below};
use llmisvc_core::merge::merge;
use llmisvc_core::node::Node;
use llmisvc_core::shape;
use outcome::{Outcome, World};
use probe::Probe;
use serde_json::{Value, json};
use walk::{Leaf, leaves};

/// A leaf in a base where it means something.
struct Case<'a> {
    base: &'a Base,
    path: String,
    probe: Probe,
    /// Of a switch: the other way.
    other: Option<Probe>,
}

impl<'a> Case<'a> {
    fn new(base: &'a Base, leaf: &Leaf, number: usize) -> Self {
        let path = leaf.to_string();
        let special = base.special.iter().find(|(of, ..)| *of == path);
        let given = base.values.iter().find(|(of, _)| *of == path).map(|(_, value)| value.clone());
        let new = |given| Probe::new(leaf, (number, base.container), given);
        let switch = leaf.shape.kind() == shape::Kind::Bool && given.is_none() && special.is_none();
        let probe = match special {
            Some((_, with, without)) => Probe { with: with.clone(), without: without.clone() },
            None => new(given),
        };
        Self { base, path, probe, other: switch.then(|| new(Some(false.into()))) }
    }

    /// Set alone: a finding or a warning names it, or something comes out that does not come out without it.
    fn counts(&self, world: &World) -> bool {
        std::iter::once(&self.probe).chain(&self.other).any(|probe| self.has_effect(world, probe))
    }

    fn has_effect(&self, world: &World, probe: &Probe) -> bool {
        let with = world.of(&over(&self.base.spec, [&probe.with]));
        if with.names(&self.path) {
            return true;
        }
        let without = world.of(&over(&self.base.spec, [&probe.without]));
        with.objects != without.objects || with.findings != without.findings
    }
}

fn over<'a>(base: &Value, probes: impl IntoIterator<Item = &'a Value>) -> Value {
    let shape = Some(shape::spec());
    let above = |below, probe: &Value| merge(below, Node::of(probe, 1), shape);
    probes.into_iter().fold(Node::of(base, 0), above).value()
}

/// Those that are not found as they were given in a pod, route or pool, when many are given at once. That needs
/// fewer passes by two orders of magnitude; whatever gets lost because another one excludes it is left for later.
fn not_found<'c, 'a>(
    world: &World,
    base: &Base,
    cases: &[&'c Case<'a>],
    at_once: usize,
) -> Vec<&'c Case<'a>> {
    let plain = world.of(&base.spec);
    let lost = |some: &[&'c Case<'a>]| {
        let all = world.of(&over(&base.spec, some.iter().map(|case| &case.probe.with)));
        let found = |case: &Case<'_>| {
            let holds = |outcome: &Outcome| outcome.holds(&case.path, &case.probe.with);
            holds(&all) && !holds(&plain)
        };
        some.iter().copied().filter(|case| !found(case)).collect::<Vec<_>>()
    };
    cases.chunks(at_once).flat_map(lost).collect()
}

fn ignored_in(world: &World, base: &Base, leaves: &[Leaf]) -> Vec<String> {
    let leaves = leaves.iter().filter(|leaf| base.has(leaf)).enumerate();
    let cases: Vec<Case<'_>> = leaves.map(|(number, leaf)| Case::new(base, leaf, number)).collect();
    let mut open: Vec<&Case<'_>> = cases.iter().collect();
    for at_once in [200, 20, 4] {
        open = not_found(world, base, &open, at_once);
    }
    let ignored = open.into_iter().filter(|case| !case.counts(world));
    ignored.map(|case| format!("{} ({}): {}", case.path, base.name, case.probe.with)).collect()
}

// E-13. Takes long because it renders some thousand services, in a debug build.
#[test]
fn every_leaf_of_the_spec_has_an_effect_or_is_named() {
    let (world, bases, leaves) = (World::new(&bases::beside()), bases::all(), leaves());
    for base in &bases {
        let plain = world.of(&base.spec);
        assert_eq!((&plain.findings, &plain.warnings), (&Vec::new(), &Vec::new()), "{}", base.name);
    }
    let homeless: Vec<String> = leaves
        .iter()
        .filter(|leaf| !bases.iter().any(|base| base.has(leaf)))
        .map(ToString::to_string)
        .collect();
    assert!(homeless.is_empty(), "no base has a use for {homeless:#?}");
    let ignored: Vec<String> = thread::scope(|scope| {
        let (world, leaves) = (&world, &leaves);
        let each = |base| scope.spawn(move || ignored_in(world, base, leaves));
        let all: Vec<_> = bases.iter().map(each).collect();
        all.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    assert!(
        ignored.is_empty(),
        "{} of {} leaves are ignored:\n{}",
        ignored.len(),
        leaves.len(),
        ignored.join("\n")
    );
}

/// Every place that the CRD's schema knows, as paths of leaves are written.
fn places(path: &str, schema: &Value, found: &mut Vec<String>) {
    found.push(path.to_owned());
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        places(&format!("{path}.{key}"), below, found);
    }
    if schema["items"]["properties"].is_object() {
        places(&format!("{path}[]"), &schema["items"], found);
    }
}

#[test]
fn no_field_of_the_crd_is_left_out() {
    let crd = llmisvc_api::crd::crds().remove(0);
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let (mut places_of_crd, leaves) = (Vec::new(), leaves());
    places("spec", schema, &mut places_of_crd);
    let paths: Vec<String> = leaves.iter().map(ToString::to_string).collect();
    let walked = |place: &&String| paths.iter().any(|leaf| is_below(leaf, place) || is_below(place, leaf));
    let left: Vec<&String> = places_of_crd.iter().filter(|place| !walked(place)).collect();
    assert!(places_of_crd.len() > 500 && left.is_empty(), "{} places: {left:#?}", places_of_crd.len());
}

/// A service with this metadata.
fn service(metadata: &Value, spec: &Value) -> Value {
    let mut all = json!({"metadata": {"name": "m", "namespace": "default"}, "spec": spec});
    llmisvc_core::tree::overlay(&mut all["metadata"], metadata);
    all
}

/// Keys of metadata that say something, each with a value, what else there is, and the spec in which it counts.
fn annotations() -> Vec<(&'static str, Value, Value, Value)> {
    let (one, groups) =
        (json!({"model": {"uri": "hf://org/m"}, "parallelism": {"tensor": 2}}), bases::groups());
    let device = json!({"annotations": {"serving.kserve.io/exp-dra-device-class": "gpu.example.com"}});
    let cache = json!({
        "labels": {"internal.serving.kserve.io/localmodel": "cache"},
        "annotations": {
            "internal.serving.kserve.io/localmodel-pvc-name": "cache-gpu",
            "internal.serving.kserve.io/localmodel-sourceuri": "hf://org/m",
        },
    });
    let (none, text) = (|| json!({}), |value: &str| json!(value));
    vec![
        ("serving.kserve.io/stop", text("true"), none(), one.clone()),
        ("serving.kserve.io/exp-dra-device-class", text("gpu.example.com"), none(), one.clone()),
        ("serving.kserve.io/exp-dra-device-count", text("3"), device.clone(), one.clone()),
        ("serving.kserve.io/exp-dra-cel-selector", text("device.driver == 'x'"), device.clone(), one.clone()),
        ("serving.kserve.io/exp-dra-container-name", text("other"), device, one.clone()),
        ("serving.kserve.io/disable-localmodel", text("true"), cache, one.clone()),
        ("serving.kserve.io/nodegroup", text("gpu"), none(), one.clone()),
        ("serving.kserve.io/storageSecretName", text("hub"), none(), one.clone()),
        ("prometheus.io/scrape", text("true"), none(), one.clone()),
        ("k8s.v1.cni.cncf.io/networks", text("rdma"), none(), one.clone()),
        ("kueue.x-k8s.io/queue-name", text("q"), none(), one.clone()),
        ("leaderworkerset.sigs.k8s.io/exclusive-topology", text("rack"), none(), groups),
        ("llmisvc.io/accelerator", text("none"), none(), one.clone()),
        ("llmisvc.io/restarted-at", text("now"), none(), one),
    ]
}

#[test]
fn every_annotation_of_a_service_has_an_effect_or_is_named() {
    let world = World::new(&bases::beside());
    for (key, value, beside, spec) in annotations() {
        let without = world.of_service(&service(&beside, &spec));
        let mut with = service(&beside, &spec);
        with["metadata"]["annotations"][key] = value;
        assert_ne!(world.of_service(&with), without, "{key} is ignored");
    }
}

// E-50
#[test]
fn no_object_carries_a_key_that_nothing_reads() {
    let world = World::new(&bases::beside());
    for base in bases::all() {
        let text = json!(world.of(&base.spec).objects).to_string();
        for dead in ["enable-served-by-header", "inferencepool-migrated"] {
            assert!(!text.contains(dead), "{dead} ({})", base.name);
        }
    }
}

#[test]
fn a_path_is_below_itself_and_what_it_continues() {
    assert!(
        is_below("spec.a", "spec.a") && is_below("spec.a[].b", "spec.a") && !is_below("spec.ab", "spec.a")
    );
}
