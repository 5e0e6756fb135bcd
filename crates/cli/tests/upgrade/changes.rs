//! The list of differences that were made on purpose, `tests/upgrade/changes.yaml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use llmisvc_testkit::golden;
use serde::Deserialize;
use serde_json::Value;

use crate::record::Record;

/// The whole list.
#[derive(Debug, Default)]
pub struct Changes(Vec<Change>);

/// What changed for the services that have the presets of one release.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    presets: String,
    reason: String,
    /// Digests before and after, by service.
    services: BTreeMap<String, String>,
}

impl Changes {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    pub fn parse(text: &str) -> Result<Self> {
        let list: Vec<Change> = serde_yaml_ng::from_str(text)?;
        for change in &list {
            let words = change.reason.split_whitespace().count();
            ensure!(words >= 3, "say in a sentence why the pods of {:?} change", change.services.keys());
        }
        Ok(Self(list))
    }

    /// Whether the change of a service, digests before and after, is listed.
    pub fn list(&self, release: &str, service: &str, change: &str) -> bool {
        let listed = self.0.iter().filter(|c| c.presets == release);
        listed.filter_map(|c| c.services.get(service)).any(|it| it == change)
    }
}

/// How a service compares with its record.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Same,
    /// There were no pods that could be restarted.
    New,
    /// Another template, as the list says.
    Listed,
    /// Another template; the digests before and after.
    Unlisted(String),
}

pub fn verdict(before: Option<&Record>, now: &Record, listed: impl Fn(&str) -> bool) -> Verdict {
    match before {
        Some(before) if before == now => Verdict::Same,
        Some(before @ Record::Templates(_)) => {
            let digest = |record: &Record| record.digest().expect("a record is YAML");
            let change = format!("{}..{}", digest(before), digest(now));
            if listed(&change) { Verdict::Listed } else { Verdict::Unlisted(change) }
        }
        Some(Record::Refused(_)) | None => Verdict::New,
    }
}

/// What differs.
pub fn difference(service: &str, before: Option<&Record>, now: &Record) -> Result<String> {
    let tree = |record: &Record| -> Result<Value> { Ok(serde_yaml_ng::from_str(&record.text()?)?) };
    let before = before.map(tree).transpose()?.unwrap_or_default();
    let lines = golden::between(&before, &tree(now)?).join("\n");
    Ok(format!("{service}: the pods of running services would be replaced.\n{lines}"))
}

/// The entry that lists the changes of services.
pub fn entry(release: &str, unlisted: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> =
        unlisted.iter().map(|(name, change)| format!("\n    {name}: {change}")).collect();
    let lines = lines.concat();
    format!(
        "If that is meant, say why in tests/upgrade/changes.yaml and run with UPDATE_UPGRADE=1:\n\
         - presets: {release}\n  reason:\n  services:{lines}"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn templates(image: &str) -> Record {
        Record::Templates([("Deployment demo/a".to_owned(), json!({"image": image}))].into())
    }

    fn refused(message: &str) -> Record {
        Record::Refused(vec![message.to_owned()])
    }

    fn change() -> String {
        format!("{}..{}", templates("a").digest().unwrap(), templates("b").digest().unwrap())
    }

    fn list(release: &str, service: &str, change: &str) -> Changes {
        let text =
            format!("- presets: {release}\n  reason: It was wrong.\n  services: {{{service}: {change}}}");
        Changes::parse(&text).unwrap()
    }

    fn with(changes: &Changes) -> Verdict {
        verdict(Some(&templates("a")), &templates("b"), |change| changes.list("0.1.0", "s", change))
    }

    #[test]
    fn a_record_survives_the_way_through_its_file() {
        for record in [templates("a"), refused("spec: no"), Record::Templates(BTreeMap::new())] {
            assert_eq!(Record::parse(&record.text().unwrap()).unwrap(), record);
        }
    }

    #[test]
    fn a_different_template_is_a_fault_unless_this_very_change_is_listed() {
        assert_eq!(with(&list("0.1.0", "s", &change())), Verdict::Listed);
        for other in [
            Changes::default(),
            list("0.2.0", "s", &change()),
            list("0.1.0", "t", &change()),
            list("0.1.0", "s", "000000000000..000000000000"),
        ] {
            assert_eq!(with(&other), Verdict::Unlisted(change()));
        }
    }

    #[test]
    fn a_service_that_ran_and_is_refused_now_is_a_fault() {
        let verdict = verdict(Some(&templates("a")), &refused("no"), |_| false);
        assert!(matches!(verdict, Verdict::Unlisted(_)));
    }

    #[test]
    fn a_service_that_did_not_run_may_come_to_anything() {
        assert_eq!(verdict(None, &templates("a"), |_| false), Verdict::New);
        assert_eq!(verdict(Some(&refused("no")), &templates("a"), |_| false), Verdict::New);
        assert_eq!(verdict(Some(&refused("no")), &refused("never"), |_| false), Verdict::New);
        assert_eq!(verdict(Some(&templates("a")), &templates("a"), |_| false), Verdict::Same);
    }

    #[test]
    fn a_change_without_a_reason_is_no_entry() {
        let error = Changes::parse("- {presets: 0.1.0, reason: '', services: {s: a..b}}").unwrap_err();
        assert_eq!(error.to_string(), r#"say in a sentence why the pods of ["s"] change"#);
    }

    #[test]
    fn a_fault_says_what_differs_and_how_to_list_it() {
        let text = difference("s", Some(&templates("a")), &templates("b")).unwrap();
        assert!(text.ends_with("/templates/Deployment demo~1a/image\n  - a\n  + b"), "{text}");
        let entry = entry("0.1.0", &[("s".to_owned(), change()), ("t".to_owned(), change())].into());
        let (_, entry) = entry.split_once('\n').unwrap();
        let listed = Changes::parse(&entry.replace("reason:", "reason: It was wrong.")).unwrap();
        assert!(listed.list("0.1.0", "s", &change()) && listed.list("0.1.0", "t", &change()));
    }
}
