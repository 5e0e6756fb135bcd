//! Models of the Hugging Face Hub.

/// The URI of a model, maybe of a revision; one that has a scheme is a URI already.
pub fn uri(model: &str, revision: Option<&str>) -> String {
    let uri = if model.contains("://") { model.to_owned() } else { format!("hf://{model}") };
    match revision {
        Some(revision) => format!("{uri}:{revision}"),
        None => uri,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_uris() {
        assert_eq!(uri("a/b", None), "hf://a/b");
        assert_eq!(uri("a/b", Some("r")), "hf://a/b:r");
        assert_eq!(uri("s3://a/b", None), "s3://a/b");
    }
}
