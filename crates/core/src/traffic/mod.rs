//! Traffic groups: services that share requests by weight (`reference/router.md §12`).
//!
//! Each member keeps a route of its own, and the rules that members have in common list the backends of all of them,
//! so that traffic splits the same way whichever of the routes a gateway prefers. What a member has to know of the
//! others is what they publish after each pass, from their merged specs (edges 28, 30): [`Member`]. [`split()`] says
//! who gets traffic, [`rules`] writes it into the route, [`standing()`] makes what is published.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::facts::Answer;
use crate::names;
use crate::tree;
use crate::valid::Routing;

pub mod leave;
pub mod rules;
mod split;
mod standing;
#[cfg(test)]
mod tests;

pub use self::split::{Me, split};
pub use self::standing::{Standing, standing};

/// Port of every backend.
const PORT: i64 = 8000;

/// The share of a service in its group, and who else has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// `spec.router.route.group`.
    pub group: String,
    /// `spec.router.route.weight`.
    pub weight: i64,
    /// Model and adapters, sorted. Members with other ones form a group of their own.
    pub models: Vec<String>,
    /// Where requests for this service go.
    pub backend: Backend,
    /// What all members have published, this service among them.
    pub members: Members,
    /// Who the shared rules list, by name; never empty.
    pub listed: Vec<Listed>,
}

/// A backend of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Backend {
    /// API group; empty for a Service.
    pub group: String,
    /// `InferencePool` or `Service`.
    pub kind: String,
    /// Its name, in the namespace of the service.
    pub name: String,
}

/// One member in the shared rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Name of the service.
    pub name: String,
    /// Its weight.
    pub weight: i64,
    /// Its backend where rules lead to pools; elsewhere it is its workload Service (edge 31).
    pub backend: Backend,
}

/// What a service publishes for the other members of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Name of the service.
    pub name: String,
    /// Name of the group.
    pub group: String,
    /// Declared weight.
    pub weight: i64,
    /// Model and adapters, sorted.
    pub models: Vec<String>,
    /// Where its requests go.
    pub backend: Backend,
    /// It is stopped.
    pub stopped: bool,
    /// It can answer requests.
    pub routable: bool,
    /// It is being deleted.
    pub deleting: bool,
}

/// The answer to [`crate::facts::Key::Group`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// What members have published, by name.
    pub members: Vec<Member>,
    /// Services that were in the group when their status was written, and have not had a pass since the operator
    /// started: what routes say about them stays.
    pub unknown: BTreeSet<String>,
}

impl Members {
    /// What an answer says; nobody, when it says nothing.
    pub fn of(answer: &Answer) -> Self {
        answer.found().and_then(|value| serde_json::from_value(value.clone()).ok()).unwrap_or_default()
    }

    /// What one member has published.
    pub fn get(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

impl Backend {
    /// Where requests for a service go: the pool that a single service's route leads to, or its workload Service.
    pub fn of(service: &str, routing: &Routing) -> Self {
        match routing.pool(service) {
            Some(pool) => Self::pool(routing.pools.group.name(), &pool),
            None => Self::service(service),
        }
    }

    /// A pool.
    pub fn pool(group: &str, name: &str) -> Self {
        Self { group: group.to_owned(), kind: "InferencePool".to_owned(), name: name.to_owned() }
    }

    /// The workload Service of a service.
    pub fn service(service: &str) -> Self {
        Self { group: String::new(), kind: "Service".to_owned(), name: names::workload_service(service) }
    }

    /// The backend that a `backendRef` names; its kind is `Service` when it says nothing.
    pub fn named(reference: &Value) -> Self {
        let text = |key| tree::text(reference, &[key]).to_owned();
        let kind = Some(text("kind")).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "Service".to_owned());
        Self { group: text("group"), kind, name: text("name") }
    }

    /// Whether both are the same object, in whichever version of its API.
    pub fn is(&self, other: &Self) -> bool {
        (&self.kind, &self.name) == (&other.kind, &other.name)
    }

    /// As the status tells it.
    pub fn reference(&self) -> Value {
        json!({"group": self.group, "kind": self.kind, "name": self.name, "port": PORT})
    }
}

/// Model and adapters, sorted and each once.
pub fn models(model: &str, adapters: &[String]) -> Vec<String> {
    let all: BTreeSet<&str> = adapters.iter().map(String::as_str).chain([model]).collect();
    all.into_iter().map(str::to_owned).collect()
}
