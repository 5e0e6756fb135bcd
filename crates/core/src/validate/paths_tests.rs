use rstest::rstest;
use serde_json::{Value, json};

use super::{Path, missing, taken, unsupported};
use crate::validate::fixture::fixture;

fn plugin(name: &str) -> Value {
    json!({"router": {"scheduler": {"config": {"inline": {"plugins": [{"type": name}]}}}}})
}

#[rstest]
#[case::bare(json!({}), &[])]
#[case::prefill(json!({"prefill": {}}), &["prefill-decode"])]
#[case::wide(json!({"worker": {}, "parallelism": {"data": 16, "dataLocal": 8}}), &["wide-expert-parallelism"])]
#[case::prefill_group(json!({"prefill": {"worker": {}, "parallelism": {"pipeline": 2}}}), &["prefill-decode", "multi-node"])]
#[case::pipeline(json!({"worker": {}, "parallelism": {"pipeline": 2}}), &["multi-node"])]
#[case::ranks_on_one_node(json!({"parallelism": {"data": 8, "dataLocal": 8}}), &[])]
#[case::precise(plugin("precise-prefix-cache-producer"), &["precise-prefix-cache"])]
#[case::predicted(plugin("predicted-latency-producer"), &["predicted-latency"])]
#[case::tiers(json!({"kvCacheOffloading": {"cpu": "10Gi"}}), &["tiered-prefix-cache"])]
fn each_path_is_told_by_the_field_that_asks_for_it(#[case] spec: Value, #[case] expected: &[&str]) {
    assert_eq!(taken(&spec).iter().map(|path| path.name).collect::<Vec<_>>(), expected);
}

#[rstest]
#[case::decode(json!({"worker": {}}), "worker")]
#[case::prefill(json!({"prefill": {"worker": {}}}), "prefill.worker")]
#[case::both(json!({"worker": {}, "prefill": {"worker": {}}}), "worker")]
fn a_group_is_told_where_it_is_asked_for(#[case] spec: Value, #[case] field: &'static str) {
    assert_eq!(missing(&spec, "prefill-decode"), [Path { name: "multi-node", field }]);
}

fn refused(spec: Value) -> Vec<String> {
    let findings = fixture(spec).in_context(unsupported);
    findings.iter().map(ToString::to_string).collect()
}

fn on(supported: &str) -> Value {
    let main = json!({"name": "main", "image": "tpu"});
    json!({
        "model": {"uri": "hf://org/model", "name": "m"},
        "annotations": {"llmisvc.io/supported-paths": supported},
        "template": {"containers": [main]},
        "kvCacheOffloading": {"cpu": "10Gi"},
    })
}

#[test]
fn a_path_that_is_not_listed_is_refused_with_the_list() {
    assert_eq!(
        refused(on("prefill-decode predicted-latency")),
        [
            "spec.kvCacheOffloading: tiered-prefix-cache is not known to work with this accelerator, which supports \
             prefill-decode, predicted-latency: take one of these or another accelerator; whoever has tried it \
             sets spec.annotations[llmisvc.io/supported-paths] to \"any\""
        ]
    );
}

#[rstest]
#[case::listed("tiered-prefix-cache")]
#[case::any("any")]
#[case::nothing_said("")]
fn other_lists_refuse_nothing(#[case] supported: &str) {
    assert_eq!(refused(on(supported)), Vec::<String>::new());
}
