//! What serves while a service changes its topology.

use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use llmisvc_testkit::world::version;
use serde_json::{Value, json};

use crate::look::{PATIENCE, condition, until_ready_is};
use crate::node::Node;
use crate::topologies::{becomes, service};

const SERVICE: &str = "m";
/// Twice the half minute after which a pod counts as blocked, and the pods' own time.
const ROOM_IS_MADE: Duration = Duration::from_mins(3);

/// Groups of two, whose leader is like this.
fn group(leader: &Value) -> Value {
    let worker = json!({"containers": [{"name": "main"}]});
    json!({"replicas": 1, "parallelism": {"pipeline": 2}, "template": leader, "worker": worker})
}

// W-18
#[test]
fn the_old_pods_serve_as_long_as_the_new_ones_are_not_ready() -> Result<()> {
    let world = World::with_operator()?;
    world.apply(&service(&json!({"replicas": 1})))?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let before = world.get("deployment", "m-kserve")?;

    becomes(
        &world,
        &group(&json!({"nodeSelector": {"nowhere": "at-all"}, "containers": [{"name": "main"}]})),
    )?;
    let waits = |it: Option<&Value>| it.is_some_and(|it| condition(it, "HandingOver").is_some());
    let waiting = world.until("llmisvc", SERVICE, "HandingOver", waits, PATIENCE)?.context("the service")?;
    assert_eq!(
        condition(&waiting, "HandingOver").map(|c| &c["message"]),
        Some(&json!("objects that serve are left as they are: LeaderWorkerSet m-kserve-mn is not ready yet"))
    );
    until_ready_is(&world, SERVICE, "False", PATIENCE)?;
    world.until_quiet(Duration::from_secs(1), PATIENCE)?;
    let meanwhile = world.get("deployment", "m-kserve")?;
    assert_eq!(meanwhile["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(meanwhile["status"]["availableReplicas"], 1);

    becomes(&world, &group(&json!({"containers": [{"name": "main"}]})))?;
    until_ready_is(&world, SERVICE, "True", PATIENCE)?;
    world.until("deployment", "m-kserve", "gone", |it| it.is_none(), PATIENCE)?;
    let gone = |it: Option<&Value>| it.is_some_and(|it| condition(it, "HandingOver").is_none());
    world.until("llmisvc", SERVICE, "no HandingOver", gone, PATIENCE).map(drop)
}

/// A node that can't hold the old and the new pods: takes over half a minute, after which a pod counts as blocked.
// W-18
#[test]
fn where_the_accelerators_cannot_hold_both_prefill_goes_first_and_then_the_main_workload() -> Result<()> {
    let world = World::with_operator()?;
    let node = Node::new(&world)?;
    let half = || node.placement(2);
    let prefill = json!({"replicas": 1, "template": half()});
    world.apply(&service(&json!({"replicas": 1, "template": half(), "prefill": prefill})))?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    let recording = world.record(&["deployment"])?;
    // The leader needs the room of both.
    becomes(&world, &group(&node.placement(4)))?;
    until_ready_is(&world, SERVICE, "True", ROOM_IS_MADE)?;
    for name in ["m-kserve-prefill", "m-kserve"] {
        world.until("deployment", name, "gone", |it| it.is_none(), PATIENCE)?;
    }
    // The last that is seen of each is its deletion.
    let last = |name: &str| {
        let versions = recording.so_far();
        versions.iter().filter(|it| it["metadata"]["name"] == name).map(version).max()
    };
    let in_order = || Ok((last("m-kserve") > last("m-kserve-prefill")).then_some(()));
    world.eventually("prefill goes before the main workload", PATIENCE, in_order)
}
