//! Reading the ConfigMap: key by key, each with the last good value to fall back to.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::autoscaling::autoscaling;
use super::monitoring::monitoring;
use super::storage::storage;
use super::{AUTOSCALING, CredentialSettings, MONITORING, ModelRouting, Settings};
use crate::facts::Ref;
use crate::tree;
use crate::validate::routing::Choice;

const EXTRAS: &str = "auto, none, or some of istio, envoy-gateway, gke, with commas between them";

/// Why a key of the ConfigMap is not used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value is not a JSON object.
    #[error(
        "inferenceservice-config: key {key:?} is not a JSON object ({source}); the key is not used until it is corrected"
    )]
    Json {
        /// Key of the ConfigMap.
        key: &'static str,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A field holds something that cannot be used.
    #[error(
        "inferenceservice-config: {key}.{field}: {value:?} is not {wanted}; the key is not used until it is corrected"
    )]
    Field {
        /// Key of the ConfigMap.
        key: &'static str,
        /// Field of its document.
        field: &'static str,
        /// The value.
        value: String,
        /// What is wanted there.
        wanted: &'static str,
    },
}

impl Settings {
    /// Reads the data of `inferenceservice-config`. A key that does not parse keeps its value from `last`, and
    /// is listed in `problems` (edge C-18); an absent key has the shipped default.
    pub fn parse(data: &BTreeMap<String, String>, last: &Self, system_namespace: &str) -> Self {
        let mut read = Reader { data, system_namespace, problems: Vec::new() };
        let mut next = Self { problems: Vec::new(), ..Self::default() };
        read.key("ingress", &mut next, last, ingress, Self::copy_ingress);
        read.key("storageInitializer", &mut next, last, storage, |to, from| {
            to.storage.clone_from(&from.storage);
        });
        read.key("credentials", &mut next, last, credentials, |to, from| {
            to.credentials.clone_from(&from.credentials);
        });
        read.key("scheduler", &mut next, last, scheduler, |to, from| {
            to.expiration_annotations.clone_from(&from.expiration_annotations);
        });
        read.key(AUTOSCALING, &mut next, last, autoscaling, |to, from| {
            to.prometheus.clone_from(&from.prometheus);
        });
        read.key(MONITORING, &mut next, last, monitoring, |to, from| {
            to.monitoring.clone_from(&from.monitoring);
        });
        next.problems = read.problems;
        next
    }

    fn copy_ingress(&mut self, from: &Self) {
        self.gateway = from.gateway.clone();
        self.url_scheme.clone_from(&from.url_scheme);
        self.tls = from.tls;
        self.ingress_domain.clone_from(&from.ingress_domain);
        self.domain_template.clone_from(&from.domain_template);
        self.ingress_class.clone_from(&from.ingress_class);
        self.model_header.clone_from(&from.model_header);
        self.model_routing = from.model_routing;
        self.gateway_extras.clone_from(&from.gateway_extras);
    }
}

struct Reader<'a> {
    data: &'a BTreeMap<String, String>,
    system_namespace: &'a str,
    problems: Vec<String>,
}

type Apply = fn(&mut Settings, &Value, &str) -> Result<(), SettingsError>;

impl Reader<'_> {
    fn key(
        &mut self,
        key: &'static str,
        to: &mut Settings,
        last: &Settings,
        apply: Apply,
        keep: fn(&mut Settings, &Settings),
    ) {
        let Some(text) = self.data.get(key).filter(|t| !t.trim().is_empty()) else { return };
        let parsed = serde_json::from_str::<serde_json::Map<String, Value>>(text)
            .map_err(|source| SettingsError::Json { key, source })
            .and_then(|map| apply(to, &Value::Object(map), self.system_namespace));
        if let Err(error) = parsed {
            self.problems.push(error.to_string());
            keep(to, last);
            if last.unproven.contains(key) {
                to.unproven.insert(key);
            }
        }
    }
}

fn ingress(to: &mut Settings, doc: &Value, system_namespace: &str) -> Result<(), SettingsError> {
    let texts = ["kserveIngressGateway", "urlScheme", "modelBasedRoutingHeaderName", "modelBasedRoutingMode"];
    only_texts("ingress", doc, &texts)?;
    to.gateway_extras = gateway_extras(doc)?;
    only_texts("ingress", doc, &["ingressDomain", "domainTemplate", "ingressClassName"])?;
    if let Some(gateway) = some_text(doc, "kserveIngressGateway") {
        to.gateway = gateway_ref(gateway, system_namespace);
    }
    if let Some(scheme) = some_text(doc, "urlScheme") {
        if !matches!(scheme, "http" | "https") {
            return Err(bad("ingress", "urlScheme", scheme, "http or https"));
        }
        scheme.clone_into(&mut to.url_scheme);
    }
    if let Some(header) = some_text(doc, "modelBasedRoutingHeaderName") {
        header.clone_into(&mut to.model_header);
    }
    if let Some(domain) = some_text(doc, "ingressDomain") {
        domain.clone_into(&mut to.ingress_domain);
    }
    if let Some(template) = some_text(doc, "domainTemplate") {
        template.clone_into(&mut to.domain_template);
    }
    to.ingress_class = some_text(doc, "ingressClassName").map(str::to_owned);
    to.tls = flag(doc, "ingress", "enableLLMInferenceServiceTLS")?.unwrap_or(false);
    to.model_routing = match tree::text(doc, &["modelBasedRoutingMode"]).to_ascii_lowercase().as_str() {
        "forced" => ModelRouting::Forced,
        "disabled" => ModelRouting::Disabled,
        _ => ModelRouting::Enabled,
    };
    Ok(())
}

/// Who decides about gateway extras.
fn gateway_extras(doc: &Value) -> Result<Choice, SettingsError> {
    only_texts("ingress", doc, &["gatewayExtras"])?;
    let text = some_text(doc, "gatewayExtras").unwrap_or("auto");
    match Choice::parse(text) {
        (choice, unknown) if unknown.is_empty() => Ok(choice),
        _ => Err(bad("ingress", "gatewayExtras", text, EXTRAS)),
    }
}

/// `namespace/name` or `name`; a bare name is in the system namespace.
fn gateway_ref(text: &str, system_namespace: &str) -> Ref {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [namespace, name] => Ref::new(namespace, name),
        _ => Ref::new(system_namespace, text),
    }
}

/// Fields of `credentials.s3` by the environment variable they feed, in the order of emission
/// (`reference/workloads.md §9.9`).
const S3_ENV: &[(&str, &str)] = &[
    ("s3UseHttps", "S3_USE_HTTPS"),
    ("s3Endpoint", "S3_ENDPOINT"),
    ("s3VerifySSL", "S3_VERIFY_SSL"),
    ("s3UseAnonymousCredential", "awsAnonymousCredential"),
    ("s3Region", "AWS_DEFAULT_REGION"),
    ("s3UseVirtualBucket", "S3_USER_VIRTUAL_BUCKET"),
    ("s3UseAccelerate", "S3_USE_ACCELERATE"),
    ("s3CABundle", "AWS_CA_BUNDLE"),
    ("s3CABundleConfigMap", "AWS_CA_BUNDLE_CONFIGMAP"),
];

fn credentials(to: &mut Settings, doc: &Value, _: &str) -> Result<(), SettingsError> {
    let s3 = doc.get("s3").cloned().unwrap_or_default();
    if !(s3.is_object() || s3.is_null()) {
        return Err(bad("credentials", "s3", &s3.to_string(), "an object"));
    }
    only_texts("credentials", doc, &["storageSecretNameAnnotation"])?;
    only_texts("credentials", &s3, &["s3AccessKeyIDName", "s3SecretAccessKeyName"])?;
    S3_ENV.iter().try_for_each(|(field, _)| only_texts("credentials", &s3, &[*field]))?;
    let defaults = to.credentials.clone();
    let or = |found: Option<&str>, default: &str| found.unwrap_or(default).to_owned();
    to.credentials = CredentialSettings {
        // Present but empty turns the annotation off.
        secret_annotation: or(
            doc.get("storageSecretNameAnnotation").and_then(Value::as_str),
            &defaults.secret_annotation,
        ),
        s3_key_id: or(some_text(&s3, "s3AccessKeyIDName"), &defaults.s3_key_id),
        s3_secret_key: or(some_text(&s3, "s3SecretAccessKeyName"), &defaults.s3_secret_key),
        s3_env: S3_ENV
            .iter()
            .filter_map(|(f, env)| Some(((*env).to_owned(), some_text(&s3, f)?.to_owned())))
            .collect(),
        gcs_file: or(doc.get("gcs").and_then(|g| some_text(g, "gcsCredentialFileName")), &defaults.gcs_file),
    };
    Ok(())
}

fn scheduler(to: &mut Settings, doc: &Value, _: &str) -> Result<(), SettingsError> {
    let Some(listed) = doc.get("expirationAnnotations").filter(|v| !v.is_null()) else { return Ok(()) };
    let keys = Vec::<String>::deserialize(listed).map_err(|_| {
        bad("scheduler", "expirationAnnotations", &listed.to_string(), "a list of annotation keys")
    })?;
    if !keys.is_empty() {
        to.expiration_annotations = keys;
    }
    Ok(())
}

/// A wrong type is no absent value.
pub(super) fn only_texts(
    key: &'static str,
    doc: &Value,
    fields: &[&'static str],
) -> Result<(), SettingsError> {
    let given = fields.iter().filter_map(|field| Some((*field, doc.get(*field)?)));
    let mut wrong = given.filter(|(_, value)| !value.is_string() && !value.is_null());
    match wrong.next() {
        Some((field, value)) => Err(bad(key, field, &value.to_string(), "a string")),
        None => Ok(()),
    }
}

pub(super) fn some_text<'a>(doc: &'a Value, field: &str) -> Option<&'a str> {
    doc.get(field).and_then(Value::as_str).filter(|t| !t.is_empty())
}

pub(super) fn flag(
    doc: &Value,
    key: &'static str,
    field: &'static str,
) -> Result<Option<bool>, SettingsError> {
    match doc.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(on)) => Ok(Some(*on)),
        Some(other) => Err(bad(key, field, &other.to_string(), "true or false")),
    }
}

pub(super) fn bad(
    key: &'static str,
    field: &'static str,
    value: &str,
    wanted: &'static str,
) -> SettingsError {
    SettingsError::Field { key, field, value: value.to_owned(), wanted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::routing::Extra;

    fn parse(pairs: &[(&str, &str)]) -> Settings {
        let data = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let last = Settings { tls: true, url_scheme: "https".to_owned(), ..Settings::default() };
        Settings::parse(&data, &last, "kserve")
    }

    #[test]
    fn an_empty_config_map_has_the_shipped_defaults() {
        assert_eq!(parse(&[]), Settings::default());
    }

    #[test]
    fn known_fields_are_read() {
        let settings = parse(&[
            (
                "ingress",
                r#"{"kserveIngressGateway": "infra/gw", "urlScheme": "https", "modelBasedRoutingMode": "FORCED"}"#,
            ),
            ("storageInitializer", r#"{"image": "registry/init:1", "cpuLimit": "2"}"#),
            ("credentials", r#"{"s3": {"s3Region": "eu-1"}, "storageSecretNameAnnotation": ""}"#),
            ("scheduler", r#"{"expirationAnnotations": ["a", "b"]}"#),
        ]);
        assert_eq!(settings.gateway, Ref::new("infra", "gw"));
        assert_eq!((settings.url_scheme.as_str(), settings.model_routing), ("https", ModelRouting::Forced));
        assert_eq!(
            (settings.storage.image.as_str(), settings.storage.sizes.cpu_limit.as_str()),
            ("registry/init:1", "2")
        );
        assert_eq!(settings.storage.sizes.cpu_request, "100m");
        assert_eq!(settings.credentials.s3_env, [("AWS_DEFAULT_REGION".to_owned(), "eu-1".to_owned())]);
        assert_eq!(settings.credentials.secret_annotation, "");
        assert_eq!(settings.expiration_annotations, ["a", "b"]);
        assert!(settings.problems.is_empty());
    }

    #[test]
    fn a_key_that_does_not_parse_keeps_its_last_good_value_and_is_reported() {
        // C-18
        let settings = parse(&[("ingress", "{not json"), ("storageInitializer", r#"{"cpuLimit": "lots"}"#)]);
        assert!(settings.tls);
        assert_eq!(settings.url_scheme, "https");
        assert_eq!(settings.problems.len(), 2);
        assert!(settings.problems[0].contains("key \"ingress\" is not a JSON object"));
        assert!(settings.problems[1].contains("storageInitializer.cpuLimit: \"lots\" is not a quantity"));
    }

    #[test]
    fn hosts_of_ingresses_have_a_domain_a_template_and_a_class() {
        let text = r#"{"ingressDomain": "models.example.org", "domainTemplate": "{{ .Name }}.{{ .IngressDomain }}", "ingressClassName": "nginx"}"#;
        let given = parse(&[("ingress", text)]);
        let expected = Settings {
            ingress_domain: "models.example.org".to_owned(),
            domain_template: "{{ .Name }}.{{ .IngressDomain }}".to_owned(),
            ingress_class: Some("nginx".to_owned()),
            ..Settings::default()
        };
        assert_eq!(given, expected);
        let broken = BTreeMap::from([("ingress".to_owned(), r#"{"ingressDomain": 1}"#.to_owned())]);
        let kept = Settings::parse(&broken, &given, "kserve");
        assert_eq!((kept.ingress_domain, kept.ingress_class), (given.ingress_domain, given.ingress_class));
        assert!(
            kept.problems[0].contains("ingress.ingressDomain: \"1\" is not a string"),
            "{:?}",
            kept.problems
        );
    }

    #[test]
    fn a_bare_gateway_name_is_in_the_system_namespace() {
        assert_eq!(
            parse(&[("ingress", r#"{"kserveIngressGateway": "gw"}"#)]).gateway,
            Ref::new("kserve", "gw")
        );
    }

    #[test]
    fn gateway_extras_are_a_choice_and_unknown_names_are_told() {
        let read = |text: &str| parse(&[("ingress", &format!(r#"{{"gatewayExtras": "{text}"}}"#))]);
        let named = |extras: &[Extra]| Choice::Named(extras.iter().copied().collect());
        let cases = [
            ("auto", Choice::Auto),
            ("none", named(&[])),
            ("gke, istio", named(&[Extra::Istio, Extra::Gke])),
        ];
        for (text, expected) in cases {
            assert_eq!((read(text).gateway_extras, read(text).problems), (expected, Vec::new()), "{text}");
        }
        let wrong = read("istio,nginx");
        assert_eq!(wrong.gateway_extras, Choice::Auto);
        assert_eq!(
            wrong.problems,
            [
                "inferenceservice-config: ingress.gatewayExtras: \"istio,nginx\" is not auto, none, or some of istio, \
              envoy-gateway, gke, with commas between them; the key is not used until it is corrected"
            ]
        );
        assert!(wrong.problems[0].contains(&Choice::possible()), "both say the same");
    }

    #[test]
    fn wrong_types_are_named() {
        let settings = parse(&[
            ("ingress", r#"{"enableLLMInferenceServiceTLS": "yes"}"#),
            ("storageInitializer", r#"{"cpuLimit": 2}"#),
            ("credentials", r#"{"s3": 1}"#),
            ("scheduler", r#"{"expirationAnnotations": "x"}"#),
        ]);
        let fields = [
            "ingress.enableLLMInferenceServiceTLS",
            "storageInitializer.cpuLimit",
            "credentials.s3",
            "scheduler.expirationAnnotations",
        ];
        assert_eq!(settings.problems.len(), fields.len());
        for (field, problem) in fields.iter().zip(&settings.problems) {
            assert!(problem.contains(field), "{field} is not in {problem}");
        }
    }
}
