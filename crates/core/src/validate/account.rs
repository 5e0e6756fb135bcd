//! Under which ServiceAccount the pods run, and whose credentials the download gets
//! (`reference/workloads.md §8.5`).

use llmisvc_kinds::Kind;
use serde_json::Value;

use super::problem::Problem;
use super::scope::Scope;
use crate::facts::{Answer, Key, Ref};
use crate::labels::Labels;
use crate::pass::is_stopped;
use crate::tree;

/// Annotations by which clouds give the pods of an account an identity.
const IDENTITIES: [&str; 3] = ["eks.amazonaws.com/", "iam.gke.io/", "azure.workload.identity/"];

/// Identity of a workload's pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Account {
    /// The namespace's default account.
    Default,
    /// An account of the user.
    Named(String),
    /// Made for the routing sidecar; it inherits what the default account refers to.
    Managed {
        /// Its name.
        name: String,
        /// Annotations of the default account that give its pods an identity in a cloud (S-8).
        annotations: Labels,
        /// `secrets`, as in the default account.
        secrets: Vec<Value>,
        /// `imagePullSecrets`, as in the default account.
        image_pull_secrets: Vec<Value>,
    },
}

impl Account {
    /// `serviceAccountName`, unless it is the default account.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Named(name) | Self::Managed { name, .. } => Some(name),
        }
    }
}

/// Chooses the account. `named` is what the pod template names; `managed` the account that is made where none is.
/// The answer is the account's object or, for a managed one, the default account's: that is where credentials
/// come from.
pub fn account<'a>(scope: &mut Scope<'a, '_>, named: &str, managed: Option<String>) -> (Account, &'a Answer) {
    let named = named.to_owned();
    if let Some(managed) = managed.clone()
        && (named.is_empty() || named == managed)
        && !is_foreign(scope, &managed)
    {
        let default = read(scope, "default");
        // While the default account cannot be read, the managed one keeps what it has.
        let from = match default {
            Answer::Found(account) => Some(account),
            Answer::Absent => None,
            Answer::Unreadable(_) => {
                let live = scope.ctx.inputs.live.get(&(Kind::ServiceAccount, managed.clone()));
                live.map(|account| &account.body)
            }
        };
        let of = |key| from.map(|a| tree::list(a, &[key]).to_vec()).unwrap_or_default();
        let (secrets, image_pull_secrets) = (of("secrets"), of("imagePullSecrets"));
        let annotations = from.map(|account| identities(account)).unwrap_or_default();
        return (Account::Managed { name: managed, annotations, secrets, image_pull_secrets }, default);
    }
    // A managed name that belongs to somebody else is used, not taken over (W-5).
    let named = if named.is_empty() { managed.unwrap_or_default() } else { named };
    if named.is_empty() {
        return (Account::Default, read(scope, "default"));
    }
    let answer = read(scope, &named);
    // W-4: a stopped service needs no account.
    if matches!(answer, Answer::Absent) && !is_stopped(scope.ctx.inputs.service) {
        let namespace = scope.ctx.id.namespace.clone();
        let problem = Problem::NoAccount { name: named.clone(), namespace };
        let field = scope.in_template("serviceAccountName");
        scope.error(&field, &problem);
    }
    (Account::Named(named), answer)
}

fn identities(account: &Value) -> Labels {
    let mut annotations = tree::strings(account, &["metadata", "annotations"]);
    annotations.retain(|key, _| IDENTITIES.iter().any(|prefix| key.starts_with(prefix)));
    annotations
}

fn read<'a>(scope: &Scope<'a, '_>, name: &str) -> &'a Answer {
    let account = Ref::new(&scope.ctx.id.namespace, name);
    scope.ctx.inputs.seen.get(&Key::ServiceAccount(account))
}

/// The account exists and this service does not control it.
fn is_foreign(scope: &Scope<'_, '_>, name: &str) -> bool {
    let account = Ref::new(&scope.ctx.id.namespace, name);
    let found = scope.ctx.inputs.seen.get(&Key::ServiceAccount(account)).found();
    found.is_some_and(|account| !is_controlled_by(account, scope))
}

fn is_controlled_by(account: &Value, scope: &Scope<'_, '_>) -> bool {
    let mut owners = tree::list(account, &["metadata", "ownerReferences"]).iter();
    let id = scope.ctx.id;
    owners.any(|owner| match &id.uid {
        Some(uid) => tree::text(owner, &["uid"]) == uid,
        None => tree::text(owner, &["name"]) == id.name,
    })
}
