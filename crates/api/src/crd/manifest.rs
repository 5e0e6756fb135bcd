//! The CustomResourceDefinition around the schemas (`reference/api.md §1`).

use serde_json::{Value, json};

use super::{Conversion, Kind, Options, schema};
use crate::v1alpha2::{CONFIG_KIND, CONFIG_PLURAL, GROUP, KIND, PLURAL};
use crate::version::Version;

/// Service of the operator's webhooks.
const WEBHOOK_SERVICE: &str = "llmisvc-webhook-server-service";
/// Where it converts.
const CONVERT_PATH: &str = "/convert";

pub fn service(options: &Options) -> Value {
    let mut columns = vec![column("URL", ".status.url")];
    columns.extend(common_columns());
    columns.push(
        json!({"name": "URLs", "type": "string", "priority": 1, "jsonPath": ".status.addresses[*].url"}),
    );
    let subresources = json!({
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    });
    let versions = versions(Kind::Service, options, &columns, &subresources);
    crd(PLURAL, KIND, &["llmisvc"], &versions, &options.conversion)
}

pub fn config(options: &Options) -> Value {
    let versions = versions(Kind::Config, options, &common_columns(), &json!({"status": {}}));
    crd(CONFIG_PLURAL, CONFIG_KIND, &[], &versions, &options.conversion)
}

fn column(name: &str, path: &str) -> Value {
    json!({"name": name, "type": "string", "jsonPath": path})
}

fn common_columns() -> Vec<Value> {
    vec![
        column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
        column("Reason", ".status.conditions[?(@.type=='Ready')].reason"),
        json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}),
    ]
}

/// The stored version first.
fn versions(kind: Kind, options: &Options, columns: &[Value], subresources: &Value) -> Vec<Value> {
    let served = |version: &Version| *version == Version::STORED || options.conversion != Conversion::Off;
    let one = |version: Version| {
        json!({
            "name": version.as_str(),
            "served": true,
            "storage": version == Version::STORED,
            "subresources": subresources,
            "additionalPrinterColumns": columns,
            "schema": {"openAPIV3Schema": schema(kind, version, options.pods)},
        })
    };
    Version::ALL.into_iter().rev().filter(served).map(one).collect()
}

fn crd(plural: &str, kind: &str, short: &[&str], versions: &[Value], conversion: &Conversion) -> Value {
    let names = json!({
        "kind": kind,
        "listKind": format!("{kind}List"),
        "plural": plural,
        "singular": kind.to_lowercase(),
        "shortNames": Some(short).filter(|names| !names.is_empty()),
    });
    let webhook = client_config(conversion).map(|client| {
        json!({
            "strategy": "Webhook",
            "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]},
        })
    });
    let spec = json!({
        "group": GROUP, "scope": "Namespaced", "names": given(names), "conversion": webhook, "versions": versions,
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": given(spec),
    })
}

/// The members that are not null.
fn given(mut object: Value) -> Value {
    object.as_object_mut().into_iter().for_each(|members| members.retain(|_, value| !value.is_null()));
    object
}

/// How the API server reaches the webhook; whoever serves it adds the CA.
fn client_config(conversion: &Conversion) -> Option<Value> {
    match conversion {
        Conversion::Off => None,
        Conversion::Url(base) => {
            Some(json!({"url": format!("{}{CONVERT_PATH}", base.trim_end_matches('/'))}))
        }
        Conversion::Service { namespace } => Some(json!({"service": {
            "name": WEBHOOK_SERVICE, "namespace": namespace, "path": CONVERT_PATH, "port": 443,
        }})),
    }
}
