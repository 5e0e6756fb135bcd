use rstest::rstest;
use serde_json::{Value, json};

use crate::valid::{Pods, ValidService};
use crate::validate::fixture::{Fixture, fixture, spec, template, with};

const V6E: &str = "tpu-v6e-slice";

/// Our preset's pod on a slice, with so many chips asked for.
fn pod(generation: &str, topology: &str, chips: Option<i64>) -> Value {
    let mut pod = template();
    pod["nodeSelector"] = json!({"cloud.google.com/gke-tpu-accelerator": generation, "cloud.google.com/gke-tpu-topology": topology});
    if let Some(chips) = chips {
        pod["containers"][0]["resources"] = json!({"limits": {"google.com/tpu": chips}});
    }
    pod
}

fn single(pod: Value, parallelism: Value) -> Fixture {
    fixture(with(with(spec(), "/template", pod), "/parallelism", parallelism))
}

fn group(pod: &Value, parallelism: Value) -> Fixture {
    fixture(with(
        with(with(spec(), "/template", pod.clone()), "/worker", pod.clone()),
        "/parallelism",
        parallelism,
    ))
}

fn added(service: &ValidService) -> Vec<Option<(String, i64)>> {
    service.decode.templates().map(|template| template.accelerators.clone()).collect()
}

fn chips(count: i64) -> (String, i64) {
    ("google.com/tpu".to_owned(), count)
}

#[rstest]
#[case::of_one_node("tpu-v6e-slice", "2x4", json!({"tensor": 8}), 8)]
#[case::part_of_a_node("tpu-v6e-slice", "2x2", json!({"tensor": 4}), 4)]
#[case::one_chip("tpu-v5-lite-podslice", "1x1", json!({"tensor": 1}), 1)]
#[case::two_ranks_on_a_chip("tpu7x", "2x2x1", json!({"tensor": 8}), 4)]
#[case::pipeline("tpu-v5p-slice", "2x2x1", json!({"tensor": 2, "pipeline": 2}), 4)]
#[case::data("tpu-v6e-slice", "2x4", json!({"tensor": 2, "data": 4, "dataLocal": 4}), 8)]
#[case::no_parallelism("tpu-v6e-slice", "2x4", json!({}), 8)]
fn the_chips_follow_from_the_topology(
    #[case] generation: &str,
    #[case] topology: &str,
    #[case] parallelism: Value,
    #[case] count: i64,
) {
    let fixture = single(pod(generation, topology, None), parallelism);
    assert_eq!(fixture.outcome().warnings, [""; 0]);
    assert_eq!(added(&fixture.valid()), [Some(chips(count))]);
    assert_eq!(fixture.main()["resources"]["requests"], json!({"google.com/tpu": count.to_string()}));
}

#[test]
fn a_group_shares_the_slice() {
    let fixture = group(&pod(V6E, "4x4", None), json!({"tensor": 4, "pipeline": 4}));
    assert_eq!(fixture.outcome().warnings, [""; 0]);
    assert_eq!(added(&fixture.valid()), [Some(chips(4)), Some(chips(4))]);
    assert!(matches!(fixture.valid().decode.pods, Pods::Group(group) if group.size == 4));
}

#[test]
fn eight_chips_may_be_two_pods() {
    let fixture = group(&pod(V6E, "2x4", None), json!({"tensor": 4, "pipeline": 2}));
    assert_eq!(fixture.outcome().warnings, [""; 0]);
    assert_eq!(added(&fixture.valid()), [Some(chips(4)), Some(chips(4))]);
}

#[test]
fn an_annotation_takes_the_chips_of_the_topology_too() {
    let mut fixture = single(pod("tpu7x", "2x2x1", None), json!({"tensor": 8}));
    fixture.service["spec"]["annotations"]["llmisvc.io/accelerator"] = json!("google.com/tpu");
    assert_eq!(added(&fixture.valid()), [Some(chips(4))]);
    fixture.service["spec"]["annotations"]["llmisvc.io/accelerator"] = json!("none");
    assert_eq!(added(&fixture.valid()), [None]);
}

#[test]
fn without_a_topology_each_rank_gets_a_chip_and_a_warning() {
    let mut fixture = single(template(), json!({"tensor": 8}));
    fixture.annotate("llmisvc.io/accelerator", "google.com/tpu");
    assert_eq!(added(&fixture.valid()), [Some(chips(8))]);
    assert_eq!(
        fixture.outcome().warnings,
        [
            "spec.template.containers[main].resources: 8 google.com/tpu are added, one for each rank, since the topology is \
             not known, which decides how many chips a pod has: add the node selectors cloud.google.com/gke-tpu-accelerator \
             and cloud.google.com/gke-tpu-topology, or set resources.limits (from config kserve/base)"
        ]
    );
}

#[test]
fn a_service_that_runs_without_chips_keeps_doing_so() {
    let mut fixture = single(pod(V6E, "2x4", None), json!({"tensor": 8}));
    let running = json!({"spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}});
    fixture.live_deployment("llama-kserve", running);
    assert_eq!(added(&fixture.valid()), [None]);
    assert!(fixture.outcome().warnings[0].contains("8 google.com/tpu are needed"));
}

const RESOURCES: &str = "spec.template.containers[main].resources";
const SELECTOR: &str = "spec.template.nodeSelector[cloud.google.com/gke-tpu-topology]";

#[rstest]
#[case::chips_of_another_node(
    single(pod(V6E, "2x2", Some(8)), json!({"tensor": 4})), RESOURCES,
    "requests 8 google.com/tpu, but a node of topology 2x2 has 4 chips, and a pod needs all of them: set \
     resources.limits or the topology so that they agree"
)]
#[case::part_of_the_chips(
    single(pod(V6E, "2x4", Some(2)), json!({"tensor": 8})), RESOURCES,
    "requests 2 google.com/tpu, but a node of topology 2x4 has 8 or 4 chips, and a pod needs all of them: set \
     resources.limits or the topology so that they agree"
)]
#[case::fewer_ranks(
    single(pod(V6E, "2x4", Some(8)), json!({"tensor": 4})), SELECTOR,
    "the parallelism makes 4 ranks in a pod (tensor 4 × pipeline 1 × data 1), but the 8 chips of its node in topology \
     2x4 run 8: set parallelism or the topology so that they agree"
)]
#[case::a_rank_for_a_chip_of_two(
    single(pod("tpu7x", "2x2x1", Some(4)), json!({"tensor": 4})), SELECTOR,
    "the parallelism makes 4 ranks in a pod (tensor 4 × pipeline 1 × data 1), but the 4 chips of its node in topology \
     2x2x1 run 8: set parallelism or the topology so that they agree"
)]
#[case::several_nodes(
    single(pod(V6E, "4x4", None), json!({"tensor": 16})), SELECTOR,
    "4x4 is 4 nodes with 4 chips each, for a group of as many pods, but the pods of a replica are 1: take another \
     topology, or worker and parallelism that make 4 pods"
)]
#[case::half_of_the_slice(
    single(pod(V6E, "2x4", Some(4)), json!({"tensor": 4})), SELECTOR,
    "2x4 is 2 nodes with 4 chips each, for a group of as many pods, but the pods of a replica are 1: take another \
     topology, or worker and parallelism that make 2 pods"
)]
fn what_contradicts_the_topology_is_told_with_both_numbers(
    #[case] fixture: Fixture,
    #[case] path: &str,
    #[case] message: &str,
) {
    assert_eq!(fixture.outcome().warnings, [format!("{path}: {message} (from config kserve/base)")]);
}

#[test]
fn a_group_of_another_size_than_the_slice_is_told_for_each_template() {
    let warnings = group(&pod(V6E, "4x4", None), json!({"tensor": 8, "pipeline": 2})).outcome().warnings;
    let told =
        "4x4 is 4 nodes with 4 chips each, for a group of as many pods, but the pods of a replica are 2";
    assert_eq!(warnings.iter().filter(|warning| warning.contains(told)).count(), 2, "{warnings:?}");
}
