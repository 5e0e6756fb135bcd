use rstest::rstest;

use super::*;
use crate::build::scheduler_config::{MARK, Topology, default_text};

fn default() -> String {
    default_text(Topology { prefill: true, lora: true, tls: true, holds: false })
}

fn only(name: &str) -> Admitted {
    Admitted::labelled(name.to_owned())
}

#[test]
fn the_filter_stands_behind_that_of_the_role_in_both_profiles() {
    let text = write(&default(), &only("12345e67"));
    let document = parse(&text).unwrap();
    let plugin = json!({
        "type": "label-selector-filter",
        "name": "kv-revision",
        "parameters": {"matchLabels": {"llmisvc.io/kv-revision": "12345e67"}},
    });
    assert_eq!(document["plugins"][3], plugin);
    for (profile, role) in [(0, "prefill-filter"), (1, "decode-filter")] {
        let plugins = &document["schedulingProfiles"][profile]["plugins"];
        assert_eq!(
            (&plugins[0]["pluginRef"], &plugins[1]["pluginRef"]),
            (&json!(role), &json!("kv-revision"))
        );
    }
    assert!(text.contains("- {pluginRef: lora-affinity-scorer, weight: 4}"), "the other lines stay: {text}");
    assert_eq!(edited_lines(&default(), &only("12345e67")), text);
}

#[rstest]
#[case(&only("a"))]
#[case(&Admitted::Only(None))]
#[case(&Admitted::Everyone)]
fn what_is_written_is_read_and_can_be_replaced(#[case] admitted: &Admitted) {
    for text in [default(), serde_yaml_ng::to_string(&parse(&default())).unwrap()] {
        let once = write(&text, admitted);
        assert_eq!(read(&once), *admitted);
        let twice = write(&write(&text, &only("b")), admitted);
        assert_eq!(parse(&twice), parse(&once));
        assert_eq!(parse(&without(&once)), parse(&text));
    }
}

#[test]
fn pods_without_a_label_are_those_that_lack_it() {
    let document = parse(&write(&default(), &Admitted::Only(None))).unwrap();
    let expression = json!([{"key": "llmisvc.io/kv-revision", "operator": "DoesNotExist"}]);
    assert_eq!(document["plugins"][3]["parameters"], json!({"matchExpressions": expression}));
}

fn picker(mark: &str, version: &str, args: Value) -> Value {
    let mut picker = json!({"metadata": {"annotations": {MARK: mark}}});
    picker["spec"]["template"] = json!({
        "metadata": {"annotations": {"app.kubernetes.io/version": version}},
        "spec": {"containers": [{"name": "main"}]},
    });
    picker["spec"]["template"]["spec"]["containers"][0]["args"] = args;
    picker
}

#[rstest]
#[case("default+prefill", "0.10.0", true)]
#[case("default+prefill+lora+tls", "0.9.0", true)]
#[case("default+prefill", "0.8.1", false)]
#[case("default+prefill", "", false)]
#[case("default", "0.10.0", false)]
#[case("inline", "0.10.0", false)]
#[case("template", "0.10.0", false)]
#[case("kept", "0.10.0", false)]
fn only_a_generated_configuration_for_both_roles_gets_a_filter(
    #[case] mark: &str,
    #[case] version: &str,
    #[case] possible: bool,
) {
    assert_eq!(is_possible(&picker(mark, version, json!([]))), possible);
}

#[test]
fn a_live_text_that_says_the_same_is_kept() {
    let live = serde_yaml_ng::to_string(&parse(&write(&default(), &only("a")))).unwrap();
    let live = picker("default+prefill", "0.10.0", json!([format!("--config-text={live}")]));
    let mut desired = picker("default+prefill", "0.10.0", json!(["--v=2", "--config-text", default()]));
    admit(&mut desired, &only("a"));
    assert_eq!(of(&desired), only("a"));
    keep_text(&mut desired, &live);
    let args = desired["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    assert_eq!(args, json!(["--v=2", "--config-text", text_of(&live).unwrap()]));
    admit(&mut desired, &only("b"));
    assert_eq!(of(&desired), only("b"));
}

#[test]
fn a_text_that_is_no_configuration_is_left_alone() {
    assert_eq!((write("{", &only("a")), read("{")), ("{".to_owned(), Admitted::Everyone));
    assert_eq!(of(&json!({})), Admitted::Everyone);
}
