//! An upgrade of the operator restarts no model server: with the presets of a release, this build renders every
//! service of `tests/upgrade/corpus` to the pod templates on record. How to change one: CONTRIBUTING.md.

mod changes;
mod record;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use changes::{Changes, Verdict, verdict};
use llmisvc_cli::input;
use llmisvc_cli::offline::Offline;
use llmisvc_cli::render::{Rendered, render};
use llmisvc_core::facts::OWN_PREFIX;
use llmisvc_core::{presets, tree};
use llmisvc_testkit::documents;
use record::Record;
use serde_json::Value;

/// The release that this build will be; its presets may still change.
const NEXT: &str = env!("CARGO_PKG_VERSION");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/upgrade")
}

#[test]
fn pod_templates_are_those_on_record() {
    let update = std::env::var("UPDATE_UPGRADE").is_ok_and(|it| it == "1");
    let mut faults = freeze(update).expect("the presets can be read");
    for release in documents::folders(&folder().join("presets")).expect("releases") {
        faults.extend(check(&name(&release), update).expect("the corpus can be read"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// The presets of the next release are copied as they are now; those of earlier ones never change again.
fn freeze(update: bool) -> Result<Vec<String>> {
    let folder = folder().join("presets").join(NEXT);
    let now: BTreeMap<String, String> =
        presets::shipped(OWN_PREFIX).iter().map(preset_file).collect::<Result<_>>()?;
    if now == texts(&folder)? {
        return Ok(Vec::new());
    }
    if !update {
        let fault =
            format!("{}: not the presets of this build; UPDATE_UPGRADE=1 copies them", folder.display());
        return Ok(vec![fault]);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    now.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))?;
    Ok(Vec::new())
}

fn preset_file(preset: &Value) -> Result<(String, String)> {
    let name = tree::text(preset, &["metadata", "name"]);
    Ok((format!("{name}.yaml"), serde_yaml_ng::to_string(preset)?))
}

fn texts(folder: &Path) -> Result<BTreeMap<String, String>> {
    let read = |path: PathBuf| Ok((name(&path), fs::read_to_string(&path)?));
    documents::files(folder)?.into_iter().map(read).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Compares every service with its record; the update writes what is new or listed, and nothing else.
fn check(release: &str, update: bool) -> Result<Vec<String>> {
    let changes = Changes::read(&folder().join("changes.yaml"))?;
    let records = folder().join("templates").join(release);
    let now = rendered(release)?;
    let run = now.values().filter(|record| matches!(record, Record::Templates(_))).count();
    ensure!(run >= 50, "only {run} services of the corpus have pods");
    let mut faults = orphans(&records, &now)?;
    let mut unlisted = BTreeMap::new();
    for (service, record) in now {
        let path = records.join(format!("{service}.yaml"));
        let before = fs::read_to_string(&path).ok().map(|text| Record::parse(&text)).transpose()?;
        let listed = |change: &str| changes.list(release, &service, change);
        let verdict = verdict(before.as_ref(), &record, listed);
        match verdict {
            Verdict::New | Verdict::Listed if update => record.write(&path)?,
            Verdict::Same | Verdict::Listed => {}
            Verdict::New => faults.push(format!("{}: UPDATE_UPGRADE=1 writes it", path.display())),
            Verdict::Unlisted(change) => {
                faults.push(changes::difference(&service, before.as_ref(), &record)?);
                unlisted.insert(service, change);
            }
        }
    }
    if !unlisted.is_empty() {
        faults.push(changes::entry(release, &unlisted));
    }
    Ok(faults)
}

fn orphans(records: &Path, now: &BTreeMap<String, Record>) -> Result<Vec<String>> {
    let recorded = documents::files(records)?;
    let gone = recorded.iter().filter(|path| !now.contains_key(name(path).trim_end_matches(".yaml")));
    Ok(gone.map(|path| format!("{}: no service of the corpus; delete it", path.display())).collect())
}

/// What this build makes of each service with the presets of a release.
fn rendered(release: &str) -> Result<BTreeMap<String, Record>> {
    let presets = documents::files(&folder().join("presets").join(release))?;
    let presets: Vec<Value> = input::read(&presets)?.into_iter().map(|d| d.value).collect();
    let mut records = BTreeMap::new();
    for file in documents::files(&folder().join("corpus"))? {
        let documents = input::read(&[file])?;
        let mut offline = Offline::new(&documents, presets.clone(), None, None, "demo");
        offline.cluster.config_prefix = format!("llmisvc-v{}-", release.replace('.', "-"));
        for service in render(&documents, &offline, "demo").services {
            let name = tree::text(&service.document.value, &["metadata", "name"]).to_owned();
            let record = of(&service).with_context(|| name.clone())?;
            ensure!(records.insert(name.clone(), record).is_none(), "two services have the name {name}");
        }
    }
    Ok(records)
}

fn of(service: &Rendered) -> Result<Record> {
    match &service.decision.outcome {
        Ok(desired) => Record::templates(desired.objects.iter().map(|object| &object.body)),
        Err(fault) => Ok(Record::Refused(fault.findings.iter().map(ToString::to_string).collect())),
    }
}
