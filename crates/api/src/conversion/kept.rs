//! What the other version has and this one can't show: an annotation on the object.
//!
//! Its value is a JSON object from JSON pointer to value. Places that are absent in the other version, although the
//! plain conversion fills them, are listed under `absent`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::version::Version;

const ANNOTATIONS: &str = "/metadata/annotations";

/// Key of the annotation that holds what only `version` can.
pub fn annotation(version: Version) -> &'static str {
    match version {
        Version::V1alpha1 => "serving.kserve.io/v1alpha1-fields",
        Version::V1alpha2 => "serving.kserve.io/v1alpha2-fields",
    }
}

/// What was kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    absent: BTreeSet<String>,
    #[serde(flatten)]
    values: BTreeMap<String, Value>,
}

/// One place of the other version, and what is there.
pub(super) struct Step<'a> {
    pointer: &'a str,
    value: Option<&'a Value>,
}

impl Kept {
    /// Takes the annotation off the object. One that is malformed stays, as a plain annotation.
    pub fn take(object: &mut Value, version: Version) -> Option<(Self, String)> {
        let text = object.pointer(ANNOTATIONS)?.get(annotation(version))?.as_str()?.to_owned();
        let kept: Self = serde_json::from_str(&text).ok()?;
        if !kept.steps().all(|step| step.pointer.starts_with('/')) {
            return None;
        }
        remove_annotation(object, annotation(version));
        Some((kept, text))
    }

    /// What makes `object` of `shown`.
    pub fn between(shown: &Value, object: &Value) -> Self {
        let mut kept = Self::default();
        kept.compare(String::new(), Some(shown), Some(object));
        kept
    }

    fn compare(&mut self, pointer: String, shown: Option<&Value>, object: Option<&Value>) {
        let empty = Value::Object(Map::new());
        let absent = (pointer == ANNOTATIONS).then_some(&empty);
        match (shown.or(absent), object.or(absent)) {
            (Some(Value::Object(shown)), Some(Value::Object(object))) => {
                for name in shown.keys().chain(object.keys()).collect::<BTreeSet<_>>() {
                    self.compare(below(&pointer, name), shown.get(name), object.get(name));
                }
            }
            (shown, Some(object)) if shown != Some(object) => {
                self.values.insert(pointer, object.clone());
            }
            (Some(_), None) => {
                self.absent.insert(pointer);
            }
            _ => {}
        }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.absent.is_empty()
    }

    /// Keeps an annotation of the object, too.
    pub fn keep_annotation(&mut self, version: Version, text: String) {
        self.values.insert(below(ANNOTATIONS, annotation(version)), Value::String(text));
    }

    /// Writes the annotation, if there is something to keep.
    pub fn write(&self, object: &mut Value, version: Version) {
        if self.is_empty() {
            return;
        }
        let text = serde_json::to_string(self).expect("a map with text keys is JSON");
        set_annotation(object, annotation(version), text);
    }

    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let absent = self.absent.iter().map(|pointer| Step { pointer, value: None });
        absent.chain(self.values.iter().map(|(pointer, value)| Step { pointer, value: Some(value) }))
    }
}

impl Step<'_> {
    /// The object with this place as it was kept; nothing changes where the place is gone.
    pub fn apply(&self, mut object: Value) -> Value {
        self.set(&mut object);
        object
    }

    fn set(&self, object: &mut Value) {
        let Some((parent, name)) = self.pointer.rsplit_once('/') else { return };
        let name = name.replace("~1", "/").replace("~0", "~");
        match (parent, self.value) {
            (ANNOTATIONS, Some(Value::String(text))) => set_annotation(object, &name, text.clone()),
            (ANNOTATIONS, None) => drop(remove_annotation(object, &name)),
            _ => self.set_in(object.pointer_mut(parent), name),
        }
    }

    fn set_in(&self, parent: Option<&mut Value>, name: String) {
        let Some(members) = parent.and_then(Value::as_object_mut) else { return };
        match self.value {
            Some(value) => drop(members.insert(name, value.clone())),
            None => drop(members.remove(&name)),
        }
    }
}

fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Whether the object has the annotation.
pub(super) fn is_there(object: &Value, version: Version) -> bool {
    object.pointer(ANNOTATIONS).is_some_and(|all| all.get(annotation(version)).is_some())
}

/// The object without what was kept for either version.
pub(super) fn without_annotations(object: &Value) -> Value {
    let mut object = object.clone();
    for version in Version::ALL {
        remove_annotation(&mut object, annotation(version));
    }
    object
}

/// Removes an annotation, and the last one with its map.
pub(super) fn remove_annotation(object: &mut Value, key: &str) -> Option<Value> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let removed = annotations.remove(key);
    if removed.is_some() && annotations.is_empty() {
        metadata.remove("annotations");
    }
    removed
}

/// Sets an annotation, and makes the map where there is none.
pub(super) fn set_annotation(object: &mut Value, key: &str, value: String) {
    let metadata = object.as_object_mut().map(|object| object.entry("metadata").or_insert_with(|| json!({})));
    let Some(Value::Object(metadata)) = metadata else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if !annotations.is_object() {
        *annotations = json!({});
    }
    annotations.as_object_mut().map(|annotations| annotations.insert(key.to_owned(), Value::String(value)));
}
