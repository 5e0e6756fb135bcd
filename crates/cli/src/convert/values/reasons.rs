//! Why a key is not carried over, and what to do in its place.

/// The first that a path begins with is meant; `*.` stands for anything before it.
type Reasons = [(&'static str, &'static str)];

const MODEL_SERVICE: &Reasons = &[
    (
        "modelArtifacts.size",
        "nothing limits the volume with the model; ask for ephemeral-storage in resources",
    ),
    ("modelArtifacts.readOnly", "claims are mounted read-only"),
    ("routing.proxy", "the preset's sidecar is used, and gets its flags from the operator"),
    ("routing.epp", "this version of the chart does not read it"),
    ("routing.inferencePool", "the operator makes the pool"),
    (
        "routing.inferenceModel",
        "the operator makes it where the cluster serves it; give an InferenceObjective for a priority",
    ),
    (
        "routing.httpRoute",
        "the operator makes the route; give spec.router.route.http.spec for one of your own",
    ),
    ("routing.parentRefs", "this version of the chart does not read it"),
    ("requester", "a second pod that holds the accelerator has no counterpart"),
    (
        "accelerator.resourceClaimTemplates",
        "a claim asks for so many devices of one class, for the accelerator in use",
    ),
    ("accelerator", "is not of the accelerator in use"),
    ("dra", "is off"),
    ("tracing.serviceNames", "spans are named after the service and its components"),
    ("tracing.vllm", "traces have no details of modules; give --collect-detailed-traces in args"),
    ("tracing", "tracing is off"),
    ("*.monitoring", "PodMonitors are not part of a service; the operator's chart has values for them"),
    ("*.subGroupPolicy", "groups have no subgroups"),
    ("*.subGroupExclusiveTopology", "groups have no subgroups"),
    ("*.subGroupExclusiveToplogy", "groups have no subgroups"),
    ("*.annotations", "workloads have no annotations of their own; those of pods are podAnnotations"),
    ("*.strategy", "pods are replaced by a rolling update"),
    ("prefill", "there is no prefill: prefill.create is false or prefill.replicas is 0"),
];

const ROUTING: &Reasons = &[
    ("*.monitoring", "ServiceMonitors are not part of a service; the operator's chart has values for them"),
    ("*.tracing", "the picker is traced where the service is: spec.tracing"),
    ("*.extraServicePorts", "the picker's Service has the ports of the preset"),
    ("*.extProcPort", "the picker listens on the ports of the preset"),
    ("*.grpcHealthPort", "the picker listens on the ports of the preset"),
    ("*.sidecar", "is off"),
    ("router.extraServicePorts", "the picker's Service has the ports of the preset"),
    ("router.proxy", "there is a Gateway in front of the picker, and no proxy in its pod"),
    ("router.tokenizer", "the tokenizer comes from the preset; change spec.router.scheduler.tokenizer"),
    (
        "router.latencyPredictor",
        "the servers come from the preset; change them in spec.router.scheduler.template",
    ),
    ("router.clusterDomain", "the operator knows the cluster's domain"),
    ("router.inferencePool.create", "a service with a scheduler has a pool"),
    ("inferencePool.targetPortNumber", "targetPorts comes before it"),
    ("inferencePool.modelServerType", "the servers are vLLM"),
    ("inferencePool.apiVersion", "pools are made in the groups that the cluster serves"),
    ("provider", "the operator makes what the Gateways in use need, by their GatewayClasses"),
    ("httpRoute.requestTimeout", "routes have no time limit, as answers may stream for long"),
    ("httpRoute", "httpRoute.create is false; spec.router.gateway.refs names Gateways"),
    ("ingress", "write spec.router.ingress.refs for an Ingress of yours"),
    ("gateway", "is for the provider of the Gateway; make such objects beside it"),
];

const UNKNOWN: &str = "no counterpart is known";

/// Of llm-d-modelservice.
pub fn model_service(path: &str) -> String {
    reason(MODEL_SERVICE, path)
}

/// Of the charts for routing.
pub fn routing(path: &str) -> String {
    reason(ROUTING, path)
}

/// Of a container.
pub fn container(_path: &str) -> String {
    UNKNOWN.to_owned()
}

fn reason(reasons: &Reasons, path: &str) -> String {
    let found = reasons.iter().find(|(known, _)| match known.strip_prefix("*.") {
        Some(inner) => path.match_indices('.').any(|(at, _)| begins(&path[at + 1..], inner)),
        None => begins(path, known),
    });
    found.map_or(UNKNOWN, |(_, why)| why).to_owned()
}

fn begins(path: &str, known: &str) -> bool {
    path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_path_is_that_of_its_beginning() {
        assert!(model_service("modelArtifacts.size").starts_with("nothing limits"));
        assert!(model_service("decode.monitoring.podmonitor.enabled").starts_with("PodMonitors"));
        assert!(model_service("tracing.serviceNames.x").starts_with("spans"));
        assert!(routing("router.epp.extProcPort").starts_with("the picker listens"));
        assert!(routing("inferenceExtension.monitoring.interval").starts_with("ServiceMonitors"));
        assert_eq!(model_service("decodes"), UNKNOWN);
    }
}
