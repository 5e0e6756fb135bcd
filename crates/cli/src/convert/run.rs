//! The whole of a conversion: tells documents apart, converts those of one origin together, and checks what comes out.

use std::fmt::Write as _;

use llmisvc_api::v1alpha2::KIND;
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::{presets, tree};
use serde_json::{Value, json};

use super::detect::{Origin, origin};
use super::{ConvertError, Converted, Loss, dynamo, inference_service, values};
use crate::input::Document;
use crate::offline::Offline;
use crate::render::render;
use crate::validate;

/// What is asked for beside the input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Name of the service.
    pub name: Option<&'a str>,
    /// Namespace of all objects.
    pub namespace: Option<&'a str>,
}

/// What is printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// A YAML stream.
    pub text: String,
    /// What could not be carried over.
    pub lost: Vec<Loss>,
    /// What is wrong with the output.
    pub findings: Vec<String>,
    /// What is worth knowing about it.
    pub warnings: Vec<String>,
}

/// Everything as `LLMInferenceService`s.
pub fn services(documents: &[Document], wish: &Wish<'_>) -> Result<Output, ConvertError> {
    let converted = converted(documents, wish)?;
    let (findings, warnings) = checked(&converted.objects, wish.namespace.unwrap_or("default"));
    Ok(Output { text: stream(&converted.objects), lost: converted.lost, findings, warnings })
}

/// A service as values of llm-d's charts.
pub fn values(documents: &[Document]) -> Result<Output, ConvertError> {
    for document in documents {
        origin(document)?;
    }
    let all: Vec<Value> = documents.iter().map(|document| document.value.clone()).collect();
    let (text, lost) = values::back::convert(&all)?;
    Ok(Output { text, lost, ..Output::default() })
}

/// The objects before they are checked.
pub fn converted(documents: &[Document], wish: &Wish<'_>) -> Result<Converted, ConvertError> {
    let mut of: Vec<(Origin, Vec<Value>)> = Vec::new();
    for document in documents {
        let origin = origin(document)?;
        match of.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, values)) => values.push(document.value.clone()),
            None => of.push((origin, vec![document.value.clone()])),
        }
    }
    let beside = of.iter().position(|(origin, _)| *origin == Origin::Beside).map(|at| of.remove(at).1);
    let beside = beside.unwrap_or_default();
    if of.is_empty() {
        return Err(nothing());
    }
    let mut all = Converted::default();
    for (origin, values) in of {
        let part = one(origin, values, &beside, wish)?;
        all.objects.extend(part.objects);
        all.lost.extend(part.lost);
    }
    placed(&mut all.objects, wish);
    Ok(all)
}

fn one(
    origin: Origin,
    mut values: Vec<Value>,
    beside: &[Value],
    wish: &Wish<'_>,
) -> Result<Converted, ConvertError> {
    values.extend(beside.iter().cloned());
    match origin {
        Origin::Values => values::convert(&values, wish.name).map(|mut converted| {
            converted.objects.extend(beside.iter().cloned());
            converted
        }),
        Origin::InferenceService => inference_service::convert(&values),
        Origin::Dynamo => dynamo::convert(&values),
        Origin::Service | Origin::Beside => Err(ConvertError::Impossible {
            path: format!("kind {KIND}"),
            problem: "is a service already; --to values makes chart values of it".to_owned(),
        }),
    }
}

fn nothing() -> ConvertError {
    ConvertError::Impossible {
        path: "input".to_owned(),
        problem: "holds nothing that can be converted; give chart values, an InferenceService or a DynamoGraphDeployment"
            .to_owned(),
    }
}

/// Names the only service, and puts everything into the namespace.
fn placed(objects: &mut [Value], wish: &Wish<'_>) {
    let is_service = |object: &Value| tree::text(object, &["kind"]) == KIND;
    let is_only = objects.iter().filter(|object| is_service(object)).count() == 1;
    for object in objects.iter_mut() {
        let named = wish.name.filter(|_| is_only && is_service(object));
        let metadata = tree::object(object, "metadata");
        if let Some(name) = named {
            metadata.insert("name".to_owned(), json!(name));
        }
        if let Some(namespace) = wish.namespace {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
    }
}

/// What `llmisvc validate` says to the objects: findings and warnings. A Gateway that they name is taken to exist.
pub fn checked(objects: &[Value], namespace: &str) -> (Vec<String>, Vec<String>) {
    let document = |(at, value): (usize, &Value)| Document {
        file: "output".to_owned(),
        number: at + 1,
        value: value.clone(),
    };
    let documents: Vec<Document> = objects.iter().enumerate().map(document).collect();
    let surroundings = objects.iter().flat_map(|object| gateways(object, namespace));
    let known: Vec<Document> = documents
        .iter()
        .cloned()
        .chain(surroundings.map(|value| Document { file: "surroundings".to_owned(), number: 1, value }))
        .rev()
        .collect();
    let offline = Offline::new(&known, presets::shipped(OWN_PREFIX), None, None, namespace);
    let report = render(&documents, &offline, namespace);
    let checked = validate::checked(&documents, &offline.cluster, namespace);
    let lines = validate::lines(&documents, &checked, report.findings(), report.warnings());
    (lines.findings, lines.warnings)
}

fn gateways(service: &Value, namespace: &str) -> Vec<Value> {
    let refs = tree::list(service, &["spec", "router", "gateway", "refs"]);
    let gateway = |named: &Value| {
        let at = tree::text(named, &["namespace"]);
        json!({
            "kind": "Gateway",
            "metadata": {"name": tree::text(named, &["name"]), "namespace": if at.is_empty() { namespace } else { at }},
            "spec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
        })
    };
    refs.iter().map(gateway).collect()
}

/// Objects as a YAML stream.
pub fn stream(objects: &[Value]) -> String {
    objects.iter().fold(String::new(), |mut text, object| {
        let _ = write!(text, "---\n{}", serde_yaml_ng::to_string(object).unwrap_or_default());
        text
    })
}
