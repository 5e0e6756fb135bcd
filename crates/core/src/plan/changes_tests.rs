use serde_json::json;

use super::*;

fn deployment(template: &Value) -> Value {
    json!({"spec": {"replicas": 1, "template": template}})
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"llmisvc.io/kv-revision": "a"}},
        "spec": {
            "containers": [
                {"name": "main", "image": "a", "args": ["x"], "env": [{"name": "TOKEN", "value": "secret"}]},
                {"name": "other", "image": "a"},
            ],
        },
    })
}

#[test]
fn paths_are_told_and_values_are_not() {
    let mut after = template();
    let main = &mut after["spec"]["containers"][0];
    main["image"] = json!("b");
    main["args"] = json!(["x", "--api-key=secret"]);
    main["env"][0]["value"] = json!("other secret");
    main["env"].as_array_mut().unwrap().push(json!({"name": "NEW", "value": "1"}));
    after["metadata"]["labels"]["llmisvc.io/kv-revision"] = json!("b");
    after["metadata"]["annotations"] = json!({"llmisvc.io/restarted-at": "now"});
    after["spec"]["dnsPolicy"] = json!("None");
    let expected = [
        "metadata.annotations[llmisvc.io/restarted-at]",
        "containers[main].args",
        "containers[main].env[NEW]",
        "containers[main].env[TOKEN].value",
        "containers[main].image",
        "dnsPolicy",
    ];
    assert_eq!(changes(&deployment(&template()), &deployment(&after)), expected);
}

#[test]
fn a_container_that_goes_is_a_change_and_so_is_another_order() {
    let mut fewer = template();
    fewer["spec"]["containers"].as_array_mut().unwrap().pop();
    assert_eq!(changes(&deployment(&template()), &deployment(&fewer)), ["containers[other]"]);
    let mut turned = template();
    turned["spec"]["containers"].as_array_mut().unwrap().reverse();
    assert_eq!(changes(&deployment(&template()), &deployment(&turned)), ["containers"]);
}

#[test]
fn what_is_outside_of_pod_templates_is_none() {
    let mut more = deployment(&template());
    more["spec"]["replicas"] = json!(3);
    assert_eq!(changes(&deployment(&template()), &more), Vec::<String>::new());
}

#[test]
fn a_group_has_two_templates_that_may_change_alike() {
    let group = |image: &str| {
        let mut template = template();
        template["spec"]["containers"][0]["image"] = json!(image);
        json!({"spec": {"leaderWorkerTemplate": {"leaderTemplate": template, "workerTemplate": template}}})
    };
    assert_eq!(changes(&group("a"), &group("b")), ["containers[main].image"]);
    let mut without = group("a");
    without["spec"]["leaderWorkerTemplate"].as_object_mut().unwrap().remove("leaderTemplate");
    assert_eq!(changes(&group("a"), &without), ["leaderTemplate"]);
}
