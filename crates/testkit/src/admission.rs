//! The tables of `tests/admission`: objects that are refused, each one place away from one that is taken, and objects
//! that are taken.

use std::fs;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::documents::files;
use crate::paths;

/// Who says it: each is reached only when the one before has nothing to refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The structure of the CRD's schema.
    Schema,
    /// Its CEL rules.
    Cel,
    /// The webhook.
    #[default]
    Webhook,
}

/// What is done with the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// It is new.
    #[default]
    Create,
    /// The base is there, and becomes it.
    Update,
    /// It is there, and goes.
    Delete,
}

/// What a layer that is not reached would say.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Field path.
    pub path: String,
    /// Class of the problem.
    pub class: String,
    /// Part of the message.
    pub message: String,
    /// Its rule, where that is another than the row's.
    pub rule: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    base: Base,
    #[serde(default)]
    bad: Vec<Bad>,
    #[serde(default)]
    good: Vec<Good>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    kind: Option<String>,
    version: Option<String>,
    name: Option<String>,
    namespace: Option<String>,
    annotations: Option<Value>,
    spec: Value,
    /// It would be refused today, and was stored before.
    #[serde(default)]
    stored: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    rule: String,
    at: String,
    #[serde(default, deserialize_with = "given")]
    to: Option<Value>,
    #[serde(default)]
    op: Op,
    #[serde(default)]
    by: Layer,
    path: String,
    class: Option<String>,
    message: String,
    review: Option<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Good {
    rule: Option<String>,
    at: String,
    #[serde(default, deserialize_with = "given")]
    to: Option<Value>,
    #[serde(default)]
    op: Op,
    warns: Option<String>,
}

/// Null is a value; what is absent takes the place away.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// File and number, for messages.
    pub label: String,
    /// The rule that it is about; `schema` and `cel` for what has no number.
    pub rule: Option<String>,
    /// Where it differs from its base, as a JSON pointer; none for the base itself.
    pub at: Option<String>,
    /// The base.
    pub base: Value,
    /// The object.
    pub object: Value,
    /// What is done with it.
    pub op: Op,
    /// Why it is refused; none when it is taken.
    pub refused: Option<Refused>,
    /// Part of a warning; none where there is none.
    pub warns: Option<String>,
    /// The base would be refused today.
    pub stored: bool,
}

/// How a row is refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// By whom.
    pub by: Layer,
    /// Field path; empty when it is about the object as a whole.
    pub path: String,
    /// Part of the message.
    pub message: String,
    /// What the rules say, whoever comes before them.
    pub review: Option<Said>,
}

/// Every row; `${prefix}` and `${system}` stand for the presets' prefix and the operator's namespace.
pub fn rows(prefix: &str, system: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in files(&paths::repository().join("tests/admission"))? {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let text = text.replace("${prefix}", prefix).replace("${system}", system);
        let groups: Vec<Group> =
            serde_yaml_ng::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (index, group) in groups.into_iter().enumerate() {
            rows.extend(of_group(group, &format!("{file}[{index}]"))?);
        }
    }
    Ok(rows)
}

fn of_group(group: Group, label: &str) -> Result<Vec<Row>> {
    let base = object(&group.base);
    let blank = Row {
        label: format!("{label}.base"),
        rule: None,
        at: None,
        base: base.clone(),
        object: base,
        op: Op::Create,
        refused: None,
        warns: None,
        stored: group.base.stored,
    };
    let mut rows = Vec::new();
    rows.extend((!group.base.stored).then(|| blank.clone()));
    for (index, bad) in group.bad.into_iter().enumerate() {
        rows.push(of_bad(&blank, bad, format!("{label}.bad[{index}]"))?);
    }
    for (index, good) in group.good.into_iter().enumerate() {
        let object = changed(&blank.base, &good.at, good.to)?;
        let (label, at) = (format!("{label}.good[{index}]"), Some(good.at));
        rows.push(Row {
            label,
            at,
            object,
            rule: good.rule,
            op: good.op,
            warns: good.warns,
            ..blank.clone()
        });
    }
    Ok(rows)
}

fn of_bad(blank: &Row, bad: Bad, label: String) -> Result<Row> {
    let object = changed(&blank.base, &bad.at, bad.to)?;
    let own = bad.class.map(|class| Said {
        path: bad.path.clone(),
        class,
        message: bad.message.clone(),
        rule: None,
    });
    let refused = Refused { by: bad.by, path: bad.path, message: bad.message, review: bad.review.or(own) };
    let (rule, at, refused) = (Some(bad.rule), Some(bad.at), Some(refused));
    Ok(Row { label, rule, at, object, op: bad.op, refused, ..blank.clone() })
}

fn object(base: &Base) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(base.name.as_deref().unwrap_or("llama")))]);
    metadata.extend(base.namespace.iter().map(|namespace| ("namespace".to_owned(), json!(namespace))));
    metadata
        .extend(base.annotations.iter().map(|annotations| ("annotations".to_owned(), annotations.clone())));
    json!({
        "apiVersion": format!("serving.kserve.io/{}", base.version.as_deref().unwrap_or("v1alpha2")),
        "kind": base.kind.as_deref().unwrap_or("LLMInferenceService"),
        "metadata": metadata,
        "spec": base.spec,
    })
}

/// The object with another value at a pointer, or with nothing there; what is above must be there, but for
/// annotations.
fn changed(base: &Value, at: &str, to: Option<Value>) -> Result<Value> {
    let mut object = base.clone();
    let (parent, key) = at.rsplit_once('/').with_context(|| format!("{at:?} is no JSON pointer"))?;
    let key = key.replace("~1", "/").replace("~0", "~");
    match (object.pointer_mut(parent), to) {
        (Some(Value::Object(map)), Some(value)) => drop(map.insert(key, value)),
        (Some(Value::Object(map)), None) => {
            map.remove(&key).with_context(|| format!("{at} is not there"))?;
        }
        (Some(Value::Array(items)), Some(value)) => {
            let item = key.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            *item.with_context(|| format!("{at} is not there"))? = value;
        }
        _ => bail!("{at} is not there in {base}"),
    }
    if object == *base {
        bail!("{at} changes nothing in {base}");
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_its_base_with_another_value_in_one_place() {
        let base = json!({"a": {"b/c": 1}, "d": [{"e": 1}]});
        let to = |at: &str, to| changed(&base, at, to).map_err(|error| error.to_string());
        assert_eq!(to("/a/b~1c", Some(json!(2))), Ok(json!({"a": {"b/c": 2}, "d": [{"e": 1}]})));
        assert_eq!(to("/d/0/e", None), Ok(json!({"a": {"b/c": 1}, "d": [{}]})));
        assert_eq!(to("/d/0", Some(Value::Null)), Ok(json!({"a": {"b/c": 1}, "d": [null]})));
        assert!(to("/d/1", Some(json!(1))).unwrap_err().contains("is not there"));
        assert!(to("/x/y", Some(json!(1))).unwrap_err().contains("is not there"));
        assert!(to("/a/x", None).unwrap_err().contains("is not there"));
        assert!(to("/a/b~1c", Some(json!(1))).unwrap_err().contains("changes nothing"));
    }
}
