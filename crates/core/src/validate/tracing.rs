//! Which traces a component sends, and where (`reference/workloads.md §12`).

use serde_json::Value;

use super::problem::Problem;
use super::running;
use super::scope::Scope;
use crate::build::entrypoint::{self, Entrypoint};
use crate::build::tracing::{ENDPOINT, SERVICE_NAME};
use crate::labels;
use crate::tree;
use crate::valid::Role;

/// The name that the peer gives to servers which prefill and decode.
const OF_THE_PEER: &str = "inference-server-decode";

/// What a component is told about tracing. A member that is not given is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracing {
    /// Name of the component in traces.
    pub component: String,
    /// Where traces go. It may refer to variables of the container, as in `http://$(NODE_IP):4317`.
    pub endpoint: String,
    /// Kind of exporter.
    pub exporter: String,
    /// Sampler.
    pub sampler: String,
    /// Its argument.
    pub sampler_arg: String,
}

/// What `spec.tracing` says to a component; none when tracing is off.
pub fn of(spec: &Value, component: &str) -> Option<Tracing> {
    let given = tree::get(spec, &["tracing"]).filter(|tracing| tracing.is_object())?;
    let text = |key: &str| tree::text(given, &[key]).to_owned();
    Some(Tracing {
        component: component.to_owned(),
        endpoint: text("exporterEndpoint"),
        exporter: text("exporter"),
        sampler: text("sampler"),
        sampler_arg: text("samplerArg"),
    })
}

/// What `main` of a model server is told; nothing without an endpoint.
pub fn tracing(scope: &mut Scope<'_, '_>, main: &Value, is_composed: bool) -> Option<Tracing> {
    let tracing = of(scope.ctx.spec, &component(scope))?;
    if tracing.endpoint.is_empty() {
        scope.warn_once("spec.tracing.exporterEndpoint", &Problem::NoEndpoint);
        return None;
    }
    let is_closed = !is_composed && entrypoint::entrypoint(main) == Entrypoint::Closed;
    if is_closed && !entrypoint::mentions(main, &ENDPOINT) {
        let [flag, _] = ENDPOINT;
        let (path, endpoint) = (scope.main_path("command"), tracing.endpoint.clone());
        scope.warn_once(&path, &Problem::ClosedScript { flag: format!("{flag} {endpoint}") });
    }
    Some(tracing)
}

/// By role; servers that both prefill and decode are named without one. Pods that run under the peer's name keep it:
/// a better name is no reason to restart them.
fn component(scope: &Scope<'_, '_>) -> String {
    match scope.role {
        Role::Both if runs_as(scope, OF_THE_PEER) => OF_THE_PEER.to_owned(),
        Role::Both => "inference-server".to_owned(),
        role => format!("inference-server-{}", role.as_str()),
    }
}

fn runs_as(scope: &Scope<'_, '_>, name: &str) -> bool {
    let Some(live) = running::template(scope) else { return false };
    let main = tree::named(tree::list(live, &["spec", "containers"]), "main");
    let variable = main.and_then(|main| tree::named(tree::list(main, &["env"]), SERVICE_NAME));
    let decodes = tree::text(live, &["metadata", "labels", labels::ROLE]) == Role::Decode.as_str();
    !decodes && variable.is_some_and(|variable| tree::text(variable, &["value"]) == name)
}
