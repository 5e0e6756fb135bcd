use rstest::rstest;
use serde_json::{Value, json};

use crate::validate::fixture::{Fixture, fixture, spec, with};

/// A service with adapters and the given members of `main`.
fn service(mut main: Value, lora: Value) -> Fixture {
    let spec = with(with(spec(), "/model/uri", json!("pvc://weights/m")), "/model/lora", lora);
    let mut fixture = fixture(spec);
    let container = &mut fixture.service["spec"]["template"]["containers"][0];
    container.as_object_mut().unwrap().append(main.as_object_mut().unwrap());
    fixture
}

fn adapters(names: &[&str]) -> Value {
    let adapters: Vec<Value> =
        names.iter().map(|n| json!({"name": n, "uri": format!("pvc://c/{n}")})).collect();
    json!({"adapters": adapters})
}

fn args(fixture: &Fixture) -> Vec<String> {
    serde_json::from_value(fixture.main()["args"].clone()).unwrap()
}

fn modules(name: &str) -> [String; 2] {
    [name.to_owned(), format!("publishers/ns/models/{name}")]
        .map(|served| format!(r#"{{"name":"{served}","path":"/mnt/lora/{name}"}}"#))
}

/// From `--enable-lora` on, as far as the adapters go.
fn lora_words(words: &[String]) -> &[String] {
    let from = words.iter().position(|w| w == "--enable-lora").unwrap();
    let to = words.iter().rposition(|w| w.starts_with('{')).unwrap();
    &words[from..=to]
}

#[test]
// A-4
fn a_composed_command_gets_one_word_per_module_and_as_many_adapters_as_there_are() {
    let fixture = service(json!({"args": ["--max-model-len", "4096"]}), adapters(&["b", "a"]));
    let words = args(&fixture);
    let head =
        ["--enable-lora", "--max-loras", "2", "--max-cpu-loras", "2", "--lora-modules"].map(str::to_owned);
    let expected = [head.as_slice(), &modules("a"), &modules("b")].concat();
    assert_eq!(lora_words(&words), expected);
    assert_eq!(words[words.len() - 2..], ["--max-model-len", "4096"]);
    assert_eq!(fixture.outcome().warnings, Vec::<String>::new());
}

#[rstest]
#[case::rank(json!({"maxRank": 64}), &["--max-lora-rank", "64", "--max-loras", "2", "--max-cpu-loras", "2"])]
#[case::fewer_in_use(json!({"maxAdapters": 1}), &["--max-loras", "1", "--max-cpu-loras", "2"])]
#[case::more_in_use(json!({"maxAdapters": 3}), &["--max-loras", "3", "--max-cpu-loras", "3"])]
#[case::fewer_in_memory(json!({"maxCpuAdapters": 1}), &["--max-loras", "1", "--max-cpu-loras", "1"])]
#[case::more_in_memory(json!({"maxCpuAdapters": 9}), &["--max-loras", "2", "--max-cpu-loras", "9"])]
// A-4
fn counts_are_explicit_and_never_contradict_each_other(#[case] given: Value, #[case] expected: &[&str]) {
    let mut lora = adapters(&["a", "b"]);
    lora.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
    let words = args(&service(json!({}), lora));
    let words = lora_words(&words);
    assert_eq!(words[1..words.len() - 5], *expected);
}

#[rstest]
#[case::argument(json!({"args": ["--lora-modules", "x=/y"]}))]
#[case::underscores(json!({"args": ["--lora_modules={}"]}))]
#[case::variable(json!({"env": [{"name": "VLLM_ADDITIONAL_ARGS", "value": "--lora-modules x=/y"}]}))]
#[case::script(json!({"command": ["sh", "-c", "exec vllm serve /m --lora-modules x=/y"]}))]
fn adapters_that_the_user_names_win(#[case] main: Value) {
    let fixture = service(main, adapters(&["a"]));
    let words = fixture.main()["args"].to_string();
    assert!(!words.contains("--enable-lora"), "{words}");
    let expected = "spec.model.lora.adapters: main gives --lora-modules itself: no flags are added for the adapters of \
                    spec.model.lora";
    assert_eq!(fixture.outcome().warnings, [expected]);
}

fn plain(name: &str) -> Vec<String> {
    let head = ["--enable-lora", "--max-loras=1", "--max-cpu-loras=1", "--lora-modules"].map(str::to_owned);
    [head.as_slice(), &modules(name)].concat()
}

fn single_quoted(name: &str) -> Vec<String> {
    plain(name).iter().map(|w| if w.starts_with('{') { format!("'{w}'") } else { w.clone() }).collect()
}

const EVAL: &str = "eval \"exec vllm serve /mnt/models $@\"";
const EXEC: &str = "exec vllm serve /mnt/models \"$@\"";

#[rstest]
#[case::installed_preset(json!({"command": ["/bin/bash", "-c", EVAL, "--"]}), &[], &["--x"], true)]
#[case::without_eval(json!({"command": ["sh", "-ec", EXEC, "--"]}), &[], &["--x"], false)]
#[case::direct(json!({"command": ["vllm", "serve", "/m"]}), &["--x"], &[], false)]
#[case::model_in_the_arguments(json!({"command": ["vllm", "serve"]}), &["--x"], &[], false)]
#[case::image_entrypoint(json!({"command": null}), &["--x"], &[], false)]
#[case::script_file(json!({"command": ["bash", "start.sh"]}), &["--x"], &[], false)]
// W-23
fn a_foreign_command_gets_them_where_it_takes_words(
    #[case] mut main: Value,
    #[case] before: &[&str],
    #[case] after: &[&str],
    #[case] evaluated: bool,
) {
    main["args"] = json!([before, after].concat());
    let words = if evaluated { single_quoted("a") } else { plain("a") };
    let all = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let fixture = service(main, adapters(&["a"]));
    assert_eq!(args(&fixture), [all(before), words, all(after)].concat());
    assert_eq!(fixture.outcome().warnings, Vec::<String>::new());
}

#[rstest]
#[case::in_args(json!(["sh", "-c"]), json!([EXEC]), 1, true)]
#[case::in_args_with_words(json!(["sh", "-c"]), json!([EXEC, "--", "--x"]), 2, false)]
#[case::no_name_yet(json!(["bash", "-c", EXEC]), Value::Null, 0, true)]
#[case::name_in_args(json!(["bash", "-c", EXEC]), json!(["name", "--x"]), 1, false)]
// W-23
fn the_first_word_after_a_script_is_its_name(
    #[case] command: Value,
    #[case] own: Value,
    #[case] at: usize,
    #[case] named: bool,
) {
    let words = args(&service(json!({"command": command, "args": own}), adapters(&["a"])));
    let name = if named { vec!["--".to_owned()] } else { Vec::new() };
    let expected = [name, plain("a")].concat();
    assert_eq!(words[at..at + expected.len()], expected);
}

#[test]
// W-23
fn a_script_that_takes_no_arguments_is_left_alone_and_the_flags_are_named() {
    let command = json!(["sh", "-c"]);
    let fixture =
        service(json!({"command": command, "args": ["vllm serve /mnt/models"]}), adapters(&["it's"]));
    assert_eq!(args(&fixture), ["vllm serve /mnt/models"]);
    let module = |name: &str| format!(r#"'{{"name":"{name}","path":"/mnt/lora/it-s"}}'"#);
    let expected = format!(
        "spec.template.containers[main].command: its shell takes no arguments, so vLLM does not get the adapters of \
         spec.model.lora: end the script with \"$@\", or add --enable-lora --max-loras 1 --max-cpu-loras 1 \
         --lora-modules {} {} (from config kserve/base)",
        module(r"it'\''s"),
        module(r"publishers/ns/models/it'\''s"),
    );
    assert_eq!(fixture.outcome().warnings, [expected]);
}

#[test]
// W-22
fn a_name_with_shell_and_kubernetes_syntax_arrives_as_it_is() {
    let name = "$(HOME)'; rm";
    let composed = args(&service(json!({}), adapters(&[name])));
    assert!(
        composed.contains(&r#"{"name":"$$(HOME)'; rm","path":"/mnt/lora/--HOME----rm"}"#.to_owned()),
        "{composed:?}"
    );
    let main = json!({"command": ["bash", "-c", EVAL, "--"]});
    let evaluated = args(&service(main, adapters(&[name])));
    let expected = r#"'{"name":"$$(HOME)'\''; rm","path":"/mnt/lora/--HOME----rm"}'"#;
    assert!(evaluated.contains(&expected.to_owned()), "{evaluated:?}");
}

#[test]
// A-4
fn a_pod_of_the_peers_is_not_replaced_for_its_counts() {
    let mut fixture = service(json!({"command": ["/bin/bash", "-c", EVAL, "--"]}), adapters(&["a"]));
    let running = json!([{"name": "main", "args": ["--enable-lora", "--lora-modules"]}]);
    fixture.live_deployment("llama-kserve", json!({"spec": {"template": {"spec": {"containers": running}}}}));
    assert_eq!(args(&fixture)[..2], ["--enable-lora", "--lora-modules"]);
}

#[test]
fn prefill_pods_and_the_workers_of_a_group_load_them_too() {
    let template = spec()["template"].clone();
    let annotations = spec()["annotations"].clone();
    let mut fixture = service(json!({}), adapters(&["a"]));
    fixture.service["spec"]["worker"] = template.clone();
    fixture.service["spec"]["parallelism"] = json!({"pipeline": 2});
    fixture.service["spec"]["prefill"] = json!({"template": template, "annotations": annotations});
    for object in fixture.objects() {
        let text = object.body.to_string();
        let pods = text.matches("\"name\":\"main\"").count();
        assert_eq!(text.matches("--enable-lora").count(), pods, "{} {}", object.kind, object.name);
        assert_eq!(text.matches("\"mountPath\":\"/mnt/lora/a\"").count(), pods, "{}", object.name);
    }
}
