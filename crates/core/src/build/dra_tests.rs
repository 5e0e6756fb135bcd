use llmisvc_kinds::Kind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::object::Object;
use crate::tree;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

const KEY: &str = "serving.kserve.io/exp-dra-";
const PLAIN: &str = "llama-managed-dra";

fn claiming(spec: Value, annotations: &[(&str, &str)]) -> Fixture {
    let mut fixture = fixture(spec);
    for (key, value) in annotations {
        fixture.annotate(&format!("{KEY}{key}"), value);
    }
    fixture
}

fn gpus() -> Fixture {
    claiming(spec(), &[("device-class", "gpu.nvidia.com")])
}

fn templates(fixture: &Fixture) -> Vec<Object> {
    fixture.objects().into_iter().filter(|o| o.kind == Kind::ResourceClaimTemplate).collect()
}

/// The name that the pods of the main Deployment claim by.
fn claimed(fixture: &Fixture) -> String {
    tree::text(&fixture.pod()["resourceClaims"][0], &["resourceClaimTemplateName"]).to_owned()
}

fn request(template: &Object) -> &Value {
    &template.body["spec"]["spec"]["devices"]["requests"][0]
}

#[test]
// D-3, W-16, W-17
fn one_labelled_template_claims_what_the_annotations_say() {
    let selectors = "\n device.attributes['gpu.nvidia.com'].model == 'H100' \n\n device.capacity['m'] > q\n";
    let annotations =
        [("device-class", " gpu.nvidia.com "), ("device-count", "8"), ("cel-selector", selectors)];
    let all = templates(&claiming(spec(), &annotations));
    let [template] = all.as_slice() else { panic!("{all:?}") };
    let expected = json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {
            "name": template.name,
            "namespace": "ns",
            "labels": {
                "app.kubernetes.io/name": "llama",
                "app.kubernetes.io/part-of": "llminferenceservice",
                "app.kubernetes.io/component": "llminferenceservice-workload",
            },
            "ownerReferences": template.body["metadata"]["ownerReferences"],
        },
        "spec": {"spec": {"devices": {"requests": [{
            "name": "device",
            "exactly": {
                "deviceClassName": "gpu.nvidia.com",
                "count": 8,
                "selectors": [
                    {"cel": {"expression": "device.attributes['gpu.nvidia.com'].model == 'H100'"}},
                    {"cel": {"expression": "device.capacity['m'] > q"}},
                ],
            },
        }]}}},
    });
    assert_eq!(template.body, expected);
    assert_eq!(template.body["metadata"]["ownerReferences"][0]["uid"], "uid-1");
}

#[rstest]
#[case("")]
#[case(" 1 ")]
fn one_device_is_the_default_and_not_written(#[case] count: &str) {
    let all = templates(&claiming(spec(), &[("device-class", "c"), ("device-count", count)]));
    assert_eq!(request(&all[0])["exactly"], json!({"deviceClassName": "c"}));
}

#[test]
// D-2
fn main_gets_the_claim_wherever_it_stands_in_the_list() {
    let containers = json!([{"name": "first"}, template()["containers"][0]]);
    let fixture = claiming(with(spec(), "/template/containers", containers), &[("device-class", "c")]);
    let pod = fixture.pod();
    let name = &templates(&fixture)[0].name;
    assert_eq!(pod["resourceClaims"], json!([{"name": "managed-device", "resourceClaimTemplateName": name}]));
    assert_eq!(pod["containers"][0].get("resources"), None);
    assert_eq!(pod["containers"][1]["resources"], json!({"claims": [{"name": "managed-device"}]}));
}

#[test]
// D-2
fn a_container_can_be_named() {
    let containers =
        json!([template()["containers"][0], {"name": "engine", "resources": {"limits": {"cpu": 1}}}]);
    let annotations = [("device-class", "c"), ("container-name", "engine")];
    let fixture = claiming(with(spec(), "/template/containers", containers), &annotations);
    let pod = fixture.pod();
    assert_eq!(pod["containers"][0].get("resources"), None);
    assert_eq!(
        pod["containers"][1]["resources"],
        json!({"limits": {"cpu": 1}, "claims": [{"name": "managed-device"}]})
    );
    assert_eq!(fixture.outcome().warnings, Vec::<String>::new());
}

#[test]
fn a_named_container_that_is_not_there_is_a_warning() {
    let fixture = claiming(spec(), &[("device-class", "c"), ("container-name", "engine")]);
    assert_eq!(fixture.main().get("resources"), None);
    assert_eq!(fixture.pod()["resourceClaims"][0]["name"], "managed-device");
    assert_eq!(
        fixture.outcome().warnings,
        ["metadata.annotations[serving.kserve.io/exp-dra-container-name]: spec.template.containers has no \
          \"engine\": its pods get the claim \"managed-device\", and no container uses it"]
    );
}

#[test]
fn claims_of_ones_own_are_kept() {
    let own = json!([{"name": "nic", "resourceClaimName": "nic"}, {"name": "managed-device", "resourceClaimName": "mine"}]);
    let resources = json!({"claims": [{"name": "managed-device", "request": "one"}]});
    let spec = with(
        with(spec(), "/template/resourceClaims", own.clone()),
        "/template/containers/0/resources",
        resources.clone(),
    );
    let pod = claiming(spec, &[("device-class", "c")]).pod();
    assert_eq!((&pod["resourceClaims"], &pod["containers"][0]["resources"]), (&own, &resources));
}

#[test]
fn all_four_templates_claim() {
    let workload = json!({
        "annotations": {"llmisvc.io/vllm-version": "0.23.0"},
        "template": template(),
        "worker": template(),
        "parallelism": {"pipeline": 2},
    });
    let mut spec = with(spec(), "/prefill", workload);
    spec["worker"] = template();
    spec["parallelism"] = json!({"pipeline": 2});
    let fixture = claiming(spec, &[("device-class", "c")]);
    for name in ["llama-kserve-mn", "llama-kserve-mn-prefill"] {
        let group = fixture.object(Kind::LeaderWorkerSet, name);
        for template in ["leaderTemplate", "workerTemplate"] {
            let pod = &group["spec"]["leaderWorkerTemplate"][template]["spec"];
            assert_eq!(pod["resourceClaims"][0]["name"], "managed-device", "{name} {template}");
            assert_eq!(pod["containers"][0]["resources"], json!({"claims": [{"name": "managed-device"}]}));
        }
    }
    assert_eq!(templates(&fixture).len(), 1);
}

#[test]
fn with_claimed_devices_no_accelerators_are_counted() {
    let spec = with(spec(), "/parallelism", json!({"tensor": 4}));
    let main = claiming(spec, &[("device-class", "c"), ("device-count", "4")]).main();
    assert_eq!(main["resources"], json!({"claims": [{"name": "managed-device"}]}));
}

#[test]
fn a_stopped_service_claims_nothing() {
    let mut fixture = gpus();
    fixture.annotate("serving.kserve.io/stop", "true");
    assert!(templates(&fixture).is_empty());
}

/// The Deployment as if its pods claimed by `name`, and their roll-out stood at `updated` of two.
fn running(fixture: &mut Fixture, name: &str, updated: i64) {
    let claims = json!([{"name": "managed-device", "resourceClaimTemplateName": name}]);
    let mut body =
        json!({"metadata": {"generation": 2}, "spec": {"template": {"spec": {"resourceClaims": claims}}}});
    body["status"] = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": updated});
    fixture.live_deployment("llama-kserve", body);
}

fn live(fixture: &mut Fixture, object: &Object) {
    fixture.live(Kind::ResourceClaimTemplate, &object.name, object.body.clone());
}

#[test]
// D-1
fn another_claim_is_another_template() {
    let (one, two) = (gpus(), claiming(spec(), &[("device-class", "gpu.nvidia.com"), ("device-count", "2")]));
    assert_ne!(claimed(&one), claimed(&two));
    assert_eq!(claimed(&two), templates(&two)[0].name);
    assert_eq!(claimed(&one), claimed(&gpus()));
}

#[rstest]
#[case::before_the_change_is_applied("old", 2, true)]
#[case::while_it_rolls("new", 1, true)]
#[case::when_it_has_rolled("new", 2, false)]
// D-1
fn the_old_template_stays_until_its_pods_are_gone(
    #[case] pods: &str,
    #[case] updated: i64,
    #[case] kept: bool,
) {
    let old = templates(&gpus()).remove(0);
    let mut fixture = claiming(spec(), &[("device-class", "gpu.nvidia.com"), ("device-count", "2")]);
    let new = claimed(&fixture);
    live(&mut fixture, &old);
    running(&mut fixture, if pods == "old" { &old.name } else { &new }, updated);
    let all = templates(&fixture);
    assert_eq!(all.contains(&old), kept, "{all:?}");
    assert_eq!(all.len(), 1 + usize::from(kept));
}

#[test]
// D-1
fn the_template_goes_after_its_pods_when_the_annotation_goes() {
    let old = templates(&gpus()).remove(0);
    let mut fixture = fixture(spec());
    live(&mut fixture, &old);
    running(&mut fixture, &old.name, 2);
    assert_eq!(templates(&fixture), [old]);
    running(&mut fixture, "", 2);
    assert!(templates(&fixture).is_empty());
}

/// A template as the peer made it, with what the server filled in.
fn of_the_peer(fixture: &mut Fixture, class: &str) {
    let exactly = json!({"deviceClassName": class, "allocationMode": "ExactCount", "count": 1});
    let spec = json!({"spec": {"devices": {"requests": [{"name": "device", "exactly": exactly}]}}});
    fixture.live(Kind::ResourceClaimTemplate, PLAIN, json!({"spec": spec}));
}

#[test]
// D-1
fn the_peers_name_is_kept_for_what_is_under_it() {
    let mut fixture = gpus();
    running(&mut fixture, PLAIN, 2);
    assert_eq!(claimed(&fixture), PLAIN);
    of_the_peer(&mut fixture, "gpu.nvidia.com");
    assert_eq!(claimed(&fixture), PLAIN);
    assert_eq!(templates(&fixture).len(), 1);
    of_the_peer(&mut fixture, "gpu.amd.com");
    assert!(claimed(&fixture).starts_with("llama-managed-dra-"));
    let names: Vec<String> = templates(&fixture).into_iter().map(|t| t.name).collect();
    assert!(names.contains(&PLAIN.to_owned()) && names.contains(&claimed(&fixture)), "{names:?}");
}
