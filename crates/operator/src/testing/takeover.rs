//! The first pass over what a former controller made.

use llmisvc_core::labels::ADOPTED;
use llmisvc_core::object::Object;
use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use super::Server;
use super::passes::{child, context, enacted, m, sealed};
use crate::memo::Mind;
use crate::stores::raw::{Raw, Turn};
use crate::stores::watched::Watched;
use crate::wire::MANAGER;

const PATH: &str = "/apis/apps/v1/namespaces/ns/deployments/m-kserve";

/// As KServe's controller creates it.
fn theirs(object: &Object) -> Value {
    let mut body = object.body.clone();
    body["metadata"]["uid"] = json!("child");
    let owners = json!({"f:metadata": {"f:ownerReferences": {"k:{\"uid\":\"owner\"}": {}}}, "f:spec": {}});
    body["metadata"]["managedFields"] = json!([
        {"manager": "manager", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": owners},
        {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {"f:spec": {"f:x": {}}}},
    ]);
    body
}

fn kept() -> Object {
    let mut object = child(Kind::Deployment, "m-kserve", 2);
    object.body["metadata"]["annotations"] = json!({ADOPTED: "abc"});
    object
}

#[tokio::test]
async fn fields_of_a_former_controller_become_ours_before_the_first_apply_and_those_of_others_do_not() {
    let server = Server::default();
    let ctx = context(&server);
    let there = server.put(PATH, theirs(&child(Kind::Deployment, "m-kserve", 1)));
    ctx.stores.put(Watched::Child(Kind::Deployment), Raw::new(there));
    let mut mind = Mind::default();
    for spec in [2, 3] {
        let desired = sealed([child(Kind::Deployment, "m-kserve", spec)]);
        assert!(!enacted(&ctx, &desired, &mut mind).await.applied.retry);
    }
    assert_eq!(
        server.requests(),
        [
            "patch deployments/m-kserve",
            "patch deployments/m-kserve",
            "apply deployments/m-kserve",
            "apply deployments/m-kserve",
        ]
    );
}

#[tokio::test]
async fn what_stays_says_so_before_it_is_ours() {
    let server = Server::default();
    let ctx = context(&server);
    let there = server.put(PATH, theirs(&child(Kind::Deployment, "m-kserve", 1)));
    ctx.stores.put(Watched::Child(Kind::Deployment), Raw::new(there.clone()));
    // Somebody is faster: what the decision was about is not there any more.
    server.put(PATH, there);
    assert!(enacted(&ctx, &sealed([kept()]), &mut Mind::default()).await.applied.retry);
    assert_eq!(server.get(PATH).unwrap()["metadata"].get("annotations"), None);
    server.requests();

    // The process ends after the fields are ours: the next one sees the mark.
    let live = ctx.stores.live(&m());
    let slot = (Kind::Deployment, "m-kserve".to_owned());
    assert_eq!(ctx.stores.turn(&m(), &slot), Some(Turn::Former));
    let place = crate::wire::Place { served: &Kind::Deployment.served(), namespace: "ns", name: "m-kserve" };
    let service = json!({"metadata": {"uid": "owner", "name": "m", "namespace": "ns"}});
    let subject = super::passes::subject(&ctx, &service);
    crate::turn::turn_into_apply(&ctx, &subject, &sealed([kept()])[0], place, &live[&slot]).await.unwrap();
    let stored = server.get(PATH).unwrap();
    assert_eq!(stored["metadata"]["annotations"], json!({ADOPTED: "abc"}));
    let managers: Vec<(&Value, &Value)> = stored["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["manager"], &entry["operation"]))
        .collect();
    assert_eq!(managers, [(&json!("kubectl-edit"), &json!("Update")), (&json!(MANAGER), &json!("Apply"))]);
    assert_eq!(ctx.stores.turn(&m(), &slot), None);
    assert_eq!(server.requests(), ["patch deployments/m-kserve", "patch deployments/m-kserve"]);
}
