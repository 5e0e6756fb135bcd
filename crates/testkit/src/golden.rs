//! Golden cases: a folder with input and the output it must give, byte for byte.
//!
//! ```text
//! <dir>/<case>/input/*.yaml    or  <dir>/<case>/*.yaml
//! <dir>/<case>/expected.yaml   what a good input renders to
//! <dir>/<case>/expected.err    in its place: the message of an input that must be refused
//! ```
//!
//! `UPDATE_GOLDEN=1` writes what came out; look at the difference before you commit it.

mod diff;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

pub use diff::{between, objects};

use crate::documents;

/// A folder with input and expectation.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// The input files in order of their names.
    pub inputs: Vec<PathBuf>,
}

/// All cases of a folder. None is an error: a test over nothing passes and proves nothing.
pub fn cases(folder: &Path) -> Result<Vec<Case>> {
    let cases: Vec<Case> =
        documents::stories(folder)?.iter().map(|path| Case::read(path)).collect::<Result<_>>()?;
    ensure!(!cases.is_empty(), "no golden case in {}", folder.display());
    Ok(cases)
}

/// Runs all cases and reports all failures, not just the first. Each case runs twice: output that differs between
/// two runs is a failure too.
pub fn run(folder: &Path, render: impl Fn(&Case) -> Result<String, String>) -> Result<()> {
    let mut failures = Vec::new();
    let all = cases(folder)?;
    for case in &all {
        let (first, second) = (render(case), render(case));
        let stable = ensure_equal(&first, &second);
        if let Err(error) = stable.and_then(|()| case.check(&first)) {
            failures.push(format!("{}: {error:#}", case.name));
        }
    }
    ensure!(
        failures.is_empty(),
        "{} of {} cases differ\n\n{}",
        failures.len(),
        all.len(),
        failures.join("\n\n")
    );
    Ok(())
}

fn ensure_equal(first: &Result<String, String>, second: &Result<String, String>) -> Result<()> {
    ensure!(first == second, "two runs over the same input differ");
    Ok(())
}

impl Case {
    fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let input = folder.join("input");
        let mut inputs = documents::files(if input.is_dir() { &input } else { folder })?;
        inputs.retain(|path| !path.file_name().unwrap_or_default().to_string_lossy().starts_with("expected"));
        ensure!(!inputs.is_empty(), "{} has no input", folder.display());
        Ok(Self { name, folder: folder.to_owned(), inputs })
    }

    /// The input as one YAML stream.
    pub fn input(&self) -> Result<String> {
        let texts: Vec<String> = self.inputs.iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
        Ok(texts.join("\n---\n"))
    }

    /// The file with the expected output.
    pub fn expected(&self) -> PathBuf {
        self.folder.join("expected.yaml")
    }

    /// The file with the expected refusal.
    pub fn refusal(&self) -> PathBuf {
        self.folder.join("expected.err")
    }

    /// Compares what came out with what is expected.
    pub fn check(&self, rendered: &Result<String, String>) -> Result<()> {
        self.check_or_update(rendered, env::var("UPDATE_GOLDEN").is_ok_and(|it| it == "1"))
    }

    fn check_or_update(&self, rendered: &Result<String, String>, update: bool) -> Result<()> {
        let (right, wrong, text) = match rendered {
            Ok(text) => (self.expected(), self.refusal(), text),
            Err(text) => (self.refusal(), self.expected(), text),
        };
        if update {
            let _ = fs::remove_file(&wrong);
            return fs::write(&right, text).with_context(|| format!("writing {}", right.display()));
        }
        if wrong.exists() {
            bail!("{} is expected, but it came to\n{text}", wrong.display());
        }
        let expected = fs::read_to_string(&right)
            .with_context(|| format!("{} is missing; UPDATE_GOLDEN=1 writes it", right.display()))?;
        if rendered.is_ok() { compare(&expected, text) } else { compare_lines(&expected, text) }
    }
}

fn compare(expected: &str, text: &str) -> Result<()> {
    let differences = objects(&documents::parse(expected)?, &documents::parse(text)?);
    ensure!(differences.is_empty(), "\n{}", differences.join("\n"));
    ensure!(
        expected == text,
        "the same objects in another order or notation\n{}",
        first_line(expected, text)
    );
    Ok(())
}

fn compare_lines(expected: &str, text: &str) -> Result<()> {
    ensure!(expected == text, "another message\n{}", first_line(expected, text));
    Ok(())
}

/// The first line that differs.
fn first_line(expected: &str, text: &str) -> String {
    let lines = expected.lines().chain(["<end>"]).zip(text.lines().chain(["<end>"])).enumerate();
    let mut different = lines.filter(|(_, (left, right))| left != right);
    different.next().map_or_else(
        || "  the line ends differ".to_owned(),
        |(line, (left, right))| format!("  line {}\n  - {left}\n  + {right}", line + 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(files: &[(&str, &str)]) -> (tempfile::TempDir, Case) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("case").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let case = cases(folder.path()).unwrap().remove(0);
        (folder, case)
    }

    #[test]
    fn inputs_are_the_yaml_files_but_not_the_expectation() {
        let (_folder, case) = case(&[("b.yaml", "b: 1\n"), ("a.yaml", "a: 1\n"), ("expected.yaml", "")]);
        assert_eq!(case.input().unwrap(), "a: 1\n\n---\nb: 1\n");
    }

    #[test]
    fn a_folder_without_cases_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(cases(folder.path()).unwrap_err().to_string().contains("no golden case"));
    }

    #[test]
    fn a_changed_field_is_shown_with_its_path_and_both_values() {
        let expected = "kind: A\nmetadata:\n  name: x\nspec:\n  replicas: 1\n";
        let (_folder, case) = case(&[("in.yaml", ""), ("expected.yaml", expected)]);
        let error = case.check_or_update(&Ok(expected.replace('1', "2")), false).unwrap_err().to_string();
        assert!(error.contains("A x\n  /spec/replicas\n  - 1\n  + 2"), "{error}");
    }

    #[test]
    fn equal_objects_in_other_bytes_are_a_difference() {
        let (_folder, case) = case(&[("in.yaml", ""), ("expected.yaml", "a: 1\nb: 2\n")]);
        let error = case.check_or_update(&Ok("b: 2\na: 1\n".to_owned()), false).unwrap_err().to_string();
        assert!(error.contains("line 1\n  - a: 1\n  + b: 2"), "{error}");
    }

    #[test]
    fn a_refusal_where_output_is_expected_is_a_difference() {
        let (_folder, case) = case(&[("in.yaml", ""), ("expected.yaml", "a: 1\n")]);
        assert!(case.check_or_update(&Err("no".to_owned()), false).unwrap_err().to_string().contains("no"));
    }

    #[test]
    fn an_update_writes_what_came_out_and_removes_the_other_expectation() {
        let (_folder, case) = case(&[("in.yaml", ""), ("expected.yaml", "a: 1\n")]);
        case.check_or_update(&Err("refused\n".to_owned()), true).unwrap();
        assert!(!case.expected().exists());
        case.check_or_update(&Err("refused\n".to_owned()), false).unwrap();
    }
}
