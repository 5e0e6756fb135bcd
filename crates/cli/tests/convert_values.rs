//! `llmisvc migrate convert` as a command: streams and exit codes.

use std::path::Path;
use std::process::{Command, Output};

fn convert(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_llmisvc"));
    command.current_dir(root).args(["migrate", "convert"]).args(args).output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const GUIDE: &str = "tests/convert/values/pd-disaggregation-v0.5";

#[test]
fn losses_are_told_beside_the_service() {
    let values = [&format!("{GUIDE}/values-gaie.yaml"), &format!("{GUIDE}/values-ms.yaml")];
    let done = convert(&["-f", values[0], values[1]]);
    let expected =
        std::fs::read_to_string(Path::new("../..").join(GUIDE).join("expected.yaml")).expect("is there");
    assert_eq!(text(&done.stdout), expected);
    let said = text(&done.stderr);
    assert!(said.starts_with("not carried over: decode.containers[vllm].image: "), "{said}");
    assert!(
        said.contains("\nwarning: output:1: spec.router.scheduler.config.inline.plugins[0].type: "),
        "{said}"
    );
    assert!(done.status.success());
}

#[test]
fn strict_takes_no_losses() {
    let values = format!("{GUIDE}/values-ms.yaml");
    let done = convert(&["--strict", "-f", &values]);
    assert_eq!(done.status.code(), Some(1));
    assert!(!done.stdout.is_empty());
}

#[test]
fn services_become_values_and_nothing_else_does() {
    let done = convert(&["--to", "values", "-f", "examples/basic-model/service.yaml", "--strict"]);
    assert!(
        text(&done.stdout).starts_with("---\n# chart llm-d-modelservice, v0.4.12\n"),
        "{}",
        text(&done.stdout)
    );
    assert_eq!((text(&done.stderr), done.status.code()), (String::new(), Some(0)));
    let done = convert(&["-f", "Cargo.lock"]);
    assert_eq!((text(&done.stdout), done.status.code()), (String::new(), Some(1)));
}
