//! `note:` lines on standard error: word for word, in both commands, and without effect on how they end.
#![cfg(test)]

use std::fs;
use std::process::{Command, Output};

use llmisvc_testkit::paths;

fn run(args: &[&str]) -> Output {
    let folder = paths::repository().join("tests/notes");
    Command::new(env!("CARGO_BIN_EXE_llmisvc")).args(args).current_dir(folder).output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn render_and_validate_note_whether_the_weights_fit() {
    let expected = paths::repository().join("tests/notes/notes.txt");
    let rendered = run(&["render", "-f", "services.yaml"]);
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|it| it == "1") {
        fs::write(&expected, &rendered.stderr).unwrap();
    }
    assert!(rendered.status.success());
    assert_eq!(error(&rendered), fs::read_to_string(&expected).unwrap());
    // Not even weights that are too large count for --strict.
    let validated = run(&["validate", "--strict", "-f", "services.yaml"]);
    assert!(validated.status.success());
    assert_eq!(error(&validated), error(&rendered));
    assert_eq!(String::from_utf8(validated.stdout).unwrap(), "6 valid, 0 warnings\n");
}

#[test]
fn explain_notes_nothing() {
    let explained = run(&["explain", "-f", "services.yaml", "--name", "fits"]);
    assert_eq!((explained.status.success(), error(&explained).as_str()), (true, ""));
}

#[test]
fn the_page_shows_what_is_noted() {
    let page = fs::read_to_string(paths::repository().join("docs/sizing.md")).unwrap();
    let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("note: ")).collect();
    let noted = error(&run(&["render", "-f", "services.yaml"]));
    assert_eq!(shown.len(), 3);
    assert!(shown.iter().all(|line| noted.lines().any(|it| it == *line)), "{shown:?}");
}
