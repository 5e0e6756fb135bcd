//! Writes `docs/edges.md`: which test shows that a known defect of the peer is not ours.
//!
//! A test names the edge in a comment (`// C-4`) above or inside its function, or says in
//! `docs/compatibility.md` (`**C-4**`) why the behaviour is kept. `--check` fails when the table is out of date
//! or an edge has neither.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

/// What each edge is about; these must all be covered.
const EDGES: &[(&str, &str)] = &[
    ("C-1", "Templates see the merged spec"),
    ("C-2", "An explicit model name of the service wins over that of a config"),
    ("C-3", "Presets are chosen by the precedence of the final merge"),
    ("C-4", "Setting one member of a one-of replaces the others"),
    ("C-5", "Null, false and zero reset; scaling and replicas take each other's place"),
    ("C-6", "A stored default does not override a lower layer"),
    ("C-7", "An inline scheduler configuration is one value"),
    ("C-8", "Merged lists keep the order of the base"),
    ("C-9", "Ports are keyed by number and protocol"),
    ("C-10", "Leaves are rendered one by one; values can't break the document"),
    ("C-11", "The model name is rendered before what refers to it"),
    ("C-12", "Parallelism reaches vLLM, or is refused with a reason"),
    ("C-13", "Pins can be let go, and only presets in use are pinned"),
    ("C-14", "A change of a config reaches the services that use this one"),
    ("C-15", "Validation needs no request, and a failed read blocks nothing that runs"),
    ("C-16", "An inline configuration that is not YAML fails with a reason"),
    ("C-17", "A missing scheduler ConfigMap is named"),
    ("C-18", "The global ConfigMap is parsed key by key, with defaults"),
    ("C-19", "A missing config lists those that exist"),
    ("C-20", "The tokenizer template needs no containers"),
    ("W-1", "New selectors hold only what never changes, live ones are kept"),
    ("W-2", "Role and RoleBinding go with the account"),
    ("W-3", "Groups have their RBAC only where there are groups"),
    ("W-4", "A missing account does not keep a service from stopping"),
    ("W-5", "An object of somebody else under our name is used or reported, never taken"),
    ("W-6", "Labels, annotations and rules that are removed go, also those that others added to ours"),
    ("W-7", "Labels, annotations and restarts of others stay"),
    ("W-8", "Ready is the newest generation, rolled out"),
    ("W-9", "Messages of the API server come out as they went in"),
    ("W-10", "Prefill pods get no requests of their own"),
    ("W-11", "Prefill serves the model's qualified name too"),
    ("W-12", "Workers of a group are no endpoints"),
    ("W-13", "Ranks that do not divide are rounded up or said"),
    ("W-14", "A name that no LeaderWorkerSet can have is said"),
    ("W-15", "Leader and worker keep accounts of their own"),
    ("W-16", "Every kind that is made is watched, CRDs may come late"),
    ("W-17", "Each object is built once"),
    ("W-18", "A change of topology hands over in order"),
    ("W-19", "What is added runs in restricted namespaces"),
    ("W-20", "No empty arguments with TLS off"),
    ("W-21", "Presets differ only where they have to"),
    ("W-22", "No value passes through a shell"),
    ("W-23", "Flags are added as the entrypoint takes them"),
    ("W-24", "Probes of the examples fit their ports and schemes"),
    ("L-1", "A pod without an address costs no certificate"),
    ("L-2", "A stable CA, and certificates that name no pods"),
    ("L-3", "Certificates are renewed by timer"),
    ("L-4", "The end of a certificate is read from the certificate"),
    ("L-5", "A stopped service costs no key"),
    ("L-6", "Servers, picker and tokenizer have keys of their own"),
    ("L-7", "A Secret of somebody else is reported, and a failed read issues nothing"),
    ("L-8", "The picker of a referenced pool is read in both groups"),
    ("S-1", "The image of a download stays as long as its model"),
    ("S-2", "Every download gets the CA bundle"),
    ("S-3", "Confidential models are decrypted with adapters too, and need a resourceId"),
    ("S-4", "OCI modes are implemented or refused"),
    ("S-5", "vLLM starts when the modelcar's files are there"),
    ("S-6", "A variable from a Secret replaces one of its name as a whole"),
    ("S-7", "Sources whose credentials are known are taken"),
    ("S-8", "Managed accounts carry what the default account says"),
    ("S-9", "Without the storage initializer nothing is attached"),
    ("S-10", "The local cache is matched on the merged spec"),
    ("S-11", "A path in a claim stays in the claim"),
    ("A-1", "Adapters have a volume of their own"),
    ("A-2", "Models and adapters are mounted apart"),
    ("A-3", "Adapter names become valid and different volume names"),
    ("A-4", "As many adapters are in use as there are"),
    ("K-1", "Tiers come with their flag or not at all"),
    ("K-2", "Request and limit of ephemeral storage grow together"),
    ("K-3", "Samples use the fields that exist"),
    ("D-1", "A claim template can be changed"),
    ("D-2", "main gets the devices"),
    ("D-3", "The claim template is made once, with labels"),
    ("X-1", "A tokenizer downloads no weights"),
    ("X-2", "The tokenizer fails by itself"),
    ("R-1", "Servers are named by role, and flags are added once"),
];

struct Test {
    file: String,
    line: usize,
    name: String,
}

fn main() -> ExitCode {
    let check = std::env::args().any(|a| a == "--check");
    match run(check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("edges: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(check: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let tests = tests(&root)?;
    let kept = fs::read_to_string(root.join("docs/compatibility.md")).unwrap_or_default();
    let table = table(&tests, &kept)?;
    let path = root.join("docs/edges.md");
    if !check {
        return fs::write(&path, table).context("docs/edges.md");
    }
    if fs::read_to_string(&path).unwrap_or_default() != table {
        bail!("docs/edges.md is out of date: run `make generate`");
    }
    Ok(())
}

fn table(tests: &BTreeMap<String, Vec<Test>>, kept: &str) -> Result<String> {
    let mut text = String::from(
        "# Known defects of the peer, and the test that shows ours right\n\nGenerated by `make generate`.\n\n| Edge | What ours does | Test |\n|---|---|---|\n",
    );
    let mut gaps = Vec::new();
    for (id, title) in EDGES {
        let rows: Vec<String> = tests.get(*id).into_iter().flatten().map(cell).collect();
        match (rows.is_empty(), kept.contains(&format!("**{id}**"))) {
            (false, _) => writeln!(text, "| {id} | {title} | {} |", rows.join("<br>"))?,
            (true, true) => writeln!(text, "| {id} | {title} | kept: [compatibility](compatibility.md) |")?,
            (true, false) => gaps.push(*id),
        }
    }
    if !gaps.is_empty() {
        bail!(
            "no test names {}: add `// ID` beside the test, or a line to docs/compatibility.md",
            gaps.join(", ")
        );
    }
    Ok(text)
}

fn cell(test: &Test) -> String {
    format!("[`{}`](../{}#L{})", test.name, test.file, test.line)
}

fn tests(root: &Path) -> Result<BTreeMap<String, Vec<Test>>> {
    let mut found: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    for file in sources(&root.join("crates"))? {
        let text = fs::read_to_string(&file)?;
        let name = file.strip_prefix(root)?.display().to_string();
        if name.ends_with("bin/edges.rs") {
            continue;
        }
        for (id, test) in named_in(&text, &name) {
            let tests = found.entry(id).or_default();
            if tests.last().is_none_or(|t| (&t.file, t.line) != (&test.file, test.line)) {
                tests.push(test);
            }
        }
    }
    Ok(found)
}

/// The ids in comments of a file's tests, each with the test it stands in or above.
fn named_in(text: &str, file: &str) -> Vec<(String, Test)> {
    let lines: Vec<&str> = text.lines().collect();
    let Some(first) = lines
        .iter()
        .position(|l| l.contains("#[test]") || l.contains("#[rstest]") || l.contains("#[tokio::test"))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate().skip(first) {
        let Some((_, comment)) = line.split_once("//") else { continue };
        for id in ids(comment) {
            if let Some((at, name)) = test_of(&lines, number) {
                found.push((id, Test { file: file.to_owned(), line: at + 1, name }));
            }
        }
    }
    found
}

fn ids(comment: &str) -> Vec<String> {
    let words = comment.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_id = |w: &&str| {
        w.split_once('-').is_some_and(|(l, n)| {
            l.len() == 1 && l.as_bytes().iter().all(u8::is_ascii_uppercase) && n.parse::<u32>().is_ok()
        })
    };
    words.filter(is_id).map(str::to_owned).collect()
}

/// A comment inside a function belongs to it; one above a function, or among its attributes, to the next.
fn test_of(lines: &[&str], at: usize) -> Option<(usize, String)> {
    let name = |i: usize| Some((i, function(lines.get(i)?)?));
    let indent = |i: usize| lines.get(i).map_or(0, |l| l.len() - l.trim_start().len());
    let above = (0..=at).rev().find_map(name).filter(|(i, _)| indent(*i) < indent(at) || *i == at);
    above.or_else(|| (at..lines.len()).find_map(name))
}

fn function(line: &str) -> Option<String> {
    let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("async ");
    let rest = line.strip_prefix("fn ")?;
    Some(rest.split(['(', '<']).next()?.to_owned())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|e| Some(e.ok()?.path())).collect();
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            files.extend(sources(&entry)?);
        } else if entry.extension().is_some_and(|x| x == "rs") {
            files.push(entry);
        }
    }
    Ok(files)
}
