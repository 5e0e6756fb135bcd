//! Why a field has no values.

const REASONS: [(&str, &str); 14] = [
    (
        "spec.model.lora",
        "the chart mounts no adapters; give --enable-lora and --lora-modules in args, and mount them",
    ),
    ("spec.model.confidential", "the chart opens no encrypted models"),
    ("spec.kvCacheOffloading", "give --kv-transfer-config in args, and mount what the tiers need"),
    ("spec.prefill.kvCacheOffloading", "give --kv-transfer-config in args, and mount what the tiers need"),
    ("spec.scaling", "WVA is told by objects of its own; make them beside the release"),
    ("spec.prefill.scaling", "WVA is told by objects of its own; make them beside the release"),
    ("spec.worker", "the chart has one pod for leader and workers, and it differs from the template"),
    ("spec.prefill.worker", "the chart has one pod for leader and workers, and it differs from the template"),
    ("spec.prefill.labels", "the chart has one set of labels for both roles"),
    ("spec.router.route", "make the HTTPRoute beside the release"),
    ("spec.router.ingress", "make the Ingress beside the release"),
    (
        "spec.router.scheduler.config.ref",
        "put the document of the ConfigMap into config.inline, and convert again",
    ),
    ("spec.router.scheduler.pool", "the chart makes the pool"),
    ("spec.tracing", "the chart exports by OTLP"),
];

/// The reason for a path.
pub fn of(path: &str) -> String {
    let begins = |known: &str| {
        path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let found = REASONS.iter().find(|(known, _)| begins(known));
    found.map_or("the chart has no such key", |(_, why)| why).to_owned()
}
