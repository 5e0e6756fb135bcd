//! The rules on configs (`reference/api.md §5.8`). Their templates are tried over samples; no setting of the cluster
//! is read (edge 29).

use llmisvc_api::rules::{Rule, Violation};
use llmisvc_api::v1alpha2;
use serde_json::Value;

use super::service::{converted, retain_new};
use super::{Operation, Request, Site, fields, is_namespace_deletion, lora, place, sample};
use crate::merge::merge;
use crate::node::Node;
use crate::resolve::Preset;
use crate::template::{self, Scope, TemplateError};
use crate::{shape, tree};

/// Every rule on a config that is created or updated.
pub fn check(request: &Request<'_>, site: &Site) -> Vec<Violation> {
    let Some(object) = request.object else { return Vec::new() };
    let object = match converted(request.version, object) {
        Ok(object) => object,
        Err(error) => {
            return vec![violation(Rule::CG3, "", format!("failed to parse template config: {error}"))];
        }
    };
    let spec = object.get("spec").cloned().unwrap_or_default();
    let mut found = fixed(&spec);
    if found.is_empty() {
        found.extend(templates(request.name, &spec));
    }
    found.extend(fields::pods(&spec));
    found.extend(lora::check(&spec));
    if let Some(old) = request.old.filter(|_| request.operation == Operation::Update) {
        let old = converted(request.version, old).unwrap_or_default();
        let before = old.get("spec").cloned().unwrap_or_default();
        retain_new(&mut found, &[fields::pods(&before), lora::check(&before)].concat());
        found.extend(is_preset(request, site).then(|| changed(request)));
    }
    found
}

fn violation(rule: Rule, path: &str, message: impl Into<String>) -> Violation {
    Violation { path: path.to_owned(), message: message.into(), rule }
}

/// CG1 and CG2.
fn fixed(spec: &Value) -> Vec<Violation> {
    let refs = !tree::list(spec, &["baseRefs"]).is_empty();
    let message =
        "baseRefs is not a permitted field: a config cannot build on others; list them in the service";
    let refs = refs.then(|| violation(Rule::CG1, "spec.baseRefs", message));
    let replicas = tree::get(spec, &["router", "scheduler", "replicas"]).and_then(Value::as_i64);
    let replicas = replicas.filter(|n| *n <= 0).map(|n| {
        let message = format!("scheduler replicas must be greater than zero, not {n}");
        violation(Rule::CG2, "spec.router.scheduler.replicas", message)
    });
    refs.into_iter().chain(replicas).collect()
}

/// CG3: what can't be right for any service is refused; what fails for some is a warning.
fn templates(name: &str, spec: &Value) -> Vec<Violation> {
    let mut failed = tried(name, spec, sample::full());
    let sparse = tried(name, spec, &sample::sparse());
    failed.extend(sparse.into_iter().filter(|e| !failed.contains(e)).collect::<Vec<_>>());
    if failed.is_empty() {
        return undecodable(name, spec).into_iter().collect();
    }
    let (never, sometimes): (Vec<_>, Vec<_>) = failed
        .iter()
        .partition(|e| matches!(e, TemplateError::Parse { .. } | TemplateError::UnknownField { .. }));
    never.into_iter().map(broken).chain(sometimes.into_iter().map(fragile)).collect()
}

fn broken(error: &TemplateError) -> Violation {
    let finding = error.finding();
    let message = format!("failed to parse template config: {}: {}", finding.path, finding.message);
    violation(Rule::CG3, "", message)
}

fn fragile(error: &TemplateError) -> Violation {
    let finding = error.finding();
    violation(Rule::N12, &finding.path, format!("fails for services that do not set it: {}", finding.message))
}

/// What the config's templates come to over a service whose own spec is `under`.
fn tried(name: &str, spec: &Value, under: &Value) -> Vec<TemplateError> {
    let merged = merge(Node::of(under, 0), Node::of(spec, 0), Some(shape::spec())).value();
    let (service, globals) = (sample::service(), sample::globals());
    template::failures(spec, name, &Scope { service: &service, spec: &merged, globals: &globals })
}

/// A result that fits no spec, unless a template decides about it.
fn undecodable(name: &str, spec: &Value) -> Option<Violation> {
    let merged = merge(Node::of(sample::full(), 0), Node::of(spec, 0), Some(shape::spec())).value();
    let (service, globals) = (sample::service(), sample::globals());
    let scope = Scope { service: &service, spec: &merged, globals: &globals };
    let layers = [name.to_owned(), String::new()];
    let (rendered, _) = template::render(&Node::of(spec, 0), &layers, &scope).ok()?;
    let error = v1alpha2::decode(&rendered.value()).err()?;
    let below = error.path.strip_prefix("spec.").unwrap_or_default();
    let is_template = place::at(spec, below).is_none_or(|value| value.to_string().contains("{{"));
    let message = format!("failed to unmarshal config from template: {}: {}", error.path, error.message);
    Some(if is_template {
        violation(Rule::N12, &error.path, format!("may not fit every service: {}", error.message))
    } else {
        violation(Rule::CG3, "", message)
    })
}

/// CG5: only where the presets of this release are (edge 30): elsewhere such a config is the user's own.
fn changed(request: &Request<'_>) -> Violation {
    let message = format!(
        "modifying well-known config {}/{} is not recommended: the services that use it change with it, and the next \
         release brings another; make a config of your own and list it in baseRefs",
        request.namespace, request.name
    );
    violation(Rule::W2, "", message)
}

/// CG6.
pub fn deleted(request: &Request<'_>, site: &Site) -> Vec<Violation> {
    if !is_preset(request, site) || is_namespace_deletion(request.user) {
        return Vec::new();
    }
    let named = format!("well-known config {}/{}", request.namespace, request.name);
    vec![if site.prevent_config_deletion {
        let message = format!(
            "{named} cannot be deleted: services are made from it; set PREVENT_WELL_KNOWN_CONFIG_DELETION=false on the \
             operator to allow it"
        );
        violation(Rule::CG6, "", message)
    } else {
        violation(Rule::W3, "", format!("deleting {named} is not recommended: services are made from it"))
    }]
}

fn is_preset(request: &Request<'_>, site: &Site) -> bool {
    let suffix = request.name.strip_prefix(&site.config_prefix);
    request.namespace == site.system_namespace
        && suffix.is_some_and(|suffix| Preset::ALL.iter().any(|preset| preset.suffix() == suffix))
}
