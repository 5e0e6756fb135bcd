//! An object as a watch delivers it: a tree, so that no content can make it undecodable.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::ApiResource;
use llmisvc_core::adopt::fields;
use llmisvc_core::facts::Ref;
use llmisvc_core::tree;
use llmisvc_kinds::Served;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::wire::MANAGER;

/// A tree without managed fields, and the little that the watcher itself must know of it.
///
/// A typed watch ends, or starts over, at the first object that does not decode. This one cannot fail to decode;
/// an object that makes no sense is found, logged and skipped where it is used.
#[derive(Clone, Debug)]
pub struct Raw {
    meta: ObjectMeta,
    /// The object.
    pub value: Value,
    /// The entry among the managed fields that has to become our `Apply` before we apply.
    pub turn: Option<Turn>,
    /// Places among the managed fields of those entries of our manager that hold `spec.replicas`.
    pub count_entries: Box<[usize]>,
    /// When it was changed last, as the API server dates it; none while it is being deleted, which is no change.
    pub changed: Option<Timestamp>,
}

/// What an apply of ours could not remove fields of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Our own `Update`, at this place, and no `Apply`: the object was created by our POST and never applied.
    Posted(usize),
    /// That of a former controller.
    Former,
}

impl Raw {
    /// Takes the managed fields off.
    pub fn new(mut value: Value) -> Self {
        let turn = turn(&value);
        let count_entries = count_entries(tree::list(&value, &["metadata", "managedFields"]));
        let changed = changed(&value);
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        Self { meta: meta(&value), value, turn, count_entries, changed }
    }

    /// With `apiVersion` and `kind`, which a list leaves out of the items of built-in kinds: an object looks the
    /// same however it came.
    #[must_use]
    pub fn typed(mut self, served: &Served) -> Self {
        if let Some(object) = self.value.as_object_mut() {
            object.entry("apiVersion").or_insert_with(|| served.api_version().into());
            object.entry("kind").or_insert_with(|| served.kind.into());
        }
        self
    }

    /// Namespace (empty for cluster-scoped objects) and name; none when it has no name.
    pub fn place(&self) -> Option<Ref> {
        let name = tree::text(&self.value, &["metadata", "name"]);
        (!name.is_empty()).then(|| Ref::new(tree::text(&self.value, &["metadata", "namespace"]), name))
    }

    /// `metadata.resourceVersion` as a number: etcd's revision, which only grows.
    pub fn revision(&self) -> u64 {
        revision(&self.value)
    }
}

/// The same of any object.
pub fn revision(value: &Value) -> u64 {
    tree::text(value, &["metadata", "resourceVersion"]).parse().unwrap_or_default()
}

fn meta(value: &Value) -> ObjectMeta {
    let text = |key| tree::get(value, &["metadata", key]).and_then(Value::as_str).map(str::to_owned);
    ObjectMeta {
        name: text("name"),
        namespace: text("namespace"),
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        ..ObjectMeta::default()
    }
}

/// The times are all of one form, so that the last in the alphabet is the latest.
fn changed(object: &Value) -> Option<Timestamp> {
    let entries = tree::list(object, &["metadata", "managedFields"]).iter();
    let last = entries.map(|entry| tree::text(entry, &["time"])).max()?;
    let going = tree::get(object, &["metadata", "deletionTimestamp"]).is_some();
    last.parse().ok().filter(|_| !going)
}

fn turn(object: &Value) -> Option<Turn> {
    if fields::has_former(object) {
        return Some(Turn::Former);
    }
    post_entry(tree::list(object, &["metadata", "managedFields"])).map(Turn::Posted)
}

fn is_ours(entry: &Value) -> bool {
    tree::text(entry, &["manager"]) == MANAGER && tree::text(entry, &["subresource"]).is_empty()
}

fn count_entries(entries: &[Value]) -> Box<[usize]> {
    let holds = |entry: &Value| tree::get(entry, &["fieldsV1", "f:spec", "f:replicas"]).is_some();
    let held = entries.iter().enumerate().filter(|(_, entry)| is_ours(entry) && holds(entry));
    held.map(|(place, _)| place).collect()
}

fn post_entry(entries: &[Value]) -> Option<usize> {
    let is = |entry: &Value, operation| is_ours(entry) && tree::text(entry, &["operation"]) == operation;
    if entries.iter().any(|e| is(e, "Apply")) {
        return None;
    }
    entries.iter().position(|e| is(e, "Update"))
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::new)
    }
}

impl Resource for Raw {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn api_version(dt: &ApiResource) -> Cow<'_, str> {
        dt.api_version.as_str().into()
    }
    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(entries: &Value) -> Raw {
        Raw::new(json!({"metadata": {"name": "a", "managedFields": entries}}))
    }

    #[test]
    fn managed_fields_are_dropped_and_our_post_is_remembered() {
        let raw = with(&json!([
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status"},
            {"manager": MANAGER, "operation": "Update"},
        ]));
        assert_eq!(raw.turn, Some(Turn::Posted(1)));
        assert_eq!(raw.value, json!({"metadata": {"name": "a"}}));
    }

    #[test]
    fn an_applied_object_has_no_post_entry() {
        let raw = with(&json!([{"manager": MANAGER, "operation": "Apply"}]));
        assert_eq!(raw.turn, None);
    }

    #[test]
    fn an_entry_of_a_former_controller_is_noticed() {
        let owners = json!({"f:metadata": {"f:ownerReferences": {"k:{\"uid\":\"u\"}": {}}}});
        let mut object = json!({"metadata": {
            "ownerReferences": [{"uid": "u", "controller": true}],
            "managedFields": [{"manager": "manager", "operation": "Update", "fieldsV1": owners}],
        }});
        assert_eq!(Raw::new(object.clone()).turn, Some(Turn::Former));
        object["metadata"]["managedFields"][0]["manager"] = json!(MANAGER);
        assert_eq!(Raw::new(object).turn, Some(Turn::Posted(0)));
    }

    #[test]
    fn our_entries_that_hold_the_count_are_remembered() {
        let holds = |manager: &str, subresource: &str| {
            json!({"manager": manager, "operation": "Update", "subresource": subresource,
                   "fieldsV1": {"f:spec": {"f:replicas": {}}}})
        };
        let others =
            json!({"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}});
        let raw = with(&json!([holds("hpa", "scale"), others, holds(MANAGER, ""), holds(MANAGER, "status")]));
        assert_eq!(*raw.count_entries, [2]);
    }

    #[test]
    fn the_last_change_is_the_latest_of_all_managers_and_a_deletion_is_none() {
        let entries = json!([{"time": "2026-01-02T00:00:00Z"}, {"time": "2026-01-10T00:00:00Z"}, {}]);
        assert_eq!(with(&entries).changed, "2026-01-10T00:00:00Z".parse().ok());
        let metadata = json!({"managedFields": entries, "deletionTimestamp": "2026-01-11T00:00:00Z"});
        assert_eq!(Raw::new(json!({"metadata": metadata})).changed, None);
        assert_eq!(with(&json!([])).changed, None);
    }

    #[test]
    fn an_item_of_a_list_looks_like_an_event_of_a_watch() {
        let typed = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}});
        assert_eq!(Raw::new(json!({"metadata": {}})).typed(&crate::resources::SECRET).value, typed);
        assert_eq!(Raw::new(typed.clone()).typed(&crate::resources::SECRET).value, typed);
    }

    #[test]
    fn nonsense_decodes_and_has_no_place() {
        let raw: Raw = serde_json::from_str(r#"{"metadata": 7, "spec": "x"}"#).unwrap();
        assert_eq!(raw.place(), None);
        assert_eq!(raw.revision(), 0);
    }
}
