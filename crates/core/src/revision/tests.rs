use rstest::rstest;
use serde_json::json;

use super::filter::Admitted;
use super::*;
use crate::labels::RESTARTED_AT;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

const DECODE: &str = "llama-kserve";
const PREFILL: &str = "llama-kserve-prefill";
const PICKER: &str = "llama-kserve-router-scheduler";

/// Prefill and decode with a scheduler that has a generated configuration.
fn pair() -> Fixture {
    let scheduler = json!({
        "annotations": {"app.kubernetes.io/version": "0.10.0"},
        "template": {"containers": [{"name": "main", "image": "epp"}]},
        "pool": {"spec": {"targetPorts": [{"number": 8000}]}},
    });
    let prefill = json!({"annotations": {"llmisvc.io/vllm-version": "0.23.0"}, "template": template()});
    // It brings an account of the same name as the Deployment.
    let sidecar =
        json!([{"name": "llm-d-routing-sidecar", "image": "sidecar", "command": ["/app/pd-sidecar"]}]);
    let spec = with(with(spec(), "/prefill", prefill), "/template/initContainers", sidecar);
    let spec = with(spec, "/router", json!({"scheduler": scheduler}));
    let mut fixture = fixture(spec);
    fixture.account("llama-epp-sa", json!({}));
    fixture.account(DECODE, json!({}));
    fixture
}

fn deployment(fixture: &Fixture, name: &str) -> Value {
    fixture.object(Kind::Deployment, name)
}

fn revisions(fixture: &Fixture) -> [Revision; 2] {
    [PREFILL, DECODE].map(|name| revision_of(&deployment(fixture, name)))
}

/// What the fixture makes lives, without or with its label.
fn living(labelled: bool) -> Fixture {
    let mut fixture = pair();
    for name in [PREFILL, DECODE] {
        let mut body = deployment(&fixture, name);
        let labels = body["spec"]["template"]["metadata"]["labels"].as_object_mut().unwrap();
        if labelled {
            labels.insert(KV_REVISION.to_owned(), json!("of-an-older-release"));
        } else {
            labels.remove(KV_REVISION);
        }
        fixture.live_deployment(name, body);
    }
    fixture
}

#[test]
fn both_roles_carry_one_label_and_the_scheduler_admits_it() {
    let fixture = pair();
    let [prefill, decode] = revisions(&fixture);
    assert!(prefill.is_some());
    assert_eq!(prefill, decode);
    assert_eq!(filter::of(&deployment(&fixture, PICKER)), Admitted::Only(prefill));
}

#[rstest]
#[case("/spec/prefill")]
#[case("/spec")]
fn a_change_of_either_role_is_a_new_revision_of_both(#[case] role: &str) {
    let mut fixture = pair();
    let before = revisions(&fixture);
    let main = format!("{role}/template/containers/0");
    fixture.service.pointer_mut(&main).unwrap()["image"] = json!("vllm:2");
    let [prefill, decode] = revisions(&fixture);
    assert_eq!(prefill, decode);
    assert_ne!(before, [prefill, decode]);
    let before = revisions(&fixture);
    fixture.service.pointer_mut(role).unwrap()["replicas"] = json!(3);
    fixture.service.pointer_mut(&main).unwrap()["env"] = json!([{"name": "A", "value": "b"}]);
    assert_eq!(revisions(&fixture), before);
}

#[test]
fn a_service_without_prefill_has_no_revision() {
    let mut fixture = pair();
    fixture.service["spec"].as_object_mut().unwrap().remove("prefill");
    assert_eq!(revision_of(&deployment(&fixture, DECODE)), None);
    assert_eq!(filter::of(&deployment(&fixture, PICKER)), Admitted::Everyone);
}

#[test]
fn pods_that_run_without_a_label_get_none_until_something_that_counts_changes() {
    let mut fixture = living(false);
    assert_eq!(revisions(&fixture), [None, None]);
    assert_eq!(filter::of(&deployment(&fixture, PICKER)), Admitted::Everyone);
    fixture.service["spec"]["template"]["containers"][0]["image"] = json!("vllm:2");
    let [prefill, decode] = revisions(&fixture);
    assert!(prefill.is_some() && prefill == decode);
    assert_eq!(filter::of(&deployment(&fixture, PICKER)), Admitted::Only(prefill));
}

#[test]
fn a_label_that_another_release_made_stays_until_something_that_counts_changes() {
    let mut fixture = living(true);
    assert_eq!(
        revisions(&fixture),
        [Some("of-an-older-release".to_owned()), Some("of-an-older-release".to_owned())]
    );
    fixture.service["spec"]["template"]["containers"][0]["image"] = json!("vllm:2");
    assert_ne!(revisions(&fixture)[0].as_deref(), Some("of-an-older-release"));
}

#[test]
fn half_a_pair_is_none() {
    let mut fixture = living(false);
    fixture.live.remove(&(Kind::Deployment, PREFILL.to_owned()));
    assert!(revisions(&fixture)[1].is_some());
}

#[test]
fn a_restart_changes_the_pods_of_both_roles_and_no_revision() {
    let mut fixture = pair();
    let before = revisions(&fixture);
    fixture.annotate(RESTARTED_AT, "monday");
    assert_eq!(revisions(&fixture), before);
    for name in [PREFILL, DECODE] {
        let deployment = deployment(&fixture, name);
        assert_eq!(
            deployment["spec"]["template"]["metadata"]["annotations"],
            json!({RESTARTED_AT: "monday"})
        );
        assert_eq!(deployment["metadata"].get("annotations"), None);
    }
}

#[test]
fn all_templates_of_a_group_are_labelled() {
    let mut group =
        json!({"spec": {"leaderWorkerTemplate": {"size": 2, "leaderTemplate": {}, "workerTemplate": {}}}});
    set_label(&mut group, "a");
    let labelled = json!({"metadata": {"labels": {KV_REVISION: "a"}}});
    let both = json!({"size": 2, "leaderTemplate": labelled, "workerTemplate": labelled});
    assert_eq!(group["spec"]["leaderWorkerTemplate"], both);
    assert_eq!(revision_of(&group).as_deref(), Some("a"));
}
