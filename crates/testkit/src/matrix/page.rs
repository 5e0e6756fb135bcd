//! `docs/matrix.md`, from what came of each pair.

use std::fmt::Write as _;

use super::{ACCELERATORS, Cell, PATHS};

/// A pair of a path and an accelerator, and what came of it.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The example, or what stands for it.
    pub cell: Cell,
    /// Why it was refused; `None` when all its pods ran.
    pub refusal: Option<String>,
}

const HEAD: &str = "# Accelerators and paths

Written by the tests (`crates/operator/tests/cluster/matrix.rs`), from what came of each pair on a local control plane:

* **yes**: the example was applied as it is, the real scheduler placed every pod on a node of that accelerator, the service
  became Ready, and its pods had the image, arguments, environment, resources and probes of the golden file.
* no: the example for NVIDIA, with this accelerator's presets in its place, was taken by the API server, and nothing was made of
  it: the condition `PresetsCombined` says why, below. `llmisvc validate` says it before.

No machine of that kind was part of it: what the model servers do on their hardware, the reference says and not this test.

";

/// The page. A pair of neither kind is one that nothing refuses and that has no example.
pub fn page(pairs: &[Pair]) -> String {
    let mut text = HEAD.to_owned();
    table(&mut text, pairs);
    variants(&mut text, pairs);
    sources(&mut text, pairs);
    refusals(&mut text, pairs);
    text
}

fn table(text: &mut String, pairs: &[Pair]) {
    let heads: Vec<String> = PATHS.iter().map(|path| format!(" [{path}](paths/{path}.md) |")).collect();
    let _ = writeln!(text, "| |{}\n|---|{}", heads.concat(), "---|".repeat(PATHS.len()));
    for (accelerator, _) in ACCELERATORS {
        let cells: Vec<String> =
            PATHS.iter().map(|path| format!(" {} |", cell(pairs, path, accelerator))).collect();
        let _ = writeln!(text, "| {accelerator} |{}", cells.concat());
    }
}

fn cell(pairs: &[Pair], path: &str, accelerator: &str) -> String {
    let found = pairs.iter().find(|it| it.cell.path == path && it.cell.accelerator == accelerator);
    match found {
        Some(Pair { refusal: Some(_), .. }) => "no".to_owned(),
        Some(pair) => format!("[**yes**]({})", example(&pair.cell)),
        None => "no example".to_owned(),
    }
}

fn example(cell: &Cell) -> String {
    format!("../examples/paths/{}.yaml", cell.name())
}

fn variants(text: &mut String, pairs: &[Pair]) {
    text.push_str("\n## Variants\n\nExamples for the machines and networks of one provider, or for another kind of the same path, tried in the same way.\n\n");
    for pair in ran(pairs).filter(|it| it.cell.is_variant()) {
        let _ = writeln!(text, "* [{}]({})", pair.cell.name(), example(&pair.cell));
    }
}

fn ran(pairs: &[Pair]) -> impl Iterator<Item = &Pair> {
    pairs.iter().filter(|it| it.refusal.is_none())
}

fn sources(text: &mut String, pairs: &[Pair]) {
    text.push_str("\n## Pods and sources\n\n| Example | Pods | Source |\n|---|---|---|\n");
    for pair in ran(pairs) {
        let (name, source) = (pair.cell.name(), pair.cell.source().unwrap_or_default());
        let _ = writeln!(
            text,
            "| [{name}]({}) | [golden](../tests/matrix/{name}.yaml) | {source} |",
            example(&pair.cell)
        );
    }
}

fn refusals(text: &mut String, pairs: &[Pair]) {
    text.push_str("\n## Refused\n\n| Path | Accelerator | Message |\n|---|---|---|\n");
    for pair in pairs {
        let Some(refusal) = &pair.refusal else { continue };
        let _ = writeln!(text, "| {} | {} | {refusal} |", pair.cell.path, pair.cell.accelerator);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(accelerator: &str, refusal: Option<&str>) -> Pair {
        let text = "# Source: reference/llm-d.md §1.2\n".to_owned();
        let cell = Cell { path: PATHS[1].to_owned(), accelerator: accelerator.to_owned(), text };
        Pair { cell, refusal: refusal.map(str::to_owned) }
    }

    #[test]
    fn every_pair_is_told_by_what_came_of_it() {
        let page = page(&[
            pair("nvidia-cuda", None),
            pair("nvidia-cuda-gke", None),
            pair("cpu", Some("spec.prefill: no")),
        ]);
        let yes = "[**yes**](../examples/paths/prefill-decode/nvidia-cuda.yaml)";
        for line in [
            format!("| nvidia-cuda | no example | {yes} | no example |"),
            "| cpu | no example | no | no example |".to_owned(),
            "* [prefill-decode/nvidia-cuda-gke](../examples/paths/prefill-decode/nvidia-cuda-gke.yaml)"
                .to_owned(),
            "[golden](../tests/matrix/prefill-decode/nvidia-cuda.yaml) | reference/llm-d.md §1.2 |"
                .to_owned(),
            "| prefill-decode | cpu | spec.prefill: no |".to_owned(),
        ] {
            assert!(page.contains(&line), "{line}\n{page}");
        }
    }
}
