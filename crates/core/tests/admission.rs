//! The tables of `tests/admission` against the rules, without an API server.
#![allow(clippy::indexing_slicing, reason = "a missing field of a JSON value is null, and a test may panic")]
// Helpers of tests may index and unwrap, as tests may.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use llmisvc_api::crd::cel;
use llmisvc_api::rules::{Rule, Violation};
use llmisvc_api::version::Version;
use llmisvc_core::admission::{Operation, Request, Site, Subject, check, mutate, violations};
use llmisvc_core::facts::{Cluster, OWN_PREFIX};
use llmisvc_testkit::admission::{Layer, Op, Row, Said, rows};
use serde_json::Value;

fn all() -> Vec<Row> {
    rows(OWN_PREFIX, &Cluster::default().system_namespace).unwrap()
}

fn site() -> Site {
    Site {
        system_namespace: Cluster::default().system_namespace,
        config_prefix: OWN_PREFIX.to_owned(),
        prevent_config_deletion: true,
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn request(row: &Row) -> Request<'_> {
    let object = &row.object;
    Request {
        subject: if text(object, "/kind").ends_with("Config") { Subject::Config } else { Subject::Service },
        version: Version::of(text(object, "/apiVersion")).unwrap(),
        operation: match row.op {
            Op::Create => Operation::Create,
            Op::Update => Operation::Update,
            Op::Delete => Operation::Delete,
        },
        namespace: Some(text(object, "/metadata/namespace")).filter(|n| !n.is_empty()).unwrap_or("ns"),
        name: text(object, "/metadata/name"),
        user: "someone",
        object: (row.op != Op::Delete).then_some(object),
        old: match row.op {
            Op::Create => None,
            Op::Update => Some(&row.base),
            Op::Delete => Some(object),
        },
    }
}

fn found(row: &Row) -> (Vec<Violation>, Vec<Violation>) {
    violations(&request(row), &site()).into_iter().partition(|violation| !violation.rule.is_warning())
}

/// What differs between the one violation that is expected and what was found.
fn difference(said: &Said, rule: &str, problems: &[Violation]) -> Option<String> {
    let [one] = problems else { return Some(format!("{} problems: {problems:?}", problems.len())) };
    let class = format!("{:?}", one.rule.class());
    let same = one.path == said.path && class == said.class && one.rule.id() == rule;
    (!same || !one.message.contains(&said.message)).then(|| format!("{class} {one:?}"))
}

#[test]
fn each_bad_row_has_the_one_problem_that_it_states() {
    let mut wrong = Vec::new();
    for row in all() {
        let Some(refused) = &row.refused else { continue };
        let Some(said) = &refused.review else { continue };
        let rule = said.rule.as_ref().or(row.rule.as_ref()).unwrap();
        let difference = difference(said, rule, &found(&row).0);
        wrong.extend(difference.map(|d| format!("{}: {rule} {said:?}\n   {d}", row.label)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_good_row_has_no_problem_and_the_warning_that_it_states_alone() {
    let mut wrong = Vec::new();
    for row in all().iter().filter(|row| row.refused.is_none()) {
        let (problems, warnings) = found(row);
        let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let fits = match (&row.warns, lines.as_slice()) {
            (None, []) => true,
            (Some(part), [first, ..]) => lines.iter().all(|line| line.contains(part)) && !first.is_empty(),
            _ => false,
        };
        if !problems.is_empty() || !fits {
            wrong.push(format!("{}: expected {:?}\n   {problems:?}\n   {lines:?}", row.label, row.warns));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the tables have to have a row for.
fn numbered() -> BTreeSet<String> {
    let rules = Rule::ALL.iter().map(|rule| rule.id().to_owned());
    let cel = [cel::WORKLOAD, cel::SCALING, cel::WVA, cel::KEDA].concat();
    rules.chain(cel.iter().map(|rule| rule.id.to_owned())).chain(["R3'".to_owned()]).collect()
}

/// Seen where only an operator that allows it is asked (`configs_may_be_deleted_where_that_is_allowed`), and where a
/// whole pass is made (`what_the_next_pass_would_say_is_a_warning`).
const ELSEWHERE: [&str; 2] = ["W3", "N13"];

#[test]
fn every_numbered_rule_has_a_row() {
    let mut tested: BTreeSet<String> = all().into_iter().filter_map(|row| row.rule).collect();
    tested.extend(ELSEWHERE.map(str::to_owned));
    let missing: Vec<String> = numbered().difference(&tested).cloned().collect();
    assert_eq!(missing, Vec::<String>::new());
    let known = |rule: &&String| numbered().contains(*rule) || ["schema", "cel"].contains(&rule.as_str());
    assert_eq!(tested.iter().filter(|rule| !known(rule)).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn there_are_as_many_rows_as_were_asked_for() {
    let (bad, good): (Vec<_>, Vec<_>) = all().into_iter().partition(|row| row.refused.is_some());
    assert!(bad.len() >= 150 && good.len() >= 60, "{} bad, {} good", bad.len(), good.len());
    let mut by_layer = BTreeMap::new();
    for row in &bad {
        *by_layer.entry(format!("{:?}", row.refused.as_ref().unwrap().by)).or_insert(0) += 1;
    }
    assert_eq!(by_layer.len(), 3, "{by_layer:?}");
}

/// Where two values differ, as pointers; whole values where their kinds do.
fn differences(a: &Value, b: &Value, at: &str, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differences(a, b, &at, found),
                    _ => found.push(at),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{at}/{index}"), found);
            }
        }
        (a, b) if a == b => {}
        _ => found.push(at.to_owned()),
    }
}

#[test]
fn each_row_differs_from_a_good_object_in_one_place() {
    let all = all();
    let good: Vec<&Value> = all.iter().filter(|row| row.at.is_none()).map(|row| &row.object).collect();
    for row in all.iter().filter(|row| row.at.is_some()) {
        let mut places = Vec::new();
        differences(&row.base, &row.object, "", &mut places);
        let at = row.at.as_deref().unwrap();
        assert!(
            !places.is_empty() && places.iter().all(|place| place.starts_with(at)),
            "{}: {places:?}",
            row.label
        );
        assert!(
            row.stored || good.contains(&&row.base),
            "{}: its base is not among the good ones",
            row.label
        );
    }
}

#[test]
fn a_problem_shows_scalars_of_the_users_and_never_what_a_pod_holds() {
    // E-31
    for row in all() {
        for problem in check(&request(&row), &site()).problems {
            let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
            assert!(problem.value.as_ref().is_none_or(is_scalar), "{}: {problem}", row.label);
            let in_a_pod = problem.path.contains("template.") || problem.path.contains("worker.");
            assert!(!in_a_pod || problem.value.is_none(), "{}: {problem}", row.label);
            assert!(problem.message.len() < 400, "{}: {problem}", row.label);
        }
    }
}

#[test]
fn the_schema_and_cel_rows_are_told_apart_from_those_of_the_webhook() {
    for row in all() {
        let Some(refused) = &row.refused else { continue };
        let by_webhook = refused.by == Layer::Webhook;
        assert!(!by_webhook || refused.review.is_some(), "{}: a webhook row states its class", row.label);
        let rule = row.rule.as_deref().unwrap_or_default();
        assert!(!by_webhook || Rule::ALL.iter().any(|known| known.id() == rule), "{}: {rule}", row.label);
    }
}

#[test]
fn defaults_never_bring_a_good_row_into_trouble() {
    // E-15
    for row in all().iter().filter(|row| row.refused.is_none() && row.op == Op::Create) {
        for patch in mutate(&request(row), &site()) {
            let value = &patch["value"];
            assert!(!value.is_null() && *value != 0 && *value != "", "{}: {patch}", row.label);
        }
    }
}

#[test]
fn the_page_has_one_line_for_each_rule() {
    let page = include_str!("../../../docs/validation.md");
    for rule in numbered().iter().filter(|rule| *rule != "R3'") {
        let lines = page.lines().filter(|line| line.starts_with(&format!("| {rule} | "))).count();
        assert_eq!(lines, 1, "{rule} in docs/validation.md");
    }
    let ids = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let is_id = |id: &&str| {
        id.starts_with(|c: char| c.is_ascii_uppercase()) && id.ends_with(|c: char| c.is_ascii_digit())
    };
    let unknown: Vec<&str> = ids.filter(is_id).filter(|id| !numbered().contains(*id)).collect();
    assert_eq!(unknown, Vec::<&str>::new());
}
