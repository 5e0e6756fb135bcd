//! Templates of managed DRA on a cluster. No device is needed: pods that wait for one roll out as well.

use anyhow::Result;
use llmisvc_testkit::World;
use serde_json::Value;

use crate::look::{PATIENCE, SOON, plain};

fn names(world: &World<'_>) -> Result<Vec<String>> {
    let all = world.list("resourceclaimtemplates")?;
    Ok(all.iter().filter_map(|it| it["metadata"]["name"].as_str().map(str::to_owned)).collect())
}

fn claimed(deployment: &Value) -> Option<&str> {
    deployment["spec"]["template"]["spec"]["resourceClaims"][0]["resourceClaimTemplateName"].as_str()
}

// D-1, D-3, W-16
#[test]
fn another_claim_is_another_template_and_a_deleted_one_comes_back() -> Result<()> {
    let world = World::with_operator()?;
    let class = "annotations: {serving.kserve.io/exp-dra-device-class: none.example.com}";
    let strategy = "replicas: 1, rolloutStrategy: {maxSurge: 0, maxUnavailable: 1}";
    let claiming = plain("m").replace("{name: m}", &format!("{{name: m, {class}}}"));
    world.apply(&claiming.replace("replicas: 1", strategy))?;
    let claims = |it: Option<&Value>| it.is_some_and(|it| claimed(it).is_some());
    let deployment = world.until("deployment", "m-kserve", "claims", claims, SOON)?.unwrap_or_default();
    let first = claimed(&deployment).unwrap_or_default().to_owned();
    assert_eq!(names(&world)?, [first.as_str()]);

    world.delete("resourceclaimtemplate", &first)?;
    world.until("resourceclaimtemplate", &first, "comes back", |it| it.is_some(), SOON)?;

    world.kubectl(&["annotate", "llmisvc", "m", "serving.kserve.io/exp-dra-device-count=2"], None)?;
    let other = |it: Option<&Value>| it.and_then(claimed).is_some_and(|name| name != first);
    let deployment =
        world.until("deployment", "m-kserve", "claims by another", other, SOON)?.unwrap_or_default();
    let second = claimed(&deployment).unwrap_or_default().to_owned();
    world.eventually("only the second is left", PATIENCE, || {
        Ok((names(&world)? == [second.as_str()]).then_some(()))
    })
}
