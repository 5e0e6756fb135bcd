//! `spec.router.ingress`: the way in where there is no Gateway.

use serde_json::Value;

use super::gateways::reference;
use super::{Ingress, Routing};
use crate::facts::Key;
use crate::pass::Finding;
use crate::template;
use crate::tree;
use crate::validate::Context;

const PATH: &str = "spec.router.ingress";
/// Characters that a label of a host name may have.
const LABEL: usize = 63;

/// Fills in `routing.ingress` or `routing.ingress_refs`. A route or a gateway beside it wins.
pub(super) fn ingress(
    ctx: &Context<'_>,
    router: &Value,
    routing: &mut Routing,
    findings: &mut Vec<Finding>,
    warnings: &mut Vec<Finding>,
) {
    let Some(spec) = tree::get(router, &["ingress"]).filter(|spec| spec.is_object()) else { return };
    let others = ["route", "gateway"].into_iter();
    let others: Vec<&str> =
        others.filter(|key| tree::get(router, &[*key]).is_some_and(Value::is_object)).collect();
    if let Some(other) = others.first() {
        let message = format!("has no effect beside spec.router.{other}; remove one of them");
        return warnings.push(ctx.finding(PATH, message));
    }
    if routing.pool(&ctx.id.name).is_some() {
        let message = "leads to the Service of the model servers and past the scheduler, since an Ingress can't lead \
                       to an InferencePool; set spec.router.route for requests to be scheduled";
        warnings.push(ctx.finding(PATH, message));
    }
    let refs = tree::list(spec, &["refs"]);
    if refs.is_empty() {
        routing.ingress = managed(ctx, findings);
    } else {
        referenced(ctx, refs, routing, findings);
        warn_about_others(ctx, routing, warnings);
    }
}

fn referenced(ctx: &Context<'_>, refs: &[Value], routing: &mut Routing, findings: &mut Vec<Finding>) {
    for (index, _) in refs.iter().enumerate().filter(|(_, r)| tree::text(r, &["name"]).is_empty()) {
        findings.push(ctx.finding(&format!("{PATH}.refs[{index}].name"), "is empty; name an Ingress"));
    }
    routing.ingress_refs = refs.iter().map(|r| reference(r, &ctx.id.namespace)).collect();
    for at in &routing.ingress_refs {
        let _ = ctx.inputs.seen.get(&Key::Ingress(at.clone()));
    }
}

/// The backend of an Ingress is a Service of its own namespace.
fn warn_about_others(ctx: &Context<'_>, routing: &Routing, warnings: &mut Vec<Finding>) {
    for (index, at) in
        routing.ingress_refs.iter().enumerate().filter(|(_, at)| at.namespace != ctx.id.namespace)
    {
        let message = format!(
            "{:?} is another namespace than the service's, and an Ingress leads to Services of its own only: it takes \
             a Service there that leads on",
            at.namespace
        );
        warnings.push(ctx.finding(&format!("{PATH}.refs[{index}].namespace"), message));
    }
}

/// Host and class come from the key `ingress` of the global ConfigMap (`reference/workloads.md §2`).
fn managed(ctx: &Context<'_>, findings: &mut Vec<Finding>) -> Option<Ingress> {
    let settings = &ctx.inputs.settings;
    let data = template::HostData {
        name: &ctx.id.name,
        namespace: &ctx.id.namespace,
        domain: &settings.ingress_domain,
        labels: &ctx.id.labels,
        annotations: &ctx.id.annotations,
    };
    let host = template::host(&settings.domain_template, &data)
        .map_err(|why| format!("ingress.domainTemplate of the global ConfigMap does not render: {why}"))
        .and_then(valid);
    match host {
        Ok(host) => Some(Ingress { host, class: settings.ingress_class.clone() }),
        Err(message) => {
            findings.push(ctx.finding(PATH, message));
            None
        }
    }
}

fn valid(host: String) -> Result<String, String> {
    let is_valid = |label: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=LABEL).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() <= 253 && host.split('.').all(is_valid) {
        return Ok(host);
    }
    let hint = "give another name, change ingress.domainTemplate of the global ConfigMap, or name an Ingress of your own \
                in refs";
    Err(format!("{host:?} is no host name: each part has 1 to {LABEL} letters, digits and dashes; {hint}"))
}
