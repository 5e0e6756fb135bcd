//! Reading YAML: files, folders and standard input, document by document.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// One YAML document and where it stands.
#[derive(Clone, Debug)]
pub struct Document {
    /// File, or `-`.
    pub file: String,
    /// Number of the document in the file, from 1.
    pub number: usize,
    /// Its content.
    pub value: Value,
}

/// Why input can't be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file system said no.
    #[error("{file}: cannot be read")]
    Read {
        /// The path.
        file: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A document is not YAML.
    #[error("{file}:{number}: not YAML: {message}")]
    Yaml {
        /// The path.
        file: String,
        /// Number of the document.
        number: usize,
        /// What the parser said.
        message: String,
    },
}

/// Every document in `paths`, in order; folders are walked in the order of their names, `-` is standard input.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Document>, InputError> {
    let mut documents = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            documents.extend(parse("-", &stdin()?)?);
        } else {
            for file in files(path)? {
                let text = fs::read_to_string(&file).map_err(|e| unreadable(&file, e))?;
                documents.extend(parse(&file.display().to_string(), &text)?);
            }
        }
    }
    Ok(documents)
}

fn stdin() -> Result<String, InputError> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| unreadable(Path::new("-"), e))?;
    Ok(text)
}

/// The file itself, or the YAML and JSON files below a folder. Passed over: folders called `patches`, which hold
/// no objects, and files called `expected…`, which hold output.
fn files(path: &Path) -> Result<Vec<PathBuf>, InputError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|e| unreadable(path, e))?;
    let mut entries: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    entries.sort();
    let mut found = Vec::new();
    for entry in entries.iter().filter(|e| !is_output_or_patch(e)) {
        if entry.is_dir() {
            found.extend(files(entry)?);
        } else if entry.extension().is_some_and(|x| x == "yaml" || x == "yml" || x == "json") {
            found.push(entry.clone());
        }
    }
    Ok(found)
}

fn is_output_or_patch(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "patches" || name.starts_with("expected")
}

/// Splits a text into documents; empty ones are passed over.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, InputError> {
    let documents = serde_yaml_ng::Deserializer::from_str(text).enumerate().map(|(i, document)| {
        let value = Value::deserialize(document).map_err(|e| InputError::Yaml {
            file: file.to_owned(),
            number: i + 1,
            message: e.to_string(),
        })?;
        Ok(Document { file: file.to_owned(), number: i + 1, value })
    });
    let all: Result<Vec<_>, _> = documents.collect();
    all.map(|found| found.into_iter().flat_map(items).filter(|d| !d.value.is_null()).collect())
}

/// The objects of a `List`, as `kubectl get -o yaml` prints several; any other document is one object.
fn items(mut document: Document) -> Vec<Document> {
    let kind = document.value.get("kind").and_then(Value::as_str).unwrap_or_default();
    if !kind.ends_with("List") {
        return vec![document];
    }
    let items = document.value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take);
    items.unwrap_or_default().into_iter().map(|value| Document { value, ..document.clone() }).collect()
}

fn unreadable(path: &Path, source: std::io::Error) -> InputError {
    InputError::Read { file: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_numbered_and_empty_ones_passed_over() {
        let found = parse("f", "a: 1\n---\n---\nb: 2\n").expect("parses");
        let numbers: Vec<usize> = found.iter().map(|d| d.number).collect();
        assert_eq!(numbers, [1, 3]);
    }

    #[test]
    fn a_list_is_its_items() {
        let text = "kind: List\nitems: [{kind: A}, {kind: B}]\n---\nkind: C\n---\nkind: List\n";
        let found = parse("f", text).expect("parses");
        let kinds: Vec<(usize, &str)> =
            found.iter().map(|d| (d.number, d.value["kind"].as_str().unwrap_or_default())).collect();
        assert_eq!(kinds, [(1, "A"), (1, "B"), (2, "C")]);
    }

    #[test]
    fn a_broken_document_is_named() {
        let error = parse("f", "a: 1\n---\nb: [1").expect_err("does not parse");
        assert!(error.to_string().starts_with("f:2: not YAML: "), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(&[PathBuf::from("/no/such.yaml")]).expect_err("is not there");
        assert!(error.to_string().starts_with("/no/such.yaml: cannot be read"), "{error}");
    }
}
