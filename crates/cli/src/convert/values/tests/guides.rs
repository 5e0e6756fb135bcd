//! `tests/convert/values/<guide>`: what comes of the values of each guide, and what comes of that.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

use crate::convert::run::{Wish, checked, converted, stream};
use crate::convert::values::back;
use crate::convert::{Converted, Loss};
use crate::input::{self, Document};

/// The folders, each with its values.
pub fn guides() -> Vec<(PathBuf, Vec<Document>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/convert/values");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(&root).expect("is a folder").map(|e| e.expect("is read").path()).collect();
    folders.sort();
    assert!(folders.len() >= 15, "{} has only {} folders", root.display(), folders.len());
    folders.into_iter().map(|folder| (folder.clone(), values(&folder))).collect()
}

fn values(folder: &Path) -> Vec<Document> {
    let files = fs::read_dir(folder).expect("is a folder").map(|e| e.expect("is read").path());
    let is_values =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("values"));
    let mut files: Vec<PathBuf> = files.filter(is_values).collect();
    files.sort();
    input::read(&files).expect("values are YAML")
}

/// What comes of the values.
pub fn service(documents: &[Document]) -> Converted {
    converted(documents, &Wish::default()).expect("converts")
}

pub fn lines(lost: &[Loss]) -> String {
    lost.iter().flat_map(|loss| [loss.to_string(), "\n".to_owned()]).collect()
}

fn compare(file: &Path, found: &str) -> Option<String> {
    if env::var("UPDATE_GOLDEN").is_ok() {
        fs::write(file, found).expect("is written");
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    (expected != found).then(|| format!("{}:\n{found}", file.display()))
}

#[test]
fn guides_convert_as_written() {
    let mut failures = Vec::new();
    for (folder, documents) in guides() {
        let there = service(&documents);
        let (back, lost) = back::convert(&there.objects).expect("goes back");
        failures.extend(compare(&folder.join("expected.yaml"), &stream(&there.objects)));
        failures.extend(compare(&folder.join("lost.txt"), &lines(&there.lost)));
        failures.extend(compare(&folder.join("back.yaml"), &back));
        let is_overlay = |loss: &Loss| loss.path.starts_with("spec.baseRefs[config-llm-accelerator-");
        assert!(lost.iter().all(is_overlay), "{}: {}", folder.display(), lines(&lost));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn services_of_guides_are_valid() {
    for (folder, _) in guides() {
        let objects = input::read(&[folder.join("expected.yaml")]).expect("is YAML");
        let objects: Vec<Value> = objects.into_iter().map(|document| document.value).collect();
        let (findings, _) = checked(&objects, "demo");
        assert_eq!(findings, [""; 0], "{}", folder.display());
    }
}

/// The page shows values, the service that they are, and what is lost.
#[test]
fn the_example_of_the_page_is_what_comes_out() {
    let page = include_str!("../../../../../../docs/moving-from-llm-d.md");
    let block = |language: &str, at: usize| {
        let found =
            page.split(&format!("```{language}\n")).nth(at + 1).and_then(|rest| rest.split("```").next());
        found.expect("the page has this block").to_owned()
    };
    let there = service(&input::parse("page", &block("yaml", 0)).expect("is YAML"));
    assert_eq!(stream(&there.objects), format!("---\n{}", block("yaml", 1)));
    assert_eq!(lines(&there.lost), block("text", 0));
}
