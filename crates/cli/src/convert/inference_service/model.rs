//! Where the weights are.

use serde_json::{Value, json};

use super::super::common::hub;
use super::super::common::source::Source;
use super::super::{ConvertError, Loss};
use super::part::Part;

/// `spec.model` of the service: one of the many ways to say it, the most explicit first.
pub fn of(
    model: &mut Source,
    predictor: &mut Source,
    part: &Part,
    name: &str,
    lost: &mut Vec<Loss>,
) -> Result<Value, ConvertError> {
    let stored = model.text("storageUri");
    let stored = stored.or(storage(model, lost)?).or(first(predictor, lost)).or(variable(part));
    let uri = match stored {
        Some(uri) => within(uri, part),
        None => of_the_hub(part).ok_or_else(|| missing(model))?,
    };
    if uri.contains('$') {
        let problem = format!("{uri} has a variable in it: write the model's name");
        return Err(ConvertError::Impossible { path: model.place().to_owned(), problem });
    }
    let mut names = part.hints.names.iter();
    let served = names.next().map_or(name, String::as_str);
    lost.extend(names.map(|other| {
        Loss::new(
            format!("{} {other}", predictor.at("model.args --served-model-name")),
            "a service has one name; give the other by a route of your own",
        )
    }));
    Ok(json!({"uri": uri, "name": served}))
}

fn missing(model: &Source) -> ConvertError {
    let problem =
        "there is no model: set storageUri, or --model_id to a model of the Hugging Face Hub".to_owned();
    ConvertError::Impossible { path: model.place().to_owned(), problem }
}

/// A bucket by the key of a Secret, which only KServe's controller reads.
fn storage(model: &mut Source, lost: &mut Vec<Loss>) -> Result<Option<String>, ConvertError> {
    let mut storage = model.part("storage");
    let path = storage.text("path");
    let Some(path) = path.or_else(|| storage.peek("parameters").map(|_| String::new())) else {
        return Ok(None);
    };
    storage.lose("key", "an entry of the Secret storage-config: set the annotation serving.kserve.io/storageSecretName to a Secret with these credentials, or serviceAccountName", lost);
    let bucket = storage.text("parameters.bucket").ok_or_else(|| ConvertError::Impossible {
        path: storage.at("parameters.bucket"),
        problem: "the bucket stands in the Secret: write it here".to_owned(),
    })?;
    let scheme = storage.text("parameters.type").unwrap_or_else(|| "s3".to_owned());
    storage.finish(lost);
    Ok(Some(format!("{scheme}://{bucket}/{}", path.trim_start_matches('/'))))
}

/// `storageUris` may be several; the first is the model.
fn first(predictor: &mut Source, lost: &mut Vec<Loss>) -> Option<String> {
    let mut uris = predictor.parts("storageUris").into_iter();
    let mut model = uris.next()?;
    for other in uris {
        lost.push(Loss::new(
            other.place(),
            "a service has one model: an adapter belongs in model.lora.adapters, anything else in a volume",
        ));
    }
    let uri = model.text("uri");
    model.lose("mountPath", "the model is at /mnt/models", lost);
    model.finish(lost);
    uri
}

fn variable(part: &Part) -> Option<String> {
    let [uri, _] = &part.variables;
    uri.clone()
}

/// A folder below `/mnt/models` is one below the URI.
fn within(uri: String, part: &Part) -> String {
    let folder = part.hints.model.as_deref().and_then(|model| model.strip_prefix("/mnt/models/"));
    match folder.map(|folder| folder.trim_matches('/')).filter(|folder| !folder.is_empty()) {
        Some(folder) => format!("{}/{folder}", uri.trim_end_matches('/')),
        None => uri,
    }
}

/// A model that the server downloads by itself.
fn of_the_hub(part: &Part) -> Option<String> {
    let [_, id] = &part.variables;
    let named = part.hints.model.as_ref().filter(|model| !model.starts_with('/')).or(id.as_ref())?;
    Some(hub::uri(named, part.hints.revision.as_deref()))
}
