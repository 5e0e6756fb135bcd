//! What no rule looks at.

use serde_json::{Value, json};

use super::*;

fn broken() -> Value {
    service(json!({"worker": {}, "template": {"imagee": 1}}))
}

#[test]
fn a_stored_object_that_breaks_rules_gets_finalizers_labels_and_status() {
    let old = broken();
    let mut new = broken();
    new["metadata"]["finalizers"] = json!(["serving.kserve.io/llmisvc-finalizer"]);
    new["metadata"]["labels"] = json!({"a": "b"});
    new["metadata"]["annotations"] = json!({"example.com/note": "x"});
    new["status"] = json!({"url": "http://x"});
    assert_eq!(review(&update(&old, &new), &site()), Verdict::default());
}

#[test]
fn an_object_that_goes_is_let_go() {
    let old = broken();
    let mut new = broken();
    new["spec"]["replicas"] = json!(3);
    assert_ne!(rules(&update(&old, &new)), Vec::<&str>::new());
    new["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(rules(&update(&old, &new)), Vec::<&str>::new());
    let delete = Request { operation: Operation::Delete, object: None, old: Some(&old), ..create(&old) };
    assert_eq!(review(&delete, &site()), Verdict::default());
}

#[test]
fn an_annotation_that_a_rule_reads_is_looked_at() {
    let old = service(json!({}));
    let mut new = old.clone();
    new["metadata"]["annotations"] = json!({"serving.kserve.io/exp-dra-device-count": "2"});
    assert_eq!(rules(&update(&old, &new)), ["DR1"]);
}

#[test]
fn our_own_rules_let_pass_what_was_there_wherever_it_stands_in_its_list() {
    let pod = |containers: Value| service(json!({"template": {"containers": containers}}));
    let old = pod(json!([{"name": "main", "imagee": "x"}]));
    let moved = pod(json!([{"name": "first"}, {"name": "main", "imagee": "y"}]));
    assert_eq!(rules(&update(&old, &moved)), Vec::<&str>::new());
    let more = pod(json!([{"name": "main", "imagee": "x", "argz": []}]));
    assert_eq!(rules(&update(&old, &more)), ["PF1"]);
    assert_eq!(rules(&create(&old)), ["PF1"]);
}
