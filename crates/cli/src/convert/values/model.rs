//! The model, and everything that both roles share (`reference/llm-d.md §3.2`).

use serde_json::{Value, json};

use super::accelerator::Accelerator;
use super::role::{self, Role, Shared};
use super::{Draft, SERVED, scaling, tracing};
use crate::convert::ConvertError;
use crate::convert::keys::Keys;

const LONGEST: usize = 55;
/// Where the chart mounts models.
const MOUNT: &str = "/model-cache";

/// Where the weights are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name in requests.
    pub name: String,
    /// As the service says it.
    pub uri: String,
    /// What is given to a server that downloads by itself, or the folder of the model in the chart's pods.
    pub source: String,
    /// A claim with a cache of the Hugging Face Hub, and the folder in it.
    pub cache: Option<(String, String)>,
    /// Secret with the token of the Hub.
    pub secret: Option<String>,
    /// Where the chart mounts it.
    pub mount: String,
}

/// The service's name: asked for, or as the chart would name its objects, or after the model.
pub fn name(keys: &mut Keys, asked: Option<&str>) -> Result<String, ConvertError> {
    let (full, short) = (keys.text("fullnameOverride"), keys.text("nameOverride"));
    let model = keys.peek("modelArtifacts.name").and_then(Value::as_str);
    let found = asked.map(str::to_owned).or(full).or(short).or_else(|| model.map(slug));
    found.filter(|name| !name.is_empty()).map(|name| cut(&name)).ok_or_else(|| ConvertError::Impossible {
        path: "modelArtifacts.name".to_owned(),
        problem: "missing, so there is nothing to name the service after; give it, or --name".to_owned(),
    })
}

fn slug(model: &str) -> String {
    let last = model.rsplit('/').next().unwrap_or(model).to_lowercase();
    last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn cut(name: &str) -> String {
    name.chars().take(LONGEST).collect::<String>().trim_matches('-').to_owned()
}

/// Puts the model, the roles and what they share into the service.
pub fn convert(keys: &mut Keys, draft: &mut Draft) -> Result<(), ConvertError> {
    let model = model(keys)?;
    draft.put(&["spec", "model"], json!({"name": model.name, "uri": model.uri}));
    if model.cache.is_none() && model.mount != MOUNT {
        draft.lose("modelArtifacts.mountPath", "models are mounted at /mnt/models");
    }
    let split = has_prefill(keys);
    if !split {
        alone(keys, draft);
    }
    let mut shared = Shared::of(keys, model, split);
    draft.port = shared.service_port;
    if draft.port != SERVED {
        draft.lose("routing.servicePort", "services listen on port 8000");
    }
    shared.downloads =
        shared.model.cache.is_some() || !Role::of(split).any(|role| role::is_preset_command(keys, role));
    download(&shared, draft);
    labels(keys, split, draft);
    scaling::convert(keys, draft);
    let accelerator = Accelerator::of(keys, &shared);
    for role in Role::of(split) {
        role::convert(keys, role, &shared, &accelerator, draft)?;
    }
    accelerator.choose(keys, draft);
    tracing::convert(keys, draft);
    Ok(())
}

/// Decode always; prefill where it has pods, or gets some from an autoscaler.
fn has_prefill(keys: &Keys) -> bool {
    let is = |path: &str, value: Value| keys.peek(path) == Some(&value);
    let replicas = keys.peek("prefill.replicas").and_then(Value::as_i64).unwrap_or(0);
    let scales = is("prefill.autoscaling.enabled", json!(true));
    !is("prefill.create", json!(false)) && (replicas > 0 || scales)
}

/// Without prefill a service has no sidecar.
fn alone(keys: &mut Keys, draft: &mut Draft) {
    if keys.peek("routing.proxy.enabled") != Some(&json!(false)) {
        draft.lose("routing.proxy", "decode pods get a routing sidecar only where there is prefill");
    }
    keys.take("prefill.create");
    keys.take("prefill.replicas");
}

fn model(keys: &mut Keys) -> Result<Model, ConvertError> {
    let name = keys.text("modelArtifacts.name").unwrap_or_else(|| "random/model".to_owned());
    let given = keys.text("modelArtifacts.uri").unwrap_or_else(|| "hf://{{name}}".to_owned());
    let given = given.replace("{{name}}", &name);
    let mount = keys.text("modelArtifacts.mountPath").unwrap_or_else(|| MOUNT.to_owned());
    let secret = keys.text("modelArtifacts.authSecretName");
    let (scheme, rest) = given.split_once("://").ok_or_else(|| unknown(&given))?;
    let direct = |source: String| Model {
        name: name.clone(),
        uri: given.clone(),
        source,
        cache: None,
        secret: secret.clone(),
        mount: mount.clone(),
    };
    match scheme {
        "hf" => Ok(direct(rest.to_owned())),
        "pvc" => Ok(direct(format!("{mount}{}", rest.find('/').map_or("", |at| &rest[at..])))),
        "oci" => Ok(direct(mount.clone())),
        "pvc+hf" => {
            let (claim, cache, source) = cached(rest).ok_or_else(|| unknown(&given))?;
            Ok(Model { uri: format!("hf://{source}"), cache: Some((claim, cache)), ..direct(source) })
        }
        _ => Err(unknown(&given)),
    }
}

/// `claim/cache/org/model`: the claim, the folder of the cache, and the model.
fn cached(rest: &str) -> Option<(String, String, String)> {
    let steps: Vec<&str> = rest.split('/').collect();
    let [claim, cache @ .., org, model] = steps.as_slice() else { return None };
    Some(((*claim).to_owned(), cache.join("/"), format!("{org}/{model}")))
}

fn unknown(uri: &str) -> ConvertError {
    ConvertError::Impossible {
        path: "modelArtifacts.uri".to_owned(),
        problem: format!("{uri} is none of hf://, pvc://, pvc+hf:// and oci://, which the chart knows"),
    }
}

/// A server that downloads by itself needs nobody to do it first. The token goes to the server either way, and from there
/// to the download.
fn download(shared: &Shared, draft: &mut Draft) {
    if shared.downloads && shared.model.uri.starts_with("hf://") {
        draft.put(&["spec", "storageInitializer"], json!({"enabled": false}));
    }
}

fn labels(keys: &mut Keys, split: bool, draft: &mut Draft) {
    let labels = keys.take("modelArtifacts.labels").unwrap_or_default();
    if split {
        draft.put(&["spec", "prefill", "labels"], labels.clone());
    }
    draft.put(&["spec", "labels"], labels);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(artifacts: &Value) -> Result<Model, ConvertError> {
        model(&mut Keys::new(json!({"modelArtifacts": artifacts}), ""))
    }

    #[test]
    fn every_scheme_of_the_chart_is_known() {
        let cases = [
            (json!({"name": "o/m"}), "hf://o/m", "o/m"),
            (json!({"name": "n", "uri": "pvc://claim/a/b"}), "pvc://claim/a/b", "/model-cache/a/b"),
            (json!({"name": "n", "uri": "oci://r/i:1"}), "oci://r/i:1", "/model-cache"),
            (json!({"name": "n", "uri": "pvc+hf://c/x/o/m"}), "hf://o/m", "o/m"),
        ];
        for (artifacts, uri, source) in cases {
            let model = found(&artifacts).expect("is known");
            assert_eq!((model.uri.as_str(), model.source.as_str()), (uri, source));
        }
    }

    #[test]
    fn a_cache_is_a_folder_of_a_claim() {
        let model = found(&json!({"name": "n", "uri": "pvc+hf://c/x/y/o/m"})).expect("is known");
        assert_eq!(model.cache, Some(("c".to_owned(), "x/y".to_owned())));
    }

    #[test]
    fn another_scheme_is_refused() {
        for uri in ["s3://b/m", "nothing", "pvc+hf://c/m"] {
            let said = found(&json!({"name": "n", "uri": uri})).expect_err("is refused").to_string();
            assert!(said.starts_with(&format!("modelArtifacts.uri: {uri} is none of")), "{said}");
        }
    }

    #[test]
    fn names_come_from_the_model_last() {
        let named = |values: Value, asked| name(&mut Keys::new(values, ""), asked);
        let values = json!({"fullnameOverride": "full", "modelArtifacts": {"name": "Qwen/Qwen2.5-7B"}});
        assert_eq!(named(values.clone(), Some("asked")), Ok("asked".to_owned()));
        assert_eq!(named(values, None), Ok("full".to_owned()));
        let values = json!({"modelArtifacts": {"name": "Qwen/Qwen2.5-7B"}});
        assert_eq!(named(values, None), Ok("qwen2-5-7b".to_owned()));
        assert!(
            named(json!({}), None).is_err_and(|e| e.to_string().starts_with("modelArtifacts.name: missing"))
        );
    }
}
