use rstest::rstest;
use serde_json::{Value, json};

use super::listed;
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

/// Our preset's pod with these limits, alone or as a group.
fn service(resource: &str, count: i64, parallelism: Value, is_group: bool) -> Fixture {
    let mut pod = template();
    pod["containers"][0]["resources"] = json!({"limits": {resource: count}});
    let spec = with(with(spec(), "/template", pod.clone()), "/parallelism", parallelism);
    fixture(if is_group { with(spec, "/worker", pod) } else { spec })
}

/// A resource name with the devices of four ranks.
const OF_FOUR: [(&str, i64); 9] = [
    ("nvidia.com/gpu", 4),
    ("nvidia.com/mig-3g.40gb", 4),
    ("amd.com/gpu", 4),
    ("gpu.intel.com/i915", 4),
    ("gpu.intel.com/xe", 4),
    ("habana.ai/gaudi", 4),
    ("aws.amazon.com/neuroncore", 4),
    ("aws.amazon.com/neuron", 2),
    ("metax-tech.com/gpu", 4),
];

/// Ways to have four ranks in a pod: tensor, pipeline, data, and groups of two pods.
fn shapes() -> Vec<(Value, bool)> {
    vec![
        (json!({"tensor": 4}), false),
        (json!({"tensor": 2, "pipeline": 2, "expert": true}), false),
        (json!({"tensor": 2, "data": 2, "dataLocal": 2}), false),
        (json!({"tensor": 4, "pipeline": 2}), true),
        (json!({"tensor": 2, "data": 4, "dataLocal": 2}), true),
    ]
}

#[test]
fn each_resource_and_shape_is_taken_with_the_right_number() {
    for (resource, count) in OF_FOUR {
        for (parallelism, is_group) in shapes() {
            let warnings = service(resource, count, parallelism.clone(), is_group).outcome().warnings;
            assert_eq!(warnings, [""; 0], "{resource} {parallelism}");
        }
    }
}

#[test]
fn each_resource_and_shape_is_told_both_numbers_of_a_wrong_one() {
    for (resource, count) in OF_FOUR {
        for (parallelism, is_group) in shapes() {
            let wrong = count * 10;
            let warnings = service(resource, wrong, parallelism.clone(), is_group).outcome().warnings;
            let (requested, needed) =
                (format!("requests {wrong} {resource}"), "but the parallelism needs 4 (");
            let told = warnings.iter().filter(|it| it.contains(&requested) && it.contains(needed)).count();
            assert_eq!(told, if is_group { 2 } else { 1 }, "{resource} {parallelism}: {warnings:?}");
        }
    }
}

#[test]
fn each_name_gets_a_device_for_each_rank() {
    for (resource, _) in OF_FOUR {
        for (parallelism, is_group) in shapes() {
            let spec = with(spec(), "/parallelism", parallelism.clone());
            let mut fixture = fixture(if is_group { with(spec, "/worker", template()) } else { spec });
            fixture.annotate("llmisvc.io/accelerator", resource);
            let service = fixture.valid();
            let added = service.decode.templates().map(|template| template.accelerators.clone());
            let expected = Some((resource.to_owned(), 4));
            assert!(added.into_iter().all(|added| added == expected), "{resource} {parallelism}");
        }
    }
}

/// A pod with devices of the network only.
fn networked(name: &str) -> Fixture {
    service(name, 1, json!({"tensor": 4}), false)
}

#[rstest]
#[case("rdma/ib")]
#[case("vpc.amazonaws.com/efa")]
#[case("networking.gke.io.networks/rdma-0")]
fn devices_of_the_network_are_no_accelerators(#[case] name: &str) {
    let service = networked(name).valid();
    let added = service.decode.serving().accelerators.clone();
    assert_eq!(added, Some(("nvidia.com/gpu".to_owned(), 4)));
}

#[test]
fn a_pod_that_runs_with_a_network_and_no_accelerators_keeps_running() {
    let mut fixture = networked("rdma/ib");
    let main = json!({"name": "main", "resources": {"limits": {"rdma/ib": "1"}}});
    fixture.live_deployment("llama-kserve", json!({"spec": {"template": {"spec": {"containers": [main]}}}}));
    assert_eq!(fixture.valid().decode.serving().accelerators, None);
    assert!(fixture.outcome().warnings[0].contains("4 nvidia.com/gpu are needed"));
}

#[test]
fn a_resource_that_is_not_known_may_be_an_accelerator() {
    assert_eq!(networked("rebellions.ai/ATOM").valid().decode.serving().accelerators, None);
}

#[rstest]
#[case::of_two("inf2.48xlarge", 4, "2")]
#[case::of_four_or_eight("trn2.48xlarge", 4, "4 or 8")]
#[case::not_known("", 16, "2, 4 or 8")]
fn chips_with_several_cores_are_told_with_their_number(
    #[case] instance: &str,
    #[case] requested: i64,
    #[case] ranks: &str,
) {
    let mut fixture = service("aws.amazon.com/neuron", requested, json!({"tensor": 4}), false);
    fixture.service["spec"]["template"]["nodeSelector"] =
        json!({"node.kubernetes.io/instance-type": instance});
    let expected = format!(
        "spec.template.containers[main].resources: requests {requested} aws.amazon.com/neuron, each of which runs {ranks} \
         ranks, but the parallelism needs 4 (tensor 4 × pipeline 1 × data 1): set resources.limits or parallelism so that \
         they agree (from config kserve/base)"
    );
    assert_eq!(fixture.outcome().warnings, [expected]);
}

fn claiming(annotations: &[(&str, &str)], parallelism: Value) -> Vec<String> {
    let mut fixture = fixture(with(spec(), "/parallelism", parallelism));
    for (key, value) in annotations {
        fixture.annotate(&format!("serving.kserve.io/exp-dra-{key}"), value);
    }
    fixture.outcome().warnings
}

#[test]
fn claimed_devices_are_compared_with_the_ranks() {
    let expected = "spec.template.containers[main].resources: claims 1 of class gpu.amd.com, but the parallelism needs 2 \
                    (tensor 2 × pipeline 1 × data 1): set the annotation serving.kserve.io/exp-dra-device-count or \
                    parallelism so that they agree (from config kserve/base)";
    assert_eq!(claiming(&[("device-class", "gpu.amd.com")], json!({"tensor": 2})), [expected]);
}

#[rstest]
#[case::as_many(&[("device-class", "gpu.intel.com"), ("device-count", "2")], json!({"tensor": 2}))]
#[case::no_parallelism(&[("device-class", "gpu.nvidia.com"), ("device-count", "2")], json!({}))]
#[case::topology(&[("device-class", "tpu.google.com"), ("device-count", "4")], json!({"tensor": 8}))]
#[case::other_class(&[("device-class", "nic.example.com")], json!({"tensor": 2}))]
#[case::other_container(&[("device-class", "gpu.nvidia.com"), ("container-name", "other")], json!({"tensor": 2}))]
fn claims_that_may_be_right_are_not_told(#[case] annotations: &[(&str, &str)], #[case] parallelism: Value) {
    let warnings = claiming(annotations, parallelism);
    assert!(!warnings.iter().any(|warning| warning.contains("claims ")), "{warnings:?}");
}

#[rstest]
#[case(&[], "")]
#[case(&[4], "4")]
#[case(&[8, 4], "8 or 4")]
#[case(&[2, 4, 8], "2, 4 or 8")]
fn numbers_are_listed_in_words(#[case] numbers: &[i64], #[case] text: &str) {
    assert_eq!(listed(numbers), text);
}
