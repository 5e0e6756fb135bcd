//! Rollouts on a node whose accelerators are all taken by the pods that are to be replaced. A pod counts as blocked
//! after half a minute, so each of these takes a little longer.

use std::time::Duration;

use anyhow::{Context as _, Result};
use llmisvc_testkit::World;
use serde_json::{Value, json};

use crate::look::{condition, container, observed, says};
use crate::node::Node;

const SERVICE: &str = "m";
const DEPLOYMENT: &str = "m-kserve";
/// What is promised.
const TOLD: Duration = Duration::from_mins(1);
const ROLLED: Duration = Duration::from_secs(90);

/// What the tests do with their node.
struct Room<'a> {
    node: Node<'a>,
}

impl<'a> Room<'a> {
    fn new(world: &'a World<'static>) -> Result<Self> {
        Ok(Self { node: Node::new(world)? })
    }

    /// A service that needs the whole node.
    fn service(&self, image: &str) -> Value {
        let four = json!({"nvidia.com/gpu": "4"});
        json!({
            "apiVersion": "serving.kserve.io/v1alpha2",
            "kind": "LLMInferenceService",
            "metadata": {"name": SERVICE},
            "spec": {
                "model": {"uri": "hf://org/m"},
                "replicas": 1,
                "parallelism": {"tensor": 4},
                "template": {
                    "nodeSelector": {"kubernetes.io/hostname": self.node.name()},
                    "tolerations": [{"key": "only", "operator": "Exists"}],
                    "containers": [{"name": "main", "image": image, "resources": {"limits": four}}],
                },
            },
        })
    }

    fn runs(&self, service: &Value) -> Result<()> {
        self.node.world().apply(&service.to_string())?;
        self.node.world().until_condition("llmisvc", SERVICE, "Ready", "True").map(drop)
    }

    /// The Deployment, once all its pods have this image and are available.
    fn rolled_out_to(&self, image: &str) -> Result<Value> {
        let done = |it: Option<&Value>| {
            it.is_some_and(|it| {
                observed(it)
                    && container(it, "main")["image"] == image
                    && it["status"]["replicas"] == 1
                    && it["status"]["updatedReplicas"] == 1
                    && it["status"]["availableReplicas"] == 1
            })
        };
        let found = self.node.world().until("deployment", DEPLOYMENT, "rolled out", done, ROLLED)?;
        found.context("a deployment")
    }
}

// H2
#[test]
fn a_rollout_finishes_without_a_spare_accelerator() -> Result<()> {
    let world = World::with_operator()?;
    let node = Room::new(&world)?;
    node.runs(&node.service("vllm:1"))?;
    let before = world.get("deployment", DEPLOYMENT)?["spec"]["strategy"].clone();
    let recording = world.record(&["deployment"])?;
    world.apply(&node.service("vllm:2").to_string())?;
    node.rolled_out_to("vllm:2")?;
    world.until_condition("llmisvc", SERVICE, "Ready", "True")?;
    world.until_quiet(Duration::from_secs(1), TOLD)?;
    let after = world.get("deployment", DEPLOYMENT)?;
    let in_place = json!({"maxSurge": 0, "maxUnavailable": 1});
    let seen = recording.up_to(&world, &after)?;
    assert!(seen.iter().any(|it| it["spec"]["strategy"]["rollingUpdate"] == in_place), "{seen:#?}");
    assert_eq!(after["spec"]["strategy"], before, "Kubernetes' own again");
    assert_eq!(condition(&world.get("llmisvc", SERVICE)?, "RolloutBlocked"), None);
    Ok(())
}

// H2
#[test]
fn a_rollout_that_the_users_strategy_blocks_is_told_within_a_minute() -> Result<()> {
    let world = World::with_operator()?;
    let node = Room::new(&world)?;
    let quarter = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    let with = |image: &str| {
        let mut service = node.service(image);
        service["spec"]["rolloutStrategy"] = quarter.clone();
        service
    };
    node.runs(&with("vllm:1"))?;
    world.apply(&with("vllm:2").to_string())?;
    let told = |it: Option<&Value>| it.is_some_and(|it| condition(it, "RolloutBlocked").is_some());
    let service = world.until("llmisvc", SERVICE, "RolloutBlocked", told, TOLD)?.context("a service")?;
    assert_eq!(says(&service, "RolloutBlocked", "status"), "True");
    assert_eq!(says(&service, "RolloutBlocked", "reason"), "InsufficientAccelerators");
    let message = says(&service, "RolloutBlocked", "message");
    for part in [
        "main workload: no node takes pod m-kserve-",
        "Insufficient nvidia.com/gpu",
        "1 old pod holds nvidia.com/gpu; set spec.rolloutStrategy to maxSurge 0 and maxUnavailable 1",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let deployment = world.get("deployment", DEPLOYMENT)?;
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"], quarter);
    assert_eq!(deployment["status"]["availableReplicas"], 1, "the old pod serves on");

    let advice = r#"{"spec": {"rolloutStrategy": {"maxSurge": 0, "maxUnavailable": 1}}}"#;
    world.patch("llmisvc", SERVICE, "merge", advice)?;
    node.rolled_out_to("vllm:2")?;
    let gone = |it: Option<&Value>| it.is_some_and(|it| condition(it, "RolloutBlocked").is_none());
    world.until("llmisvc", SERVICE, "no RolloutBlocked", gone, TOLD).map(drop)
}
