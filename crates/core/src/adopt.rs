//! Taking over the objects of a former controller, KServe's own, without a rollout.
//!
//! Everything is applied at once but two things. Pod templates stay as they live until ours would be another one than
//! it was at the takeover: then the user has changed something, and gets ours. A route that leads to a pool of the
//! older group stays with it until its gateways have shown that they know the newer one ([`crate::pools`]), and a route
//! that shares its requests with other services goes on doing so. Which fields are ours from then on is decided in
//! [`fields`].

use std::collections::BTreeMap;

use llmisvc_kinds::Kind;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::labels::{ADOPT, ADOPTED, APPLIED, COMPONENT, Component, KV_REVISION};
use crate::object::{Live, LiveObject, Object};
use crate::pass::Inputs;
use crate::plan::{differences, ours};
use crate::revision::filter::{self, Admitted};
use crate::workloads::{templates, templates_mut};
use crate::{names, tree};

pub mod fields;
mod route;

/// Objects that stay as a former controller made them, and where ours would be different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted(BTreeMap<(Kind, String), Vec<String>>);

impl Adopted {
    /// The paths in which an object stays as it is; none when it is ours entirely.
    pub fn kept(&self, kind: Kind, name: &str) -> Option<&[String]> {
        self.0.get(&(kind, name.to_owned())).map(Vec::as_slice)
    }

    /// Everything is ours.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &str, &[String])> {
        self.0.iter().map(|((kind, name), paths)| (*kind, name.as_str(), paths.as_slice()))
    }
}

impl FromIterator<((Kind, String), Vec<String>)> for Adopted {
    fn from_iter<I: IntoIterator<Item = ((Kind, String), Vec<String>)>>(kept: I) -> Self {
        Self(kept.into_iter().collect())
    }
}

/// Puts what stays in place of what would be desired.
pub fn adopt(inputs: &Inputs<'_>, objects: &mut [Object]) -> Adopted {
    let mut adopted = Adopted::default();
    if tree::text(inputs.service, &["metadata", "annotations", ADOPT]) == "now" {
        return adopted;
    }
    let takeover = Takeover::of(inputs);
    for part in [Part::Servers, Part::Picker, Part::Tokenizer] {
        takeover.keep_templates(part, objects, &mut adopted);
    }
    for object in objects.iter_mut().filter(|object| object.kind == Kind::HTTPRoute) {
        let Some(live) = takeover.live(object) else { continue };
        let kept = is_taken_over(live).then(|| route::keep(object, &live.body));
        let Some((with, path)) = kept.flatten() else {
            continue;
        };
        mark(object, with);
        adopted.0.insert((object.kind, object.name.clone()), vec![path.to_owned()]);
    }
    adopted
}

/// Made by a former controller, and not written by us yet.
pub fn is_former(live: &LiveObject) -> bool {
    live.created_by_post && tree::text(&live.body, &["metadata", "annotations", APPLIED]).is_empty()
}

/// Made by a former controller, and kept in some respect if we have written it.
pub fn is_taken_over(live: &LiveObject) -> bool {
    is_former(live) || is_marked(&live.body)
}

/// Whether a workload of a former controller is still to be taken over. `desired` is none while nothing is decided.
pub fn has_former(live: &Live, desired: Option<&[Object]>, uid: &str) -> bool {
    let is_wanted = |kind: Kind, name: &str| {
        desired.is_none_or(|objects| objects.iter().any(|o| o.kind == kind && o.name == name))
    };
    let mut workloads = live.iter().filter(|((kind, name), child)| {
        templates(&child.body).next().is_some() && !child.deleting && is_wanted(*kind, name)
    });
    workloads.any(|((kind, _), child)| ours(*kind, child, uid) && is_former(child))
}

/// Pods that are replaced together, since they depend on each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Servers,
    Picker,
    Tokenizer,
}

impl Part {
    fn of(object: &Object) -> Option<Self> {
        templates(&object.body).next()?;
        let component = tree::text(&object.body, &["metadata", "labels", COMPONENT]);
        Some(match component {
            _ if component == Component::Scheduler.as_str() => Self::Picker,
            _ if component == Component::Tokenizer.as_str() => Self::Tokenizer,
            _ => Self::Servers,
        })
    }
}

struct Takeover<'a> {
    live: &'a Live,
    uid: &'a str,
    /// Nothing was asked for that the former controller has not seen.
    unchanged: bool,
}

impl<'a> Takeover<'a> {
    fn of(inputs: &Inputs<'a>) -> Self {
        let observed = tree::get(inputs.service, &["status", "observedGeneration"]).and_then(Value::as_i64);
        let generation = tree::get(inputs.service, &["metadata", "generation"]).and_then(Value::as_i64);
        Self {
            live: inputs.live,
            uid: tree::text(inputs.service, &["metadata", "uid"]),
            unchanged: observed.is_none_or(|observed| Some(observed) == generation),
        }
    }

    fn live(&self, object: &Object) -> Option<&'a LiveObject> {
        let child = self.live.get(&(object.kind, object.name.clone()))?;
        (!child.deleting && ours(object.kind, child, self.uid)).then_some(child)
    }

    fn keep_templates(&self, part: Part, objects: &mut [Object], adopted: &mut Adopted) {
        let hash = fingerprint(objects.iter().filter(|object| Part::of(object) == Some(part)));
        let stays = |object: &Object| {
            let live = self.live(object)?;
            let marker = tree::text(&live.body, &["metadata", "annotations", ADOPTED]);
            (marker == hash || is_former(live) && self.unchanged).then_some(live)
        };
        let mut any = false;
        for object in objects.iter_mut().filter(|object| Part::of(object) == Some(part)) {
            let Some(live) = stays(object) else { continue };
            adopted.0.insert((object.kind, object.name.clone()), keep(object, &live.body));
            mark(object, &hash);
            any = true;
        }
        if any && part == Part::Servers {
            without_revision(objects);
        }
    }
}

/// A hash of all pod templates of a part, as we make them.
fn fingerprint<'a>(objects: impl Iterator<Item = &'a Object>) -> String {
    let mut hasher = Sha256::new();
    for object in objects {
        let path = template_path(object.kind);
        let template = tree::get(&object.body, &path).unwrap_or(&Value::Null);
        hasher.update(format!("{}={template};", object.name));
    }
    let mut digits = names::hex(&hasher.finalize());
    digits.truncate(16);
    digits
}

/// The pod templates and, of a group, its size, which replaces pods as well.
const fn template_path(kind: Kind) -> [&'static str; 2] {
    ["spec", if matches!(kind, Kind::LeaderWorkerSet) { "leaderWorkerTemplate" } else { "template" }]
}

/// Takes the live template, and tells where ours is different.
fn keep(object: &mut Object, live: &Value) -> Vec<String> {
    let path = template_path(object.kind);
    let Some(kept) = tree::get(live, &path) else { return Vec::new() };
    let spec = tree::entry(&mut object.body, "spec");
    let slot = tree::entry(spec, path[1]);
    let paths = differences(kept, slot);
    *slot = kept.clone();
    for template in templates_mut(&mut object.body) {
        if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("creationTimestamp");
        }
    }
    paths.into_iter().map(|p| p.strip_prefix("spec.").map(str::to_owned).unwrap_or(p)).collect()
}

/// Pods that stay carry no revision, so nobody may look for one.
fn without_revision(objects: &mut [Object]) {
    for object in objects.iter_mut() {
        if Part::of(object) == Some(Part::Picker) && filter::is_possible(&object.body) {
            filter::admit(&mut object.body, &Admitted::Everyone);
        }
        let is_server = Part::of(object) == Some(Part::Servers);
        let is_kept = !tree::text(&object.body, &["metadata", "annotations", ADOPTED]).is_empty();
        for template in templates_mut(&mut object.body).into_iter().filter(|_| is_server && !is_kept) {
            tree::object(tree::entry(template, "metadata"), "labels").remove(KV_REVISION);
        }
    }
}

fn mark(object: &mut Object, with: &str) {
    let metadata = tree::entry(&mut object.body, "metadata");
    tree::object(metadata, "annotations").insert(ADOPTED.to_owned(), json!(with));
}

fn is_marked(body: &Value) -> bool {
    !tree::text(body, &["metadata", "annotations", ADOPTED]).is_empty()
}

#[cfg(test)]
mod tests;
