//! The container that serves: what of it stays true when our preset's command and image take the place of its own.

use llmisvc_core::build::pod::PROBES;
use serde_json::{Map, Value};

use super::args::Args;
use super::command::{self, Program};
use super::source::{Source, scalar};
use crate::convert::Loss;

/// Fields of a container that mean the same on both sides.
const FIELDS: [&str; 16] = [
    "env",
    "envFrom",
    "imagePullPolicy",
    "lifecycle",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "securityContext",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
];
/// What vLLM answers to.
const PATHS: [&str; 4] = ["/health", "/v1/models", "/ping", "/version"];
const HANDLERS: [&str; 4] = ["httpGet", "exec", "tcpSocket", "grpc"];

/// What a container comes to.
#[derive(Debug, Clone)]
pub struct Served {
    /// Container `main`, without its arguments.
    pub main: Map<String, Value>,
    /// What it runs.
    pub program: Program,
    /// Arguments; those of a program that is not vLLM are none.
    pub args: Args,
}

/// Takes a container apart. `is_ours` says whether an image can stand behind our preset's command.
pub fn take(mut source: Source, is_ours: fn(&str) -> bool, lost: &mut Vec<Loss>) -> Served {
    source.take("name");
    let (program, args) = command(&mut source, lost);
    let image = image(&mut source, program, is_ours, lost);
    let is_server = !matches!(program, Program::HuggingFace | Program::Dynamo) && !image.is_lost;
    if !is_server {
        source.lose("workingDir", "a folder of the other image", lost);
    }
    let field = |name: &str| Some((name.to_owned(), source.take(name)?));
    let mut main: Map<String, Value> = FIELDS.into_iter().filter_map(field).collect();
    main.extend(image.kept.map(|image| ("image".to_owned(), image)));
    main.extend(ports(&mut source, &args));
    for name in PROBES {
        main.extend(probe(source.part(name), is_server, lost).map(|probe| (name.to_owned(), probe)));
    }
    source.finish(lost);
    Served { main, program, args }
}

fn command(source: &mut Source, lost: &mut Vec<Loss>) -> (Program, Args) {
    let words = |value: Vec<Value>| value.iter().filter_map(scalar).collect::<Vec<_>>();
    let has_command = source.peek("command").is_some();
    let place = source.at(if has_command { "command" } else { "args" });
    let parsed = command::parse(&words(source.list("command")), &words(source.list("args")));
    if parsed.has_more {
        let why =
            "a script does more than to start the server, and only the server is started: see what it does";
        lost.push(Loss::new(&place, why));
    }
    if parsed.program == Program::Other {
        let why = "another program than vLLM; `vllm serve` of the preset takes its place: give its flags in args of the container main";
        lost.push(Loss::new(place, why));
        return (Program::Other, Args::default());
    }
    (parsed.program, parsed.args)
}

struct Image {
    kept: Option<Value>,
    is_lost: bool,
}

fn image(source: &mut Source, program: Program, is_ours: fn(&str) -> bool, lost: &mut Vec<Loss>) -> Image {
    let Some(image) = source.take("image") else { return Image { kept: None, is_lost: false } };
    let can_stay = matches!(program, Program::Image | Program::Vllm | Program::Other);
    if can_stay && image.as_str().is_some_and(is_ours) {
        return Image { kept: Some(image), is_lost: false };
    }
    let named = scalar(&image).unwrap_or_default();
    let why = format!(
        "{named} has another server; the preset's image takes its place, or one with vLLM that you give"
    );
    lost.push(Loss::new(source.at("image"), why));
    Image { kept: None, is_lost: true }
}

/// Ports beside the server's own, which the preset has.
fn ports(source: &mut Source, args: &Args) -> Option<(String, Value)> {
    let own = args.clone().take_number("port").unwrap_or(8080);
    let is_other = |port: &Value| {
        let number = port.get("containerPort").and_then(Value::as_i64);
        number.is_none_or(|number| ![own, 8080, 8000].contains(&number))
    };
    let others: Vec<Value> = source.list("ports").into_iter().filter(is_other).collect();
    (!others.is_empty()).then(|| ("ports".to_owned(), Value::Array(others)))
}

/// How often and how long a probe asks stays; what it asks, only where our server answers to it. The preset has
/// `/health` on the right port.
pub fn probe(mut source: Source, is_server: bool, lost: &mut Vec<Loss>) -> Option<Value> {
    let asked = source.peek("httpGet.path").and_then(Value::as_str).unwrap_or("/health");
    let is_answered = is_server && PATHS.contains(&asked);
    for handler in HANDLERS {
        let is_path = handler == "httpGet" && is_answered;
        if !is_path {
            source.lose(handler, "the preset's probe asks vLLM itself, by HTTP", lost);
        }
    }
    let path = source.text("httpGet.path").filter(|path| path != "/health");
    for same in ["port", "scheme"] {
        source.take(&format!("httpGet.{same}"));
    }
    let mut get = source.part("httpGet").everything();
    if let Some(path) = path {
        *llmisvc_core::tree::entry(&mut get, "path") = Value::String(path);
    }
    let mut probe = source.everything();
    if get.as_object().is_some_and(|get| !get.is_empty()) {
        *llmisvc_core::tree::entry(&mut probe, "httpGet") = get;
    }
    probe.as_object().is_some_and(|probe| !probe.is_empty()).then_some(probe)
}

/// Takes a variable with a literal value out of `env`.
pub fn take_variable(main: &mut Map<String, Value>, name: &str) -> Option<String> {
    let variables = main.get_mut("env")?.as_array_mut()?;
    let at = variables
        .iter()
        .position(|v| v.get("name").and_then(Value::as_str) == Some(name) && v.get("value").is_some())?;
    let value = scalar(variables.remove(at).get("value")?);
    if variables.is_empty() {
        main.remove("env");
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(container: Value) -> (Value, Vec<String>) {
        let mut lost = Vec::new();
        let served = take(Source::new(container, "c"), |image| !image.contains("other"), &mut lost);
        (Value::Object(served.main), lost.into_iter().map(|loss| loss.path).collect())
    }

    #[test]
    fn what_the_preset_has_is_not_repeated() {
        let container = json!({
            "name": "kserve-container", "image": "vllm/vllm-openai:v0.23.0", "args": ["--port=9000"],
            "ports": [{"containerPort": 9000}, {"containerPort": 8080}, {"containerPort": 2112}],
            "livenessProbe": {"httpGet": {"path": "/health", "port": 9000}},
            "readinessProbe": {"httpGet": {"path": "/v1/models", "port": "http"}, "periodSeconds": 3},
        });
        let main = json!({
            "image": "vllm/vllm-openai:v0.23.0", "ports": [{"containerPort": 2112}],
            "readinessProbe": {"httpGet": {"path": "/v1/models"}, "periodSeconds": 3},
        });
        assert_eq!(taken(container), (main, vec![]));
    }

    #[test]
    fn what_another_server_says_is_lost() {
        let container = json!({
            "image": "other", "command": ["run"], "unknown": {"a": 1},
            "startupProbe": {"exec": {"command": ["true"]}, "periodSeconds": 3},
            "livenessProbe": {"httpGet": {"path": "/live"}},
        });
        let lost = ["c.command", "c.image", "c.livenessProbe.httpGet", "c.startupProbe.exec", "c.unknown.a"];
        let main = json!({"startupProbe": {"periodSeconds": 3}});
        assert_eq!(taken(container), (main, lost.map(str::to_owned).to_vec()));
    }

    #[test]
    fn only_literal_variables_are_taken() {
        let env = json!([{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}}]);
        let mut main = Map::from_iter([("env".to_owned(), env)]);
        assert_eq!(take_variable(&mut main, "A").as_deref(), Some("1"));
        assert_eq!(take_variable(&mut main, "B"), None);
        assert_eq!(main.get("env"), Some(&json!([{"name": "B", "valueFrom": {}}])));
    }
}
