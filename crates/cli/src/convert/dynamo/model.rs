//! Where the weights of a worker are.

use llmisvc_core::tree;
use serde_json::{Value, json};

use super::super::ConvertError;
use super::super::common::hub;
use super::flags::Named;

/// A model of the hub, or a folder of a claim that the pod mounts.
pub fn uri(named: &Named, template: &Value, place: &str) -> Result<String, ConvertError> {
    let model =
        named.model.as_deref().ok_or_else(|| impossible(place, "there is no --model: give it".to_owned()))?;
    if model.contains('$') {
        return Err(impossible(place, format!("--model {model} is a variable: write the model's name")));
    }
    if !model.starts_with('/') {
        return Ok(hub::uri(model, named.revision.as_deref()));
    }
    claimed(model, template).ok_or_else(|| {
        impossible(place, format!("--model {model} is on no claim that the pod mounts: name a model of the Hugging Face Hub, or mount one"))
    })
}

fn impossible(place: &str, problem: String) -> ConvertError {
    ConvertError::Impossible { path: place.to_owned(), problem }
}

/// The deepest mount of a claim with the folder.
fn claimed(model: &str, template: &Value) -> Option<String> {
    let main = tree::named(tree::list(template, &["containers"]), "main")?;
    let below = |mount: &Value| {
        let path = tree::text(mount, &["mountPath"]).trim_end_matches('/');
        let rest = model.strip_prefix(path)?;
        (rest.is_empty() || rest.starts_with('/'))
            .then(|| (path.len(), tree::text(mount, &["name"]).to_owned(), rest.to_owned()))
    };
    let (_, volume, rest) = tree::list(main, &["volumeMounts"]).iter().filter_map(below).max()?;
    let volume = tree::named(tree::list(template, &["volumes"]), &volume)?;
    let claim = tree::get(volume, &["persistentVolumeClaim", "claimName"])?.as_str()?;
    Some(format!("pvc://{claim}{rest}"))
}

/// `spec.model`: Dynamo's name in requests is what `--model` says.
pub fn of(uri: &str, named: &Named, reference: Option<String>) -> Value {
    let name = named.name.clone().or(reference).or_else(|| named.model.clone()).unwrap_or_default();
    json!({"uri": uri, "name": name})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_on_a_claim_has_a_uri() {
        let template = json!({
            "containers": [{"name": "main", "volumeMounts": [
                {"name": "a", "mountPath": "/models"}, {"name": "b", "mountPath": "/models/deep/"}, {"name": "c", "mountPath": "/other"}]}],
            "volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "x"}},
                {"name": "b", "persistentVolumeClaim": {"claimName": "y"}}, {"name": "c", "emptyDir": {}}],
        });
        let uri =
            |model: &str| uri(&Named { model: Some(model.to_owned()), ..Named::default() }, &template, "p");
        assert_eq!(uri("/models/llama"), Ok("pvc://x/llama".to_owned()));
        assert_eq!(uri("/models/deep/llama"), Ok("pvc://y/llama".to_owned()));
        assert_eq!(uri("org/name"), Ok("hf://org/name".to_owned()));
        assert!(uri("/other/llama").is_err());
        assert!(uri("$(MODEL)").is_err());
        assert!(super::uri(&Named::default(), &template, "p").is_err());
    }
}
