use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::validate::fixture::{Fixture, fixture, spec, with};

fn flags() -> Flags<'static> {
    Flags {
        added: &[],
        model: "m",
        namespace: "ns",
        port: 8000,
        version: Version(0, 23),
        grace: 60,
        tls: false,
        parallelism: Parallelism::default(),
        kv_transfer: None,
        api_servers: "8",
        features: &[],
        worker: false,
        spread: None,
    }
}

fn line(flags: &Flags<'_>) -> String {
    generated(flags).concat().join(" ")
}

#[test]
fn a_plain_model_gets_the_flags_of_the_reference() {
    assert_eq!(
        line(&flags()),
        "--served-model-name m publishers/ns/models/m --port 8000 \
         --disable-access-log-for-endpoints /health,/metrics,/ping --shutdown-timeout 40"
    );
}

#[test]
fn every_parallelism_reaches_vllm() {
    let parallelism = Parallelism {
        tensor: Some(2),
        pipeline: Some(3),
        data: Some(4),
        expert: Some(true),
        ..Parallelism::default()
    };
    let line = line(&Flags { parallelism, ..flags() });
    assert!(line.ends_with(
        "--tensor-parallel-size 2 --pipeline-parallel-size 3 --data-parallel-size 4 --enable-expert-parallel"
    ));
}

#[test]
fn flags_follow_the_vllm_version() {
    let old = line(&Flags { version: Version(0, 15), ..flags() });
    assert!(old.ends_with("--port 8000 --disable-uvicorn-access-log"));
    let middle = line(&Flags { version: Version(0, 17), ..flags() });
    assert!(middle.ends_with("--disable-access-log-for-endpoints /health,/metrics,/ping"));
    let oldest = line(&Flags { version: Version(0, 8), ..flags() });
    assert!(oldest.ends_with("--port 8000"));
}

#[test]
fn tls_and_kv_transfer_are_flags_of_their_own() {
    let line = line(&Flags {
        tls: true,
        kv_transfer: Some(r#"{"kv_connector":"NixlConnector","kv_role":"kv_both"}"#),
        ..flags()
    });
    assert!(line.contains(r#"--kv-transfer-config {"kv_connector":"NixlConnector","kv_role":"kv_both"}"#));
    assert!(line.ends_with(
        "--enable-ssl-refresh --ssl-certfile /var/run/kserve/tls/tls.crt --ssl-keyfile /var/run/kserve/tls/tls.key"
    ));
}

#[rstest]
#[case(60, 40)]
#[case(3, 0)]
#[case(0, 0)]
#[case(120, 100)]
fn shutdown_leaves_room_for_the_pre_stop_sleep(#[case] grace: i64, #[case] timeout: i64) {
    assert!(line(&Flags { grace, ..flags() }).ends_with(&format!("--shutdown-timeout {timeout}")));
}

#[rstest]
#[case("--tensor-parallel-size", Some("tensor-parallel-size"))]
#[case("--tensor_parallel_size=4", Some("tensor-parallel-size"))]
#[case("--no-enable-expert-parallel", Some("enable-expert-parallel"))]
#[case("--kv-transfer-config.kv_role=kv_both", Some("kv-transfer-config"))]
#[case("-tp", Some("tensor-parallel-size"))]
#[case("-pp=2", Some("pipeline-parallel-size"))]
#[case("-dp", Some("data-parallel-size"))]
#[case("--", None)]
#[case("model", None)]
#[case("-O3", None)]
fn a_flag_is_recognised_in_any_spelling(#[case] word: &str, #[case] expected: Option<&str>) {
    assert_eq!(flag(word).as_deref(), expected);
}

#[rstest]
#[case(&["--port=9000"])]
#[case(&["--port", "9000"])]
#[case(&["--no-port"])]
fn a_flag_that_the_user_gives_is_not_generated(#[case] user: &[&str]) {
    let user: Vec<String> = user.iter().map(ToString::to_string).collect();
    let kept = without(generated(&flags()), &user).concat();
    assert!(!kept.contains(&"--port".to_owned()) && !kept.contains(&"8000".to_owned()));
    assert!(kept.contains(&"--served-model-name".to_owned()));
}

#[test]
fn versions_are_read_with_and_without_a_prefix() {
    assert_eq!(Version::parse("v0.23.1"), Some(Version(0, 23)));
    assert_eq!(Version::parse("1.2"), Some(Version(1, 2)));
    assert_eq!(Version::parse("nightly"), None);
}

fn with_main(member: &str, value: Value) -> Fixture {
    fixture(with(spec(), &format!("/template/containers/0/{member}"), value))
}

fn args(fixture: &Fixture) -> Vec<String> {
    let main = fixture.main();
    words(&main, "args")
}

#[test]
fn user_arguments_follow_the_additional_ones_and_those_the_generated() {
    let mut fixture = with_main("env", json!([{"name": ADDITIONAL_ARGS, "value": "--x '{\"a\": \"$5\"}'"}]));
    fixture.service["spec"]["template"]["containers"][0]["args"] = json!(["--max-model-len", "$(LEN)"]);
    let expected = [
        "--served-model-name",
        "m",
        "publishers/ns/models/m",
        "--port",
        "8000",
        "--disable-access-log-for-endpoints",
        "/health,/metrics,/ping",
        "--shutdown-timeout",
        "40",
        "--x",
        "{\"a\": \"$5\"}",
        "--max-model-len",
        "$(LEN)",
    ];
    assert_eq!(args(&fixture), expected);
    let env = json!([{"name": ADDITIONAL_ARGS, "value": "--x '{\"a\": \"$5\"}'"}]);
    assert_eq!(fixture.main()["env"], env);
}

#[test]
fn additional_arguments_that_are_only_known_at_run_time_are_split_in_the_pod() {
    let reference = json!({"configMapKeyRef": {"name": "c", "key": "k"}});
    let mut fixture = with_main("env", json!([{"name": ADDITIONAL_ARGS, "valueFrom": reference}]));
    fixture.service["spec"]["template"]["containers"][0]["args"] = json!(["--seed", "1"]);
    let main = fixture.main();
    assert_eq!(words(&main, "command")[..2], ["python3", "-c"]);
    let args = words(&main, "args");
    assert_eq!(args[..4], ["12", "vllm", "serve", "/mnt/models"]);
    assert_eq!(args[12..], ["40", "--seed", "1"]);
}

#[test]
// W-22
fn the_run_time_script_passes_every_word_byte_exact() {
    let script = SPLIT_AT_RUN_TIME.replace("os.execvp(words[0], words)", "print('\\0'.join(words), end='')");
    let json = r#"{"a": "it's $5 \"and\" $(date)"}"#;
    let value = format!("--x {}", shlex::try_quote(json).unwrap());
    let mut python = std::process::Command::new("python3");
    let output =
        match python.args(["-c", &script, "2", "vllm", "serve", json]).env(ADDITIONAL_ARGS, value).output() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: no python3, which every vLLM image has");
                return;
            }
            output => output.unwrap(),
        };
    let words: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().split('\0').map(str::to_owned).collect();
    assert_eq!(words, ["vllm", "serve", "--x", json, json]);
}

#[test]
// W-23
fn a_foreign_command_is_left_alone() {
    let mut fixture = with_main("command", json!(["sh", "-c"]));
    fixture.service["spec"]["template"]["containers"][0]["args"] = json!(["vllm serve x"]);
    let main = fixture.main();
    assert_eq!((&main["command"], &main["args"]), (&json!(["sh", "-c"]), &json!(["vllm serve x"])));
}

proptest! {
    #[test]
    // W-22
    fn a_user_argument_is_never_touched(value in "[ -~]{0,40}") {
        let fixture = with_main("args", json!(["--chat-template", value.clone()]));
        let args = args(&fixture);
        prop_assert_eq!(args.last(), Some(&value));
    }
}
