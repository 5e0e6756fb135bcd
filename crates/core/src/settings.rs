//! The global ConfigMap `inferenceservice-config` (`reference/workloads.md §2`), parsed key by key.

use std::collections::BTreeSet;

use crate::facts::Ref;
use crate::validate::routing::Choice;

mod autoscaling;
mod monitoring;
mod parse;
mod storage;
pub use autoscaling::{Prometheus, TriggerAuth};
pub use monitoring::Monitoring;
pub use parse::SettingsError;
pub use storage::{OciMode, PEER_SIZES, Sizes, StorageSettings};

/// Effective settings: shipped defaults under whatever the ConfigMap says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Gateway of routes that name none.
    pub gateway: Ref,
    /// Preferred scheme in discovered URLs.
    pub url_scheme: String,
    /// Domain of the hosts of managed Ingresses.
    pub ingress_domain: String,
    /// Go template of those hosts.
    pub domain_template: String,
    /// Class of managed Ingresses; none for the default one.
    pub ingress_class: Option<String>,
    /// TLS between the components of a service.
    pub tls: bool,
    /// Header of model-based routing.
    pub model_header: String,
    /// Model-based routing mode.
    pub model_routing: ModelRouting,
    /// Who decides about gateway extras, where a service does not say.
    pub gateway_extras: Choice,
    /// Label substituted for `*` in wildcard listener hostnames.
    pub wildcard_hostname: String,
    /// Download init container.
    pub storage: StorageSettings,
    /// Where credentials are found.
    pub credentials: CredentialSettings,
    /// Annotations that carry a certificate's expiry; the first is written.
    pub expiration_annotations: Vec<String>,
    /// Where KEDA reads what the workload variant autoscaler wants; none where nothing is said.
    pub prometheus: Option<Prometheus>,
    /// Monitors for the Prometheus operator, where a service does not say.
    pub monitoring: Monitoring,
    /// Keys that did not parse, with the reason; their last good value stays in use.
    pub problems: Vec<String>,
    /// Those of them that have no last good value, since none was read by this process: their shipped default is
    /// in use, which may be another value than the one that running workloads were made with.
    pub unproven: BTreeSet<&'static str>,
}

/// Keys of the ConfigMap that are read.
pub const KEYS: [&str; 6] =
    ["ingress", "storageInitializer", "credentials", "scheduler", AUTOSCALING, MONITORING];
/// Key about the workload variant autoscaler.
pub const AUTOSCALING: &str = "autoscaling-wva-controller-config";
/// Key about monitors for the Prometheus operator.
pub const MONITORING: &str = "monitoring";

impl Settings {
    /// The settings of a process that has not read the ConfigMap yet.
    pub fn unread() -> Self {
        Self { unproven: KEYS.into(), ..Self::default() }
    }
}

/// `ingress.modelBasedRoutingMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelRouting {
    /// On, unless a Gateway opts out.
    Enabled,
    /// On.
    Forced,
    /// Off.
    Disabled,
}

/// Key `credentials` (`reference/workloads.md §9.9`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSettings {
    /// Annotation on the service that names the storage Secret; empty turns it off.
    pub secret_annotation: String,
    /// Data key of the S3 key id.
    pub s3_key_id: String,
    /// Data key of the S3 secret key.
    pub s3_secret_key: String,
    /// S3 defaults by environment variable name, in the order of the reference.
    pub s3_env: Vec<(String, String)>,
    /// Data key (file name) of GCS credentials.
    pub gcs_file: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gateway: Ref::new("kserve", "kserve-ingress-gateway"),
            url_scheme: "http".to_owned(),
            ingress_domain: "example.com".to_owned(),
            domain_template: "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}".to_owned(),
            ingress_class: None,
            tls: false,
            model_header: "X-Gateway-Model-Name".to_owned(),
            model_routing: ModelRouting::Enabled,
            gateway_extras: Choice::Auto,
            wildcard_hostname: "inference".to_owned(),
            storage: StorageSettings::default(),
            credentials: CredentialSettings {
                secret_annotation: "serving.kserve.io/storageSecretName".to_owned(),
                s3_key_id: "AWS_ACCESS_KEY_ID".to_owned(),
                s3_secret_key: "AWS_SECRET_ACCESS_KEY".to_owned(),
                s3_env: Vec::new(),
                gcs_file: "gcloud-application-credentials.json".to_owned(),
            },
            expiration_annotations: vec!["certificates.kserve.io/expiration".to_owned()],
            prometheus: None,
            monitoring: Monitoring::default(),
            problems: Vec::new(),
            unproven: BTreeSet::new(),
        }
    }
}
