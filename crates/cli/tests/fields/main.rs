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
use serde_json::Value;
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
    cases: Vec<&'c Case<'a>>,
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
        open = not_found(world, base, open, at_once);
    }
    let ignored = open.into_iter().filter(|case| !case.counts(world));
    ignored.map(|case| format!("{} ({}): {}", case.path, base.name, case.probe.with)).collect()
}

// E-13
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

#[test]
fn a_path_is_below_itself_and_what_it_continues() {
    assert!(
        is_below("spec.a", "spec.a") && is_below("spec.a[].b", "spec.a") && !is_below("spec.ab", "spec.a")
    );
}
