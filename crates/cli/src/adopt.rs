//! `llmisvc migrate adopt`: what the operator would do with what another controller has made, by the operator's own
//! steps.

use std::collections::BTreeSet;
use std::fmt;

use llmisvc_core::adopt::Adopted;
use llmisvc_core::decide::Desired;
use llmisvc_core::labels::{ADOPTED, APPLIED};
use llmisvc_core::object::{Live, LiveObject, Object};
use llmisvc_core::plan::{Action, Plan, differences, plan};
use llmisvc_core::tree;
use llmisvc_kinds::Kind;
use serde_json::Value;

use crate::input::Document;
use crate::offline::Offline;
use crate::render::{Rendered, render};

/// What becomes of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Ours, and as it shall be.
    Settled,
    /// It gets our marks and stays as it is otherwise.
    Adopted,
    /// These fields change, and nothing is restarted by it.
    Changed(Vec<String>),
    /// The template of its pods changes here, which replaces them.
    Replaced(Vec<String>),
    /// It stays, in whole or in part, as the other controller made it: ours would differ here.
    Kept(Vec<String>),
    /// It is made.
    Created,
    /// Nothing of its kind is in the input, so nobody can tell.
    Unknown,
    /// It goes.
    Deleted,
    /// Somebody else's, or of a kind that the operator does not look after.
    LeftAlone(&'static str),
    /// It waits for others.
    Waits,
}

/// What becomes of the objects of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// `namespace/name`.
    pub service: String,
    /// Kind, name and fate, in apply order.
    pub fates: Vec<(String, String, Fate)>,
}

/// Everything that came of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stories {
    /// Service by service.
    pub stories: Vec<Story>,
    /// What is wrong with services that are left as they are.
    pub findings: Vec<String>,
}

/// Takes services and live objects from the documents and tells what would become of them.
pub fn stories(documents: &[Document], offline: Offline, namespace: &str) -> Stories {
    let live: Vec<Value> = documents.iter().map(|document| document.value.clone()).collect();
    let offline = offline.taking_over(live.clone());
    let report = render(documents, &offline, namespace);
    let told = report.services.iter().map(|rendered| story(rendered, &offline, &live));
    Stories { stories: told.collect(), findings: report.findings() }
}

fn story(rendered: &Rendered, offline: &Offline, all: &[Value]) -> Story {
    let service = &rendered.service;
    let text = |key| tree::text(service, &["metadata", key]);
    let live = offline.live(service);
    let mut fates = Vec::new();
    if let Ok(desired) = &rendered.decision.outcome {
        let teller = Teller::new(desired, &live, text("uid"), all);
        fates.extend(desired.objects.iter().map(|object| told(object, teller.fate(object))));
        let gone = teller.plan.prune.iter();
        fates.extend(gone.map(|(kind, name, _)| (named(*kind), name.clone(), teller.going(*kind, name))));
    }
    fates.extend(all.iter().filter(|object| is_owned(object, text("uid"))).filter_map(foreign));
    Story { service: format!("{}/{}", text("namespace"), text("name")), fates }
}

fn told(object: &Object, fate: Fate) -> (String, String, Fate) {
    (named(object.kind), object.name.clone(), fate)
}

/// Two kinds have one name.
fn named(kind: Kind) -> String {
    match kind {
        Kind::OlderInferencePool => format!("{kind} ({})", kind.served().api_version()),
        _ => kind.to_string(),
    }
}

fn is_owned(object: &Value, uid: &str) -> bool {
    let mut owners = tree::list(object, &["metadata", "ownerReferences"]).iter();
    !uid.is_empty() && owners.any(|owner| tree::text(owner, &["uid"]) == uid)
}

/// What belongs to the service and is of no kind of ours.
fn foreign(object: &Value) -> Option<(String, String, Fate)> {
    let text = |path: &[&str]| tree::text(object, path);
    if Kind::of(text(&["apiVersion"]), text(&["kind"])).is_some() {
        return None;
    }
    let kind = format!("{} ({})", text(&["kind"]), text(&["apiVersion"]));
    let why = "of a kind that the operator does not look after; it goes with the service";
    Some((kind, text(&["metadata", "name"]).to_owned(), Fate::LeftAlone(why)))
}

struct Teller<'a> {
    desired: &'a Desired,
    live: &'a Live,
    plan: Plan<'a>,
    shown: BTreeSet<Kind>,
}

impl<'a> Teller<'a> {
    fn new(desired: &'a Desired, live: &'a Live, uid: &str, all: &[Value]) -> Self {
        let kind = |o: &Value| Kind::of(tree::text(o, &["apiVersion"]), tree::text(o, &["kind"]));
        let shown = all.iter().filter_map(kind).collect();
        Self { desired, live, plan: plan(&desired.objects, live, uid), shown }
    }

    fn fate(&self, object: &Object) -> Fate {
        if self.desired.held.has(object.kind, &object.name) {
            return Fate::Waits;
        }
        match self.plan.actions.iter().find(|action| std::ptr::eq(action.object(), object)) {
            None => Fate::Settled,
            Some(Action::Create(_)) if !self.shown.contains(&object.kind) => Fate::Unknown,
            Some(Action::Create(_)) => Fate::Created,
            Some(Action::Taken { .. }) => Fate::LeftAlone("it is not controlled by this service"),
            Some(Action::Recreate { live, .. }) => Fate::Replaced(changed(live, object)),
            Some(Action::Apply { live, .. }) => applied(object, live, &self.desired.adopted),
        }
    }

    fn going(&self, kind: Kind, name: &str) -> Fate {
        debug_assert!(self.live.contains_key(&(kind, name.to_owned())), "only what lives can go");
        if self.desired.held.has(kind, name) { Fate::Waits } else { Fate::Deleted }
    }
}

fn applied(object: &Object, live: &LiveObject, adopted: &Adopted) -> Fate {
    let changed = changed(live, object);
    let replaces =
        |path: &String| path.starts_with("spec.template") || path.starts_with("spec.leaderWorkerTemplate");
    match adopted.kept(object.kind, &object.name) {
        Some(paths) => Fate::Kept(paths.to_vec()),
        None if changed.iter().any(replaces) => Fate::Replaced(changed),
        None if changed.is_empty() => Fate::Adopted,
        None => Fate::Changed(changed),
    }
}

/// Our own marks are no news.
fn changed(live: &LiveObject, object: &Object) -> Vec<String> {
    let mut desired = object.body.clone();
    let metadata = tree::entry(&mut desired, "metadata");
    let annotations = tree::object(metadata, "annotations");
    annotations.retain(|key, _| key != APPLIED && key != ADOPTED);
    if annotations.is_empty()
        && let Some(metadata) = metadata.as_object_mut()
    {
        metadata.remove("annotations");
    }
    differences(&live.body, &desired)
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled => f.write_str("is the operator's already"),
            Self::Adopted => f.write_str("adopted, unchanged"),
            Self::Changed(paths) => write!(f, "adopted, changed: {}", paths.join(", ")),
            Self::Replaced(paths) => write!(f, "its pods are replaced, changed: {}", paths.join(", ")),
            Self::Kept(paths) if paths.is_empty() => f.write_str("adopted, kept as it is"),
            Self::Kept(paths) => {
                write!(f, "adopted, kept as it is until the spec asks for a change: {}", paths.join(", "))
            }
            Self::Created => f.write_str("created"),
            Self::Unknown => f.write_str("adopted or created: there is no object of this kind in the input"),
            Self::Deleted => f.write_str("deleted"),
            Self::LeftAlone(why) => write!(f, "left alone: {why}"),
            Self::Waits => f.write_str("left as it is for now, until what comes is ready"),
        }
    }
}

impl fmt::Display for Stories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for story in &self.stories {
            writeln!(f, "{}", story.service)?;
            for (kind, name, fate) in &story.fates {
                writeln!(f, "  {kind} {name}: {fate}")?;
            }
        }
        let replaced =
            |story: &&Story| story.fates.iter().any(|(_, _, fate)| matches!(fate, Fate::Replaced(_)));
        let restarting = self.stories.iter().filter(replaced).count();
        let (services, plural) = (self.stories.len(), if self.stories.len() == 1 { "" } else { "s" });
        writeln!(f, "{services} service{plural}, {restarting} with pods that are replaced")
    }
}
