//! Who the endpoint picker is and what it may read (`reference/router.md §9`).

use llmisvc_kinds::Kind;
use serde_json::{Value, json};

use crate::labels::{self, Component, Labels};
use crate::names;
use crate::object::Object;
use crate::tree;
use crate::valid::{Scheduler, ValidService};
use crate::validate::routing::{Account, NAMESPACE, POOL_GROUP};

const RBAC: &str = "rbac.authorization.k8s.io";

/// ServiceAccount (unless the user brings one), Role, RoleBinding and ClusterRoleBinding.
pub fn objects(svc: &ValidService, scheduler: &Scheduler) -> Vec<Object> {
    let mut objects: Vec<Object> = account(svc, &scheduler.account).into_iter().collect();
    let subjects =
        json!([{"kind": "ServiceAccount", "name": scheduler.account.name(), "namespace": svc.id.namespace}]);
    objects.push(role(svc));
    objects.push(role_binding(svc, &subjects));
    objects.push(cluster_role_binding(svc, scheduler, &subjects));
    objects
}

fn labels(svc: &ValidService) -> Labels {
    labels::base(&svc.id.name, Component::Scheduler)
}

fn account(svc: &ValidService, account: &Account) -> Option<Object> {
    let Account::Managed { name, annotations, secrets } = account else { return None };
    let rest = Value::Object(secrets.clone());
    let mut object = Object::new(Kind::ServiceAccount, &svc.id.namespace, name, labels(svc), rest);
    if !annotations.is_empty() {
        tree::object(&mut object.body, "metadata").insert("annotations".to_owned(), json!(annotations));
    }
    Some(object)
}

fn role(svc: &ValidService) -> Object {
    let read = json!(["get", "list", "watch"]);
    let both = [POOL_GROUP, "inference.networking.x-k8s.io"];
    let rules = json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": read},
        {"apiGroups": both, "resources": ["inferencepools", "inferenceobjectives", "inferencemodels"], "verbs": read},
        {"apiGroups": [both[1]], "resources": ["inferencemodelrewrites", "inferencepoolimports"], "verbs": read},
        {"apiGroups": ["llm-d.ai"], "resources": ["inferenceobjectives", "inferencemodelrewrites"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
         "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]},
    ]);
    let name = names::scheduler_role(&svc.id.name);
    Object::new(Kind::Role, &svc.id.namespace, &name, labels(svc), json!({"rules": rules}))
}

fn role_binding(svc: &ValidService, subjects: &Value) -> Object {
    let role = json!({"apiGroup": RBAC, "kind": "Role", "name": names::scheduler_role(&svc.id.name)});
    let name = names::scheduler_role_binding(&svc.id.name);
    let rest = json!({"subjects": subjects, "roleRef": role});
    Object::new(Kind::RoleBinding, &svc.id.namespace, &name, labels(svc), rest)
}

/// It has no owner: the label with the namespace tells whose it is (edge 9).
fn cluster_role_binding(svc: &ValidService, scheduler: &Scheduler, subjects: &Value) -> Object {
    let role = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": "system:auth-delegator"});
    let mut labels = labels(svc);
    labels.insert(NAMESPACE.to_owned(), svc.id.namespace.clone());
    let rest = json!({"subjects": subjects, "roleRef": role});
    Object::new(Kind::ClusterRoleBinding, &svc.id.namespace, &scheduler.cluster_binding, labels, rest)
}
