use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const PRESET: &str = r#"eval "exec vllm serve /mnt/models ${VLLM_ADDITIONAL_ARGS} $@""#;

fn style(command: &Value, args: &Value) -> Entrypoint {
    entrypoint(&json!({"name": "main", "command": command, "args": args}))
}

fn script(has_name: bool, is_evaluated: bool) -> Entrypoint {
    Entrypoint::Script { has_name, is_evaluated }
}

#[rstest]
#[case::image(json!(null), json!(null), Entrypoint::Direct)]
#[case::program(json!(["vllm", "serve", "/mnt/models"]), json!(["--port", "1"]), Entrypoint::Direct)]
#[case::program_named_like_a_flag(json!(["python3", "-c", "print()"]), json!(null), Entrypoint::Direct)]
#[case::file(json!(["/bin/bash", "/start.sh"]), json!(null), Entrypoint::Direct)]
#[case::preset(json!(["/bin/bash", "-c", PRESET, "--"]), json!(null), script(true, true))]
#[case::nameless(json!(["sh", "-c", "exec vllm serve \"$@\""]), json!(null), script(false, false))]
#[case::named_by_its_first_argument(json!(["sh", "-c", "vllm $*"]), json!(["me"]), script(true, false))]
#[case::script_in_args(json!(["sh", "-c"]), json!(["vllm serve /mnt/models"]), Entrypoint::Closed)]
#[case::script_in_args_with_arguments(json!(["sh", "-c"]), json!(["vllm serve ${@}"]), script(false, false))]
#[case::script_in_command(json!(["bash", "-lc", "vllm serve /mnt/models"]), json!(null), Entrypoint::Closed)]
#[case::options(json!(["bash", "-e", "-o", "pipefail", "-c", "vllm \"$@\"", "x"]), json!(null), script(true, false))]
#[case::behind_an_init(json!(["tini", "--", "/bin/sh", "-ec", "vllm serve"]), json!(null), Entrypoint::Closed)]
#[case::shell_without_script(json!(["sh", "-c"]), json!(null), Entrypoint::Direct)]
// W-23
fn the_style_of_a_command_line_is_told(
    #[case] command: Value,
    #[case] args: Value,
    #[case] expected: Entrypoint,
) {
    assert_eq!(style(&command, &args), expected);
}

fn appended(command: &Value, args: &Value, word: &str) -> Option<Value> {
    let mut container = json!({"command": command, "args": args});
    append(&mut container, &["--x".to_owned(), word.to_owned()]).then(|| container["args"].take())
}

#[test]
// W-23
fn appended_words_reach_the_program_whole() {
    let word = r#"{"a": "$b; c"}"#;
    assert_eq!(appended(&json!(null), &json!(["-y"]), word), Some(json!(["-y", "--x", word])));
    assert_eq!(
        appended(&json!(["sh", "-c", "vllm \"$@\""]), &json!(null), word),
        Some(json!(["--", "--x", word]))
    );
    assert_eq!(
        appended(&json!(["bash", "-c", PRESET, "--"]), &json!(null), word),
        Some(json!(["--x", r#"'{"a": "$b; c"}'"#]))
    );
    assert_eq!(
        appended(&json!(["bash", "-c", PRESET, "--"]), &json!(null), "http://otel-collector:4317"),
        Some(json!(["--x", "http://otel-collector:4317"]))
    );
}

#[test]
// W-23
fn nothing_is_appended_where_it_would_be_lost() {
    assert_eq!(appended(&json!(["sh", "-c"]), &json!(["vllm serve /mnt/models"]), "y"), None);
}

#[test]
fn a_mention_is_found_in_scripts_arguments_and_the_variable() {
    let text = ["--flag"];
    assert!(mentions(&json!({"command": ["sh", "-c", "vllm --flag 1"]}), &text));
    assert!(mentions(&json!({"args": ["--flag=1"]}), &text));
    assert!(mentions(&json!({"env": [{"name": "VLLM_ADDITIONAL_ARGS", "value": "--flag"}]}), &text));
    assert!(!mentions(&json!({"env": [{"name": "OTHER", "value": "--flag"}]}), &text));
}
