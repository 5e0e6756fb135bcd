//! Rendering a merged spec: what templates see, what errors say, what is left alone.

use llmisvc_core::node::Node;
use llmisvc_core::pass::Finding;
use llmisvc_core::template::{Globals, Place, Scope, TemplateError, render};
use rstest::rstest;
use serde_json::{Value, json};

const CONFIG: usize = 0;
const SERVICE: usize = 1;

fn rendered(tree: &Node) -> Result<(Node, Vec<Finding>), TemplateError> {
    let spec = tree.value();
    let service = json!({
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": "llama", "namespace": "team-a", "labels": {"team": "say \"hi\"\\\n"}},
        "spec": {"model": {"uri": "hf://org/model"}},
    });
    let layers = ["team-a/gpu".to_owned(), "llama".to_owned()];
    let globals = Globals { system_namespace: "kserve".to_owned(), ..Globals::default() };
    render(tree, &layers, &Scope { service: &service, spec: &spec, globals: &globals })
}

/// A spec that comes from the config as a whole.
fn config(spec: &Value) -> Result<Value, TemplateError> {
    rendered(&Node::of(spec, CONFIG)).map(|(tree, _)| tree.value())
}

/// A label of the service's own over a spec that has a model only.
fn own(text: &str) -> Result<(Value, Vec<Finding>), TemplateError> {
    let (tree, findings) = rendered(&Node::of(&json!({"labels": {"own": text}}), SERVICE))?;
    Ok((tree.value().pointer("/labels/own").cloned().expect("the label stays"), findings))
}

fn place(path: &str, message: &str) -> Place {
    Place { path: path.to_owned(), message: message.to_owned(), config: Some("team-a/gpu".to_owned()) }
}

#[test] // C-1
fn a_template_sees_the_merged_spec() {
    let mut spec = Node::of(
        &json!({
            "template": {"containers": [{
                "name": "main",
                "args": [
                    "--served-model-name={{.Name}}",
                    "--model={{.Spec.Model.Name}}",
                    "--tensor-parallel-size={{.Parallelism.Tensor}}",
                    "--tp={{.Spec.Parallelism.Tensor}}",
                ],
                "env": [{"name": "MODEL_NAME", "value": "{{.Name}}"}, {"name": "NAMESPACE", "value": "{{.Namespace}}"}],
            }]},
        }),
        CONFIG,
    );
    if let Node::Map(map, _) = &mut spec {
        map.insert("parallelism".to_owned(), Node::of(&json!({"tensor": 4}), CONFIG));
        map.insert("model".to_owned(), Node::of(&json!({"name": "mine"}), SERVICE));
    }
    let main = json!({
        "name": "main",
        "args": ["--served-model-name=llama", "--model=mine", "--tensor-parallel-size=4", "--tp=4"],
        "env": [{"name": "MODEL_NAME", "value": "llama"}, {"name": "NAMESPACE", "value": "team-a"}],
    });
    let (tree, findings) = rendered(&spec).unwrap();
    assert_eq!(tree.value()["template"]["containers"], json!([main]));
    assert_eq!(tree.nearest("model.name").layer(), SERVICE);
    assert_eq!(tree.nearest("template.containers[main].args[0]").layer(), CONFIG);
    assert_eq!(findings, []);
}

#[test] // C-10
fn values_with_quotes_backslashes_and_line_breaks_come_out_as_they_are() {
    let spec = json!({"labels": {"a": "\"{{index .Labels \"team\"}}\"", "b": "{{printf `%q` (index .Labels `team`)}}"}});
    let labels = json!({"a": "\"say \"hi\"\\\n\"", "b": "\"say \\\"hi\\\"\\\\\\n\""});
    assert_eq!(config(&spec).unwrap()["labels"], labels);
}

#[rstest] // C-10
#[case("{% for m in messages %}{{ m['content'] }}{% endfor %}", "parse")]
#[case("{{ bos_token }}", "function \"bos_token\" not defined")]
#[case("{{ .Messages }}", "can't evaluate field Messages in type *v1alpha2.Root")]
fn a_string_of_the_service_that_is_no_template_is_kept_with_a_warning(#[case] text: &str, #[case] why: &str) {
    let (value, findings) = own(text).unwrap();
    assert_eq!(value, json!(text));
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!((finding.path.as_str(), &finding.origin), ("spec.labels.own", &None));
    let start = "contains {{ but is no template over this service, so it is used as it stands: ";
    let reason = finding.message.strip_prefix(start).unwrap();
    assert!(why == "parse" || reason == why, "{reason}");
}

#[test]
fn a_template_of_the_service_is_rendered() {
    assert_eq!(own("{{.Name}}-x").unwrap(), (json!("llama-x"), vec![]));
}

#[test]
fn a_template_of_the_service_over_something_unset_is_an_error_without_a_config() {
    let error = own("{{.Spec.Prefill.Replicas}}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "spec.labels.own: template does not render: nil pointer evaluating *v1alpha2.WorkloadSpec.Replicas; \
         guard it with `if`"
    );
}

#[test] // C-11
fn the_models_name_is_rendered_before_the_leaves_that_use_it() {
    let spec = json!({"model": {"name": "{{.Name}}-model"}, "labels": {"model": "{{.Spec.Model.Name}}"}});
    let whole = json!({"model": {"name": "llama-model"}, "labels": {"model": "llama-model"}});
    assert_eq!(config(&spec).unwrap(), whole);
}

#[test]
fn text_becomes_a_number_or_a_boolean_where_the_schema_wants_one() {
    let spec = json!({
        "parallelism": {"tensor": 2},
        "replicas": "{{.Spec.Parallelism.Tensor}}",
        "rolloutStrategy": {"maxSurge": "{{.Spec.Parallelism.Tensor}}", "maxUnavailable": "{{print 25 `%`}}"},
        "kvCacheOffloading": {"cpu": "{{.Spec.Parallelism.Tensor}}Gi"},
        "storageInitializer": {"enabled": "{{not .Spec.Prefill}}"},
        "template": {"priority": "{{.Name}}", "containers": [{"name": "{{.Spec.Parallelism.Tensor}}"}]},
    });
    let whole = json!({
        "parallelism": {"tensor": 2},
        "replicas": 2,
        "rolloutStrategy": {"maxSurge": 2, "maxUnavailable": "25%"},
        "kvCacheOffloading": {"cpu": "2Gi"},
        "storageInitializer": {"enabled": true},
        "template": {"priority": "llama", "containers": [{"name": "2"}]},
    });
    assert_eq!(config(&spec).unwrap(), whole);
}

#[test]
fn map_keys_are_rendered() {
    let spec = json!({"labels": {"{{.Name}}/x": "1", "plain": "2"}});
    assert_eq!(config(&spec).unwrap(), json!({"labels": {"llama/x": "1", "plain": "2"}}));
}

#[test]
fn rendered_text_is_not_rendered_again() {
    let spec = json!({"labels": {"a": "{{`{{.Name}}`}}"}});
    assert_eq!(config(&spec).unwrap(), json!({"labels": {"a": "{{.Name}}"}}));
}

#[test]
fn strings_without_a_template_are_left_alone() {
    let spec = json!({"labels": {"a": "}} { {x} ${Y}"}, "replicas": "3"});
    assert_eq!(config(&spec).unwrap(), spec);
}

#[test]
fn kv_transfer_config_has_one_backslash_before_each_quote() {
    let spec = json!({"kvCacheOffloading": {"cpu": "10Gi"}, "labels": {"kv": "{{kvTransferConfig .Spec.KVCacheOffloading}}"}});
    let flag = r#"--kv-transfer-config '{\"kv_connector\":\"OffloadingConnector\",\"kv_connector_extra_config\":{\"cpu_bytes_to_use\":10737418240,\"spec_name\":\"TieringOffloadingSpec\"},\"kv_role\":\"kv_both\"}'"#;
    assert_eq!(config(&spec).unwrap()["labels"]["kv"], json!(flag));
}

#[test]
fn a_nil_access_names_the_field_the_type_and_the_config() {
    let spec = json!({"template": {"containers": [{"name": "main", "args": ["a", "b", "{{.Parallelism.Tensor}}"]}]}});
    let message = "nil pointer evaluating *v1alpha2.ParallelismSpec.Tensor";
    let error = config(&spec).unwrap_err();
    assert_eq!(error, TemplateError::Nil { at: place("spec.template.containers[main].args[2]", message) });
    assert_eq!(
        error.to_string(),
        "spec.template.containers[main].args[2]: template does not render: nil pointer evaluating \
         *v1alpha2.ParallelismSpec.Tensor; guard it with `if` (from config team-a/gpu)"
    );
    assert_eq!(error.finding().to_string(), error.to_string());
    assert_eq!(error.finding().origin.as_deref(), Some("team-a/gpu"));
}

#[rstest]
#[case("{{nope .Name}}", "function \"nope\" not defined")]
#[case("{{if .Name}}x", "`if`, `with`, `range` or `define` and `end` do not match")]
#[case("{{end}}", "`if`, `with`, `range` or `define` and `end` do not match")]
#[case("{{$x}}", "undefined variable \"$x\"")]
#[case("{{break}}", "{{break}} outside {{range}}")]
#[case("{{1 | 2}}", "non executable command in pipeline stage 2")]
fn text_that_is_no_template_is_a_parse_error(#[case] text: &str, #[case] message: &str) {
    let error = config(&json!({"labels": {"a": text}})).unwrap_err();
    assert_eq!(error, TemplateError::Parse { at: place("spec.labels.a", message) });
}

#[test]
fn a_line_break_inside_an_action_is_named_in_the_message() {
    let error = config(&json!({"labels": {"a": "one\ntwo {{if\n.Name}}x{{end}}"}})).unwrap_err();
    assert_eq!(
        error,
        TemplateError::Parse { at: place("spec.labels.a", "line 2: unexpected character: '\\n'") }
    );
}

#[test]
fn a_field_that_does_not_exist_is_an_error() {
    let error = config(&json!({"labels": {"a": "{{.Spec.Paralelism}}"}})).unwrap_err();
    let message = "can't evaluate field Paralelism in type v1alpha2.LLMInferenceServiceSpec";
    assert_eq!(error, TemplateError::UnknownField { at: place("spec.labels.a", message) });
}

#[test]
fn a_missing_map_key_is_an_error_that_says_how_to_read_it() {
    let error = config(&json!({"labels": {"a": "{{.Labels.tier}}"}})).unwrap_err();
    assert_eq!(
        error,
        TemplateError::MissingKey { at: place("spec.labels.a", "map has no entry for key: tier") }
    );
    assert!(error.to_string().contains("`index` reads a key that may be missing"), "{error}");
}

#[test]
fn pointers_that_are_compared_are_called_pointers() {
    let spec = json!({"replicas": 2, "labels": {"a": "{{if gt .Spec.Replicas 1}}x{{end}}"}});
    let message = "incompatible types for comparison: pointer or struct and int";
    assert_eq!(config(&spec).unwrap_err(), TemplateError::Other { at: place("spec.labels.a", message) });
}

#[rstest]
#[case("{{define `x`}}{{template `x` .}}{{end}}{{template `x` .}}", "recursion limit exceeded")]
#[case("{{range 10000000000}}x{{end}}", "range iteration budget exhausted")]
fn templates_that_never_end_are_stopped(#[case] text: &str, #[case] message: &str) {
    let error = config(&json!({"labels": {"a": text}})).unwrap_err();
    assert_eq!(error, TemplateError::Other { at: place("spec.labels.a", message) });
}

#[test]
fn a_spec_of_the_wrong_types_is_rendered_too() {
    let spec = json!({"model": "{{.Name}}", "template": "{{.Name}}", "labels": ["{{.Name}}"]});
    assert_eq!(config(&spec).unwrap(), json!({"model": "llama", "template": "llama", "labels": ["llama"]}));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(parts in proptest::collection::vec(proptest::sample::select(PIECES), 0..12)) {
        let _ = config(&json!({"labels": {"a": parts.concat()}}));
    }
}

const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "if ",
    "else",
    "end",
    "range ",
    "with ",
    "define \"x\"",
    "template \"x\"",
    ".",
    ".Spec",
    ".Spec.Replicas",
    "$",
    "$x",
    ":=",
    "=",
    "|",
    "(",
    ")",
    "\"",
    "`",
    "'",
    "/*",
    "*/",
    "nil",
    "1",
    "-",
    "é",
    "index ",
    "slice ",
    "printf \"%*d\" ",
    "len ",
    "eq ",
    "break",
    "continue",
    ",",
    "\u{FDD0}",
    "\\",
];

#[test]
fn anything_else_that_fails_is_an_error_too() {
    let error = config(&json!({"labels": {"a": "{{index .Spec.BaseRefs 3}}"}})).unwrap_err();
    assert_eq!(error, TemplateError::Other { at: place("spec.labels.a", "index out of range: 3") });
}
