//! The table of `docs/comparison.md`: what it says of us is backed by a test that is there.

use std::fs;
use std::path::Path;

use llmisvc_testkit::paths::repository;

/// Our cell of each row.
fn cells(page: &str) -> Vec<(&str, &str)> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    let cells = |row| {
        let mut cells = str::split(row, " | ");
        Some((cells.next()?.trim_start_matches("| "), cells.next()?))
    };
    rows.filter_map(cells).collect()
}

/// What is wrong with a cell; its links are relative to this folder.
fn fault(cell: &str, docs: &Path) -> Option<String> {
    if cell == "no" || cell.starts_with("no:") {
        return None;
    }
    let links: Vec<&str> = cell.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    if links.is_empty() {
        return Some("no link".to_owned());
    }
    if !links.iter().any(|link| link.contains('#')) {
        return Some("no link to a test".to_owned());
    }
    links.into_iter().find(|link| !leads(link, docs)).map(|link| format!("{link} leads nowhere"))
}

/// To a page or folder, or to a test in a file.
fn leads(link: &str, docs: &Path) -> bool {
    let (file, function) = link.split_once('#').unwrap_or((link, ""));
    let file = docs.join(file);
    match function {
        "" => file.exists(),
        name => fs::read_to_string(file).is_ok_and(|text| is_test(&text, name)),
    }
}

/// Comments may stand between a function and what makes it a test.
fn is_test(text: &str, name: &str) -> bool {
    let before = text.split_once(&format!("\nfn {name}()")).map(|(before, _)| before);
    let above = before.and_then(|before| before.lines().rev().find(|line| !line.starts_with("//")));
    above == Some("#[test]")
}

#[test]
fn every_yes_of_ours_leads_to_what_backs_it() {
    let docs = repository().join("docs");
    let page = fs::read_to_string(docs.join("comparison.md")).unwrap();
    let cells = cells(&page);
    assert!(cells.len() > 20, "{cells:?}");
    let faults = cells.iter().filter_map(|(name, cell)| Some(format!("{name}: {}", fault(cell, &docs)?)));
    assert_eq!(faults.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_yes_without_a_link_or_with_a_dead_one_is_a_fault() {
    let docs = repository().join("docs");
    assert_eq!(fault("yes", &docs).as_deref(), Some("no link"));
    assert_eq!(fault("[yes](dashboards.md)", &docs).as_deref(), Some("no link to a test"));
    let test =
        "[yes](../crates/operator/tests/cluster/drift.rs#a_deleted_child_of_any_kind_comes_back_at_once)";
    assert_eq!(fault(test, &docs), None);
    assert_eq!(fault(&format!("{test} ([page](none.md))"), &docs).as_deref(), Some("none.md leads nowhere"));
    let dead = "../crates/operator/tests/cluster/drift.rs#nothing";
    assert_eq!(fault(&format!("[yes]({dead})"), &docs), Some(format!("{dead} leads nowhere")));
    assert_eq!(fault("no: alpha", &docs), None);
}
