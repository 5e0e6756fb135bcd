//! The names of all children, made here and nowhere else.

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::valid::Role;

const LIMIT: usize = 63;
const HASH: usize = 32;

/// The name of a child: `parent` + `suffix`, shortened with a hash where 63 bytes do not hold it
/// (`reference/workloads.md §1.2`; existing objects carry these names, so the rule must not change).
pub fn child(parent: &str, suffix: &str) -> String {
    let room = LIMIT - HASH;
    if parent.len() + suffix.len() <= LIMIT {
        format!("{parent}{suffix}")
    } else if suffix.len() < room {
        format!("{}{}{suffix}", cut(parent, room - suffix.len()), hash(parent))
    } else {
        let stem = format!("{}{}", cut(parent, room), hash(&format!("{parent}{suffix}")));
        let padded = format!("{stem}{}", cut(suffix, LIMIT - stem.len()));
        padded.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
    }
}

/// The first `len` bytes; names are ASCII, anything else is cut at the character before.
fn cut(text: &str, len: usize) -> &str {
    text.get(..text.floor_char_boundary(len)).unwrap_or(text)
}

fn hash(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).flatten().collect()
}

macro_rules! children {
    ($( $(#[$doc:meta])* $name:ident = $suffix:literal; )*) => {
        $( $(#[$doc])* pub fn $name(service: &str) -> String { child(service, $suffix) } )*
    };
}

/// Deployment or LeaderWorkerSet of a workload.
pub fn workload(service: &str, role: Role, is_group: bool) -> String {
    match (role, is_group) {
        (Role::Both | Role::Decode, false) => decode(service),
        (Role::Both | Role::Decode, true) => decode_group(service),
        (Role::Prefill, false) => prefill(service),
        (Role::Prefill, true) => prefill_group(service),
    }
}

/// HorizontalPodAutoscaler of a workload.
pub fn autoscaler(service: &str, role: Role) -> String {
    if role == Role::Prefill { prefill_autoscaler(service) } else { decode_autoscaler(service) }
}

/// ScaledObject of a workload.
pub fn scaled_object(service: &str, role: Role) -> String {
    if role == Role::Prefill { prefill_scaled_object(service) } else { decode_scaled_object(service) }
}

/// PodMonitor of a workload.
pub fn pod_monitor(service: &str, role: Role) -> String {
    if role == Role::Prefill { prefill_monitor(service) } else { decode_monitor(service) }
}

children! {
    /// Deployment of the main or decode workload, and the ServiceAccount of its routing sidecar.
    decode = "-kserve";
    /// Deployment of the prefill workload.
    prefill = "-kserve-prefill";
    /// LeaderWorkerSet of the main or decode workload, and its ServiceAccount.
    decode_group = "-kserve-mn";
    /// LeaderWorkerSet of the prefill workload, and its ServiceAccount.
    prefill_group = "-kserve-mn-prefill";
    /// Service in front of the model servers.
    workload_service = "-kserve-workload-svc";
    /// TLS Secret of the endpoint picker.
    scheduler_tls_secret = "-epp-tls";
    /// TLS Secret of the tokenizer.
    tokenizer_tls_secret = "-tokenizer-tls";
    /// TLS Secret of the service.
    tls_secret = "-kserve-self-signed-certs";
    /// Secret with the service's CA, where TLS is on; never mounted.
    tls_authority = "-kserve-ca";
    /// Role of the routing sidecar.
    sidecar_role = "-kserve-role";
    /// RoleBinding of the routing sidecar.
    sidecar_role_binding = "-kserve-rb";
    /// Role of the routing sidecar in a LeaderWorkerSet.
    group_sidecar_role = "-kserve-mn-role";
    /// RoleBinding of the routing sidecar in a LeaderWorkerSet.
    group_sidecar_role_binding = "-kserve-mn-rb";
    /// Deployment of the endpoint picker.
    scheduler = "-kserve-router-scheduler";
    /// Service of the endpoint picker, unless the pool names another.
    scheduler_service = "-epp-service";
    /// ServiceAccount of the endpoint picker, unless its template names another.
    scheduler_account = "-epp-sa";
    /// Role of the endpoint picker.
    scheduler_role = "-epp-role";
    /// RoleBinding of the endpoint picker.
    scheduler_role_binding = "-epp-rb";
    /// Deployment and Service of the tokenizer.
    tokenizer = "-tokenizer";
    /// InferencePool.
    inference_pool = "-inference-pool";
    /// HTTPRoute.
    route = "-kserve-route";
    /// Ingress.
    ingress = "-kserve-ingress";
    /// HorizontalPodAutoscaler of the main or decode workload.
    decode_autoscaler = "-kserve-hpa";
    /// HorizontalPodAutoscaler of the prefill workload.
    prefill_autoscaler = "-kserve-prefill-hpa";
    /// ScaledObject of the main or decode workload.
    decode_scaled_object = "-kserve-keda";
    /// ScaledObject of the prefill workload.
    prefill_scaled_object = "-kserve-prefill-keda";
    /// PodMonitor of the main or decode workload.
    decode_monitor = "-kserve-monitor";
    /// PodMonitor of the prefill workload.
    prefill_monitor = "-kserve-prefill-monitor";
    /// ServiceMonitor of the endpoint picker.
    scheduler_monitor = "-epp-monitor";
    /// ResourceClaimTemplate as the peer names it; its spec can't be changed.
    claim_template = "-managed-dra";
}

/// Gateway extra for an object of this name.
pub fn gateway_extra(target: &str) -> String {
    child(target, "-extra")
}

/// The Service that Istio makes for an InferencePool, without an owner of ours. A rule for it has to name it.
pub fn istio_pool_service(pool: &str) -> String {
    let mut digits = hex(&Sha256::digest(pool.as_bytes()));
    digits.truncate(8);
    let suffix = format!("-ip-{digits}");
    format!("{}{suffix}", cut(pool, LIMIT - suffix.len()))
}

/// HTTPRoutes of a service that needs several: the first one is [`route`], the others are numbered from 2.
pub fn route_part(service: &str, index: usize) -> String {
    match index {
        0 => route(service),
        _ => child(service, &format!("-kserve-route-{}", index + 1)),
    }
}

/// ResourceClaimTemplate whose spec has this hash.
pub fn claim_template_of(service: &str, digest: &str) -> String {
    child(service, &format!("-managed-dra-{digest}"))
}

/// ClusterRoleBinding of the endpoint picker. `a-b/c` and `a/b-c` share this name (`reference/router.md §20`,
/// edge 9); [`scheduler_cluster_role_binding_of`] tells them apart where another service holds it.
pub fn scheduler_cluster_role_binding(namespace: &str, service: &str) -> String {
    child(namespace, &format!("-{service}-epp-auth-rb"))
}

/// InferenceObjective of a service's model, or of one of its adapters. Clients name it in a header.
pub fn objective(service: &str, adapter: Option<&str>) -> String {
    adapter.map_or_else(|| service.to_owned(), |adapter| child(service, &format!("-{}", label(adapter))))
}

/// InferenceModel of a service's model, or of one of its adapters.
pub fn inference_model(service: &str, adapter: Option<&str>) -> String {
    let of = adapter.map(|adapter| format!("-{}", label(adapter))).unwrap_or_default();
    child(service, &format!("{of}-model"))
}

/// A name as a DNS label, with a hash where it is none.
fn label(name: &str) -> String {
    let plain = plain(name);
    let is_label = plain == name && name.len() <= LIMIT && !plain.starts_with('-') && !plain.ends_with('-');
    if is_label { plain } else { format!("{}-{}", cut(plain.trim_matches('-'), 40), short(name)) }
}

fn plain(name: &str) -> String {
    let keep = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.to_ascii_lowercase().chars().map(|c| if keep(c) { c } else { '-' }).collect()
}

fn short(text: &str) -> String {
    hash(text).chars().take(8).collect()
}

/// Volume of an adapter's claim. Names that are no DNS label are made one, with a hash to tell them apart.
pub fn adapter_volume(adapter: &str) -> String {
    let label = plain(adapter);
    if label == adapter && !label.ends_with('-') {
        return child("lora-pvc-", adapter);
    }
    let short = short(adapter);
    let room = LIMIT - "lora-pvc--".len() - short.len();
    format!("lora-pvc-{}-{short}", cut(&label, room))
}

/// The name used when another owner holds [`scheduler_cluster_role_binding`]: a hash of the UID is appended.
pub fn scheduler_cluster_role_binding_of(namespace: &str, service: &str, uid: &str) -> String {
    child(namespace, &format!("-{service}-epp-auth-rb-{}", short(uid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_concatenated() {
        assert_eq!(child("llama", "-kserve"), "llama-kserve");
    }

    #[test]
    fn long_parents_are_hashed_to_exactly_63_bytes() {
        let parent = "a".repeat(60);
        let name = child(&parent, "-kserve");
        assert_eq!(name.len(), 63);
        assert_eq!(name, format!("{}{}-kserve", "a".repeat(24), hash(&parent)));
    }

    #[test]
    fn long_suffixes_are_hashed_with_the_parent() {
        let suffix = format!("-{}-epp-auth-rb", "b".repeat(40));
        let name = child("namespace-x", &suffix);
        assert!(name.len() <= 63 && name.starts_with("namespace-x"));
        assert!(name.contains(&hash(&format!("namespace-x{suffix}"))));
    }

    #[test]
    fn objectives_and_models_are_named_after_service_and_adapter() {
        assert_eq!((objective("m", None), objective("m", Some("sql"))), ("m".to_owned(), "m-sql".to_owned()));
        assert_eq!(inference_model("m", None), "m-model");
        assert_eq!(inference_model("m", Some("sql")), "m-sql-model");
        let odd = format!("m-org-sql-{}", &hash("org/SQL")[..8]);
        assert_eq!(objective("m", Some("org/SQL")), odd);
        assert_eq!(inference_model("m", Some("org/SQL")), format!("{odd}-model"));
        assert_ne!(objective("m", Some("a_b")), objective("m", Some("a.b")));
    }

    #[test]
    fn colliding_cluster_names_are_told_apart_by_uid() {
        assert_eq!(scheduler_cluster_role_binding("a-b", "c"), scheduler_cluster_role_binding("a", "b-c"));
        assert_ne!(
            scheduler_cluster_role_binding_of("a-b", "c", "1"),
            scheduler_cluster_role_binding_of("a", "b-c", "2")
        );
    }
}
