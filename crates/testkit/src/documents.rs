//! YAML files and streams.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize as _;
use serde_json::Value;

/// The documents of a YAML stream, without empty ones.
pub fn parse(text: &str) -> Result<Vec<Value>> {
    let mut documents = Vec::new();
    for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let value = Value::deserialize(document).with_context(|| format!("YAML document {index}"))?;
        if !value.is_null() {
            documents.push(value);
        }
    }
    Ok(documents)
}

/// The YAML files directly in a folder, in order of their names; none when there is no such folder.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        if path.extension().is_some_and(|it| it == "yaml" || it == "yml") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The folders directly in a folder, in order of their names.
pub fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.is_dir());
    paths.sort();
    Ok(paths)
}

/// The folders directly in a folder that are one story each: those with YAML files of their own, or with an `input`.
/// A folder of nothing but folders, `examples/paths`, is for a test of its own.
pub fn stories(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in folders(folder)? {
        if path.join("input").is_dir() || !files(&path)?.is_empty() {
            all.push(path);
        }
    }
    Ok(all)
}

/// `Kind namespace/name`, as messages and comparisons name an object.
pub fn identity(object: &Value) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let place = if text("/metadata/namespace").is_empty() { "" } else { "/" };
    format!("{} {}{place}{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stream_gives_its_documents_without_empty_ones() {
        let documents = parse("---\na: 1\n---\n---\n# only a comment\n---\nb: 2\n").unwrap();
        assert_eq!(documents, [json!({"a": 1}), json!({"b": 2})]);
    }

    #[test]
    fn a_folder_of_folders_is_no_story() {
        let root = tempfile::tempdir().unwrap();
        for file in ["a/service.yaml", "b/input/service.yaml", "paths/c/service.yaml"] {
            fs::create_dir_all(root.path().join(file).parent().unwrap()).unwrap();
            fs::write(root.path().join(file), "").unwrap();
        }
        assert_eq!(stories(root.path()).unwrap(), ["a", "b"].map(|it| root.path().join(it)));
    }

    #[test]
    fn a_broken_document_is_named_by_its_number() {
        let error = parse("a: 1\n---\nb: [\n").unwrap_err();
        assert!(format!("{error:#}").contains("YAML document 1"), "{error:#}");
    }

    #[test]
    fn an_object_is_named_by_kind_namespace_and_name() {
        let pod = json!({"kind": "Pod", "metadata": {"namespace": "n", "name": "p"}});
        assert_eq!(identity(&pod), "Pod n/p");
        assert_eq!(identity(&json!({"kind": "Node", "metadata": {"name": "a"}})), "Node a");
    }
}
