//! What holds for any object (edges 42, 43, 47 and 48).

use std::collections::BTreeSet;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::random::{Schema, values};
use crate::conversion::{LORA, LORA_BY_NAME, MODEL, annotation, convert, kept};
use crate::v1alpha1;
use crate::v1alpha2::{CONFIG_KIND, KIND};
use crate::version::Version::{self, V1alpha1, V1alpha2};

/// Objects of each kind and version.
const CASES: u32 = 10_000;

fn to(object: &Value, version: Version) -> Value {
    convert(object.clone(), version).unwrap()
}

/// Runs `check` on random objects of a schema, in which every leaf of it occurs.
fn for_all(schema: &Schema, cases: u32, check: impl Fn(&Value, u64)) {
    assert!(schema.leaves() < cases as usize, "{} leaves", schema.leaves());
    let next = Mutex::new(0_usize);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&any::<u64>().no_shrink(), |seed| {
        let leaf = {
            let mut next = next.lock().unwrap();
            *next += 1;
            *next
        };
        check(&schema.object(seed, leaf), seed);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// The places where two objects differ.
fn differences(left: &Value, right: &Value) -> String {
    serde_json::to_string(&kept::Kept::between(left, right)).unwrap()
}

#[track_caller]
fn assert_same(left: &Value, right: &Value, between: &Value) {
    assert!(left == right, "{}\nfrom {left}\nover {between}", differences(left, right));
}

fn round_trips(kind: &str, version: Version) {
    let other = if version == V1alpha1 { V1alpha2 } else { V1alpha1 };
    let schema = Schema::of(kind, version);
    for_all(&schema, CASES, |object, _| {
        let between = to(object, other);
        assert_same(object, &to(&between, version), &between);
    });
}

// Four tests, since each of them takes 10,000 objects and some seconds.

#[test]
fn services_of_v1alpha1_survive_the_way_there_and_back() {
    // E-43, E-44, E-48
    round_trips(KIND, V1alpha1);
}

#[test]
fn services_of_v1alpha2_survive_the_way_there_and_back() {
    // E-42, E-43, E-45, E-48
    round_trips(KIND, V1alpha2);
}

#[test]
fn configs_of_v1alpha1_survive_the_way_there_and_back() {
    // E-44, E-48
    round_trips(CONFIG_KIND, V1alpha1);
}

#[test]
fn configs_of_v1alpha2_survive_the_way_there_and_back() {
    // E-42, E-45, E-48
    round_trips(CONFIG_KIND, V1alpha2);
}

#[test]
fn a_client_of_v1alpha1_that_edits_one_field_keeps_everything_else() {
    // E-42
    let edits: [(&str, Value); 4] = [
        ("/spec/replicas", json!(77)),
        ("/spec/tracing", json!({"sampler": "always_on"})),
        ("/metadata/annotations", json!({"edited": "yes"})),
        ("/metadata/labels", json!({"edited": "yes"})),
    ];
    let schema = Schema::of(KIND, V1alpha2);
    for_all(&schema, 1_500, |object, seed| {
        let (pointer, value) = &edits[usize::try_from(seed % 4).unwrap()];
        let edit = |object: &Value| {
            let mut object = object.clone();
            match (object.pointer_mut(pointer), value) {
                (Some(Value::Object(members)), Value::Object(more)) => members.extend(more.clone()),
                (Some(place), value) => *place = value.clone(),
                (None, value) => {
                    let (parent, name) = pointer.rsplit_once('/').unwrap();
                    object.pointer_mut(parent).unwrap()[name] = value.clone();
                }
            }
            object
        };
        let shown = to(object, V1alpha1);
        assert_same(&edit(object), &to(&edit(&shown), V1alpha2), &shown);
    });
}

#[test]
fn what_a_client_of_v1alpha1_wrote_is_what_it_reads() {
    // E-42, E-44: nothing that was kept overrides it, however much changed in between
    let [older, newer] = Version::ALL.map(|version| Schema::of(KIND, version));
    for_all(&newer, 1_500, |object, seed| {
        let shown = to(object, V1alpha1);
        let mut written = older.object(seed ^ 1, usize::try_from(seed % 5_000).unwrap());
        let fields = annotation(V1alpha2);
        // These are v1alpha2's: in v1alpha1 there are the fields.
        for key in [MODEL, LORA, LORA_BY_NAME] {
            kept::remove_annotation(&mut written, key);
        }
        kept::remove_annotation(&mut written, fields);
        if let Some(text) = shown["metadata"]["annotations"][fields].as_str() {
            kept::set_annotation(&mut written, fields, text.to_owned());
        }
        let read = to(&to(&written, V1alpha2), V1alpha1);
        assert_same(&kept::without_annotations(&written), &kept::without_annotations(&read), object);
    });
}

/// What the API server would refuse or prune, as far as types, bounds, enums and names go.
fn complaints(node: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let mut no = |what: &str| found.push(format!("{path}: {what}"));
    if value.is_null() {
        if node["nullable"] != true {
            no("null");
        }
        return;
    }
    let fits = match node["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("string") => value.is_string(),
        _ => true,
    };
    let number = value.as_f64();
    let too_small = node["minimum"].as_f64().zip(number).is_some_and(|(least, n)| n < least);
    let too_large = node["maximum"].as_f64().zip(number).is_some_and(|(most, n)| n > most);
    let not_listed = values(node).is_some_and(|values| !values.contains(value));
    if !fits || too_small || too_large || not_listed {
        no(&format!("{value}"));
    }
    for name in node["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            no(&format!("lacks {name}"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let child =
            [&node["properties"][name], &node["additionalProperties"]].into_iter().find(|c| c.is_object());
        match child {
            Some(child) => complaints(child, member, &format!("{path}.{name}"), found),
            None if node["x-kubernetes-preserve-unknown-fields"] == true => {}
            None => found.push(format!("{path}: {name} is unknown")),
        }
    }
    for item in value.as_array().into_iter().flatten().filter(|_| node["items"].is_object()) {
        complaints(&node["items"], item, &format!("{path}[]"), found);
    }
}

#[test]
fn what_is_converted_is_neither_refused_nor_pruned_in_the_other_version() {
    // E-47
    for kind in [KIND, CONFIG_KIND] {
        let [older, newer] = Version::ALL.map(|version| Schema::of(kind, version));
        for (one, other) in [(&older, &newer), (&newer, &older)] {
            for_all(one, 1_500, |object, _| {
                let converted = to(object, other.version);
                for part in ["spec", "status"] {
                    let mut found = Vec::new();
                    complaints(&other.root["properties"][part], &converted[part], part, &mut found);
                    // Absent as a whole, or a null that both versions let through.
                    found.retain(|line| line != "status: null");
                    assert_eq!(found, Vec::<String>::new(), "{converted}");
                }
            });
        }
    }
}

#[test]
fn the_list_of_differences_is_complete() {
    // Every place of v1alpha2 that v1alpha1 lacks was seen in the annotation.
    let seen = Mutex::new(BTreeSet::new());
    for kind in [KIND, CONFIG_KIND] {
        let schema = Schema::of(kind, V1alpha2);
        for_all(&schema, 2_000, |object, _| {
            let shown = to(object, V1alpha1);
            let text =
                shown["metadata"]["annotations"][annotation(V1alpha2)].as_str().unwrap_or("{}").to_owned();
            let kept: Value = serde_json::from_str(&text).unwrap();
            seen.lock().unwrap().extend(kept.as_object().unwrap().keys().cloned());
        });
    }
    let seen = seen.into_inner().unwrap();
    for pointer in v1alpha1::ABSENT {
        let place = pointer.split("/*").next().unwrap();
        assert!(seen.contains(place), "{place} is not in {seen:?}");
    }
}
