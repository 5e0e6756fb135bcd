//! The matrix of accelerators and ways to serve: `examples/paths/<path>/<accelerator>.yaml` are its cells,
//! `tests/matrix/<path>/<accelerator>.yaml` the pods that come of each.

mod page;
mod pods;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub use page::{Pair, page};
pub use pods::{lacking, of_objects, of_pods};

use crate::{documents, paths};

/// The ways to serve (`reference/llm-d.md §1.0`).
pub const PATHS: [&str; 7] = [
    "inference-scheduling",
    "prefill-decode",
    "wide-expert-parallelism",
    "precise-prefix-cache",
    "predicted-latency",
    "tiered-prefix-cache",
    "workload-autoscaling",
];

/// The accelerators, and the presets that `baseRefs` names for each, without their prefix.
pub const ACCELERATORS: [(&str, &[&str]); 9] = [
    ("nvidia-cuda", &["nvidia-cuda"]),
    ("amd-rocm", &["amd-rocm"]),
    ("google-tpu", &["google-tpu"]),
    ("google-tpu-v7", &["google-tpu", "google-tpu-v7"]),
    ("intel-xpu", &["intel-xpu"]),
    ("intel-xpu-i915", &["intel-xpu", "intel-xpu-i915"]),
    ("intel-gaudi", &["intel-gaudi"]),
    ("aws-neuron", &["aws-neuron"]),
    ("cpu", &["cpu"]),
];

/// What every preset of an accelerator is called before its own name.
const PRESET: &str = "kserve-config-llm-accelerator-";
/// The cell whose accelerator others take the place of.
const FIRST: &str = "nvidia-cuda";

/// One example.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The way to serve, which is the folder.
    pub path: String,
    /// The accelerator, with a provider's name behind it where the example is for one.
    pub accelerator: String,
    /// The file's text.
    pub text: String,
}

/// All examples, in the order of paths and accelerators; variants for providers follow their accelerator.
pub fn cells() -> Result<Vec<Cell>> {
    let mut all = Vec::new();
    for path in PATHS {
        for file in documents::files(&paths::repository().join("examples/paths").join(path))? {
            all.push(Cell::read(path, &file)?);
        }
    }
    ensure!(all.len() >= 20, "only {} examples in examples/paths", all.len());
    all.sort_by_key(Cell::order);
    Ok(all)
}

impl Cell {
    fn read(path: &str, file: &Path) -> Result<Self> {
        let accelerator = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let cell = Self { path: path.to_owned(), accelerator, text };
        ensure!(!cell.base().is_empty(), "{}: named after no accelerator", file.display());
        cell.source()?;
        Ok(cell)
    }

    fn order(&self) -> (usize, usize, String) {
        let path = PATHS.iter().position(|it| *it == self.path);
        let accelerator = ACCELERATORS.iter().position(|it| it.0 == self.base());
        (path.unwrap_or(usize::MAX), accelerator.unwrap_or(usize::MAX), self.accelerator.clone())
    }

    /// `path/accelerator`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.path, self.accelerator)
    }

    /// The accelerator without a provider: the longest name that this one begins with.
    pub fn base(&self) -> &'static str {
        let of = |name: &str| {
            self.accelerator.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let fitting = ACCELERATORS.iter().map(|it| it.0).filter(|name| of(name));
        fitting.max_by_key(|name| name.len()).unwrap_or_default()
    }

    /// Whether it is for a provider's machines.
    pub fn is_variant(&self) -> bool {
        self.base() != self.accelerator
    }

    /// The comment that names the section of the reference that it follows.
    pub fn source(&self) -> Result<&str> {
        let lines = self.text.lines().take_while(|line| line.starts_with('#'));
        let named = lines
            .filter_map(|line| line.strip_prefix("# Source: "))
            .find(|it| it.starts_with("reference/llm-d.md §"));
        named.with_context(|| format!("{}: no head comment `# Source: reference/llm-d.md §…`", self.name()))
    }

    /// The file with the pods that must come of it.
    pub fn golden(&self) -> PathBuf {
        paths::repository().join("tests/matrix").join(format!("{}.yaml", self.name()))
    }

    /// What the golden file must say.
    pub fn written(&self, pods: &Value) -> Result<String> {
        let pods = serde_yaml_ng::to_string(pods).context("pods are YAML")?;
        Ok(format!("# Pods of examples/paths/{}.yaml\n# Source: {}\n{pods}", self.name(), self.source()?))
    }

    /// The pods that the golden file has.
    pub fn expected(&self) -> Result<Value> {
        let file = self.golden();
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        documents::parse(&text)?.into_iter().next().with_context(|| format!("{} is empty", file.display()))
    }

    /// The names of its services.
    pub fn services(&self) -> Result<Vec<String>> {
        let objects = documents::parse(&self.text)?;
        let services = objects.iter().filter(|it| it["kind"] == "LLMInferenceService");
        let names = services.filter_map(|it| it.pointer("/metadata/name")?.as_str().map(str::to_owned));
        let names: Vec<String> = names.collect();
        ensure!(!names.is_empty(), "{}: no LLMInferenceService", self.name());
        Ok(names)
    }
}

/// Pairs without an example, each as the example for NVIDIA with the other accelerator's presets in its place.
pub fn pairs_without_example(cells: &[Cell]) -> Result<Vec<Cell>> {
    let mut missing = Vec::new();
    for first in cells.iter().filter(|cell| cell.accelerator == FIRST) {
        for (accelerator, presets) in ACCELERATORS {
            if !cells.iter().any(|cell| cell.path == first.path && cell.accelerator == accelerator) {
                missing.push(first.on(accelerator, presets)?);
            }
        }
    }
    Ok(missing)
}

impl Cell {
    fn on(&self, accelerator: &str, presets: &[&str]) -> Result<Self> {
        let line = format!("  - name: {PRESET}{FIRST}\n");
        ensure!(self.text.contains(&line), "{}: baseRefs has no line `{}`", self.name(), line.trim());
        let lines: Vec<String> = presets.iter().map(|it| format!("  - name: {PRESET}{it}\n")).collect();
        let text = self.text.replace(&line, &lines.concat());
        Ok(Self { path: self.path.clone(), accelerator: accelerator.to_owned(), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(accelerator: &str) -> Cell {
        let text = format!(
            "# A.\n# Source: reference/llm-d.md §1.1\nspec:\n  baseRefs:\n  - name: {PRESET}{FIRST}\n"
        );
        Cell { path: PATHS[0].to_owned(), accelerator: accelerator.to_owned(), text }
    }

    #[test]
    fn a_provider_follows_the_longest_name_of_an_accelerator() {
        let bases =
            ["google-tpu", "google-tpu-v7", "nvidia-cuda-gke", "nvidia-cudax"].map(|it| cell(it).base());
        assert_eq!(bases, ["google-tpu", "google-tpu-v7", "nvidia-cuda", ""]);
        assert!(cell("nvidia-cuda-gke").is_variant());
        assert!(!cell("google-tpu-v7").is_variant());
    }

    #[test]
    fn an_example_without_a_source_is_an_error() {
        let mut cell = cell(FIRST);
        assert_eq!(cell.source().unwrap(), "reference/llm-d.md §1.1");
        cell.text = "# A.\nspec: {}\n# Source: reference/llm-d.md §1.1\n".to_owned();
        assert!(
            cell.source()
                .unwrap_err()
                .to_string()
                .contains("inference-scheduling/nvidia-cuda: no head comment")
        );
    }

    #[test]
    fn a_pair_without_an_example_is_that_for_nvidia_with_other_presets() {
        let pairs = pairs_without_example(&[cell(FIRST), cell("google-tpu")]).unwrap();
        let names: Vec<&str> = pairs.iter().map(|it| it.accelerator.as_str()).collect();
        assert_eq!(
            names,
            ["amd-rocm", "google-tpu-v7", "intel-xpu", "intel-xpu-i915", "intel-gaudi", "aws-neuron", "cpu"]
        );
        let refs: Vec<&str> = pairs[1].text.lines().skip(4).collect();
        assert_eq!(
            refs,
            [format!("  - name: {PRESET}google-tpu"), format!("  - name: {PRESET}google-tpu-v7")]
        );
    }
}
