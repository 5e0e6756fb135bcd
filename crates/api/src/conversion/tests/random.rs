//! Random objects that a schema accepts: every field of it occurs, and odd annotations beside.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::conversion::{LORA, LORA_BY_NAME, MODEL, annotation};
use crate::crd;
use crate::version::Version;

/// The schema of one kind in one version, and the paths of all its leaves.
pub struct Schema {
    pub root: Value,
    pub version: Version,
    kind: String,
    leaves: Vec<Vec<String>>,
}

impl Schema {
    pub fn of(kind: &str, version: Version) -> Self {
        static CRDS: OnceLock<Vec<Value>> = OnceLock::new();
        let crds = CRDS.get_or_init(crd::crds);
        let crd = crds.iter().find(|crd| crd["spec"]["names"]["kind"] == kind).unwrap();
        let versions = crd["spec"]["versions"].as_array().unwrap();
        let found = versions.iter().find(|v| v["name"] == version.as_str()).unwrap();
        let root = found["schema"]["openAPIV3Schema"].clone();
        let mut leaves = Vec::new();
        for part in ["spec", "status"] {
            collect(&root["properties"][part], vec![part.to_owned()], &mut leaves);
        }
        Self { root, version, kind: kind.to_owned(), leaves }
    }

    pub fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// The object of a seed; `leaf` is the number of a leaf that is there in any case.
    pub fn object(&self, seed: u64, leaf: usize) -> Value {
        let mut dice = Dice(seed);
        let path = &self.leaves[leaf % self.leaves.len()];
        let part = |dice: &mut Dice, name: &str| {
            let forced = path.split_first().filter(|(first, _)| *first == name).map(|(_, rest)| rest);
            dice.value(&self.root["properties"][name], forced, 0)
        };
        let (spec, status) = (part(&mut dice, "spec"), part(&mut dice, "status"));
        let mut object = json!({
            "apiVersion": self.version.api_version(), "kind": self.kind, "metadata": dice.metadata(self.version),
            "spec": spec, "status": status,
        });
        if path[0] != "status" && dice.one_in(3) {
            object.as_object_mut().unwrap().remove("status");
        }
        object
    }
}

fn collect(node: &Value, path: Vec<String>, leaves: &mut Vec<Vec<String>>) {
    let below = |name: &str| [path.as_slice(), &[name.to_owned()]].concat();
    let properties = node["properties"].as_object().into_iter().flatten();
    let mut children: Vec<(String, &Value)> = properties.map(|(name, p)| (name.clone(), p)).collect();
    children.extend(["items", "additionalProperties"].map(|key| ("*".to_owned(), &node[key])));
    children.retain(|(_, child)| child.is_object());
    if children.is_empty() {
        leaves.push(path);
    } else {
        for (name, child) in children {
            collect(child, below(&name), leaves);
        }
    }
}

/// The values that an enum allows, or the rule that takes the place of one where null is fine.
pub fn values(node: &Value) -> Option<Vec<Value>> {
    let rule =
        node["x-kubernetes-validations"][0]["rule"].as_str().and_then(|rule| rule.strip_prefix("self in "));
    node["enum"].as_array().cloned().or_else(|| serde_json::from_str(rule?).unwrap())
}

/// Numbers that follow from a seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }

    fn text(&mut self) -> String {
        self.pick(&["a", "b2", "sql", "Critical", "1", "x/y~z"]).to_owned()
    }

    /// `forced` is the path of a place that has to be there.
    fn value(&mut self, node: &Value, forced: Option<&[String]>, depth: u64) -> Value {
        let inside = forced.is_some_and(|path| !path.is_empty());
        if node["nullable"] == true && !inside && self.one_in(12) {
            return Value::Null;
        }
        if let Some(values) = values(node) {
            return self.pick(&values.iter().collect::<Vec<_>>()).clone();
        }
        match node["type"].as_str() {
            Some("object") => self.members(node, forced, depth),
            Some("array") => self.items(node, forced, depth),
            Some("boolean") => json!(self.one_in(2)),
            Some("integer") => self.number(node),
            None if self.one_in(2) => json!(self.below(9)),
            _ => json!(self.text()),
        }
    }

    fn number(&mut self, node: &Value) -> Value {
        let bound = |name: &str, or: i64| node[name].as_i64().unwrap_or(or);
        let least = bound("minimum", 1);
        let span = bound("maximum", least + 400) - least + 1;
        json!(least + i64::try_from(self.below(span.unsigned_abs())).unwrap())
    }

    fn items(&mut self, node: &Value, forced: Option<&[String]>, depth: u64) -> Value {
        let forced = forced.and_then(|path| path.split_first()).map(|(_, rest)| rest);
        let least = node["minItems"].as_u64().unwrap_or(u64::from(forced.is_some()));
        let count = least + self.below(3);
        (0..count).map(|i| self.value(&node["items"], forced.filter(|_| i == 0), depth + 1)).collect()
    }

    fn members(&mut self, node: &Value, forced: Option<&[String]>, depth: u64) -> Value {
        let mut members = Map::new();
        let required = node["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            let here = forced.and_then(|p| p.split_first()).filter(|(first, _)| *first == name);
            if here.is_some() || required.contains(&json!(name)) || self.one_in(3 + depth / 2) {
                members.insert(name.clone(), self.value(property, here.map(|(_, rest)| rest), depth + 1));
            }
        }
        let inside = forced.and_then(|p| p.split_first()).filter(|(first, _)| *first == "*");
        if node["additionalProperties"].is_object() {
            let least = node["minProperties"].as_u64().unwrap_or(u64::from(inside.is_some()));
            for number in 0..least + self.below(2) {
                let key = format!("{}{number}", self.text());
                let below = inside.map(|(_, rest)| rest);
                members.insert(key, self.value(&node["additionalProperties"], below, depth + 1));
            }
        }
        if node["x-kubernetes-preserve-unknown-fields"] == true && self.one_in(3) {
            members.insert("unknownField".to_owned(), self.anything());
        }
        Value::Object(members)
    }

    fn anything(&mut self) -> Value {
        let text = self.text();
        match self.below(5) {
            0 => Value::Null,
            1 => json!({text.clone(): [text, 1.5, null]}),
            2 => json!([]),
            3 => json!({}),
            _ => json!(text),
        }
    }

    fn metadata(&mut self, version: Version) -> Value {
        let mut metadata = json!({"name": self.text(), "namespace": "ns", "labels": {"a/b": self.text()}});
        let other = if version == Version::V1alpha1 { Version::V1alpha2 } else { Version::V1alpha1 };
        let odd: [(&str, &[&str]); 6] = [
            ("plain.io/a", &["", "text"]),
            (MODEL, &["Critical", "Sheddable", "", "whatever"]),
            (
                LORA,
                &[r#"{"0":"Critical"}"#, r#"{"0": "x", "7":"Standard"}"#, r#"{"1":"Sheddable"}"#, "[", "{}"],
            ),
            (LORA_BY_NAME, &[r#"{"sql":"Critical"}"#, r#"{"a":"Standard"}"#, "null"]),
            (annotation(version), &["{}", "{", r#"{"/spec/replicas":3}"#, r#"{"absent":["/spec"]}"#]),
            // A readable one of these says what the object is in the other version, see `examples`.
            (annotation(other), &["{", "[]", "null", r#"{"spec":1}"#]),
        ];
        let mut annotations = Map::new();
        for (key, values) in odd {
            if self.one_in(4) {
                annotations.insert(key.to_owned(), json!(self.pick(values)));
            }
        }
        if !annotations.is_empty() {
            metadata["annotations"] = Value::Object(annotations);
        }
        metadata
    }
}
