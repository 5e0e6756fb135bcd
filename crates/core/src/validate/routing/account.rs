//! Who the endpoint picker runs as, and the name of its cluster-wide binding.

use llmisvc_kinds::Kind;
use serde_json::{Map, Value};

use crate::facts::{Answer, Key, Ref};
use crate::labels::{self, Labels};
use crate::names;
use crate::tree;
use crate::validate::Context;

/// Label with the service's namespace on objects that have none of their own.
pub const NAMESPACE: &str = "llmisvc.io/namespace";

/// ServiceAccount of the endpoint picker.
#[derive(Clone, Debug, PartialEq)]
pub enum Account {
    /// Made by us.
    Managed {
        /// Its name.
        name: String,
        /// Annotations of the workload's account.
        annotations: Labels,
        /// `secrets` and `imagePullSecrets` of the workload's account or of `default`.
        secrets: Map<String, Value>,
    },
    /// Made by the user; it is only bound.
    Custom(String),
}

impl Account {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Managed { name, .. } | Self::Custom(name) => name,
        }
    }
}

/// The account that the scheduler's template names, else a managed one.
pub(super) fn account(ctx: &Context<'_>, template: &Value) -> Account {
    let managed = names::scheduler_account(&ctx.id.name);
    let named = tree::text(template, &["serviceAccountName"]);
    if named.is_empty() || named == managed {
        managed_account(ctx, managed)
    } else {
        Account::Custom(named.to_owned())
    }
}

/// Pull secrets come from the main workload's account, or from `default` (`reference/router.md §9`). When that
/// one cannot be read, the live account keeps what it has.
fn managed_account(ctx: &Context<'_>, name: String) -> Account {
    let workload = tree::text(ctx.spec, &["template", "serviceAccountName"]);
    let source = if workload.is_empty() { "default" } else { workload };
    let key = Key::ServiceAccount(Ref::new(&ctx.id.namespace, source));
    let (from, annotated) = match ctx.inputs.seen.get(&key) {
        Answer::Found(account) => (Some(account.as_ref()), !workload.is_empty()),
        Answer::Absent => (None, false),
        Answer::Unreadable(_) => (live_body(ctx, Kind::ServiceAccount, &name), true),
    };
    let annotations = from.filter(|_| annotated).map(|a| tree::strings(a, &["metadata", "annotations"]));
    let mut annotations = annotations.unwrap_or_default();
    annotations
        .retain(|key, _| key != labels::APPLIED && key != "kubectl.kubernetes.io/last-applied-configuration");
    Account::Managed { name, annotations, secrets: from.map(secrets).unwrap_or_default() }
}

fn secrets(account: &Value) -> Map<String, Value> {
    let lists = ["secrets", "imagePullSecrets"].into_iter();
    let lists = lists.filter_map(|key| Some((key.to_owned(), account.get(key)?.clone())));
    lists.filter(|(_, list)| list.as_array().is_some_and(|l| !l.is_empty())).collect()
}

/// The binding's name; with the UID's hash where another service holds the plain one (edge 9).
pub(super) fn cluster_binding(ctx: &Context<'_>) -> String {
    let plain = names::scheduler_cluster_role_binding(&ctx.id.namespace, &ctx.id.name);
    let Some(uid) = &ctx.id.uid else { return plain };
    let own = names::scheduler_cluster_role_binding_of(&ctx.id.namespace, &ctx.id.name, uid);
    let taken = live_body(ctx, Kind::ClusterRoleBinding, &plain).is_some_and(|b| !is_ours(ctx, b));
    let moved = live_body(ctx, Kind::ClusterRoleBinding, &own).is_some();
    if taken || moved { own } else { plain }
}

/// Bindings made by the peer carry no namespace but that of their subject.
fn is_ours(ctx: &Context<'_>, binding: &Value) -> bool {
    let labels = tree::strings(binding, &["metadata", "labels"]);
    let subject = tree::list(binding, &["subjects"]).first().map_or("", |s| tree::text(s, &["namespace"]));
    let namespace = labels.get(NAMESPACE).map_or(subject, String::as_str);
    labels.get(labels::NAME).is_some_and(|n| *n == ctx.id.name) && namespace == ctx.id.namespace
}

/// A live child; one on its way out has nothing that could be kept.
pub(super) fn live_body<'a>(ctx: &Context<'a>, kind: Kind, name: &str) -> Option<&'a Value> {
    ctx.inputs.live.get(&(kind, name.to_owned())).filter(|o| !o.deleting).map(|o| o.body.as_ref())
}
