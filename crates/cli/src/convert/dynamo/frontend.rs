//! The frontend: the gateway and the endpoint picker take its place.

use serde_json::Value;

use super::super::Loss;
use super::super::common::args::Args;
use super::super::common::command;
use super::super::common::source::{Source, scalar};
use super::component::Component;

/// What of a frontend is about requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frontend {
    /// The config with the profile of the endpoint picker.
    pub profile: Option<&'static str>,
    /// The model's name in requests.
    pub name: Option<String>,
}

const INSTEAD: &str = "the gateway and the endpoint picker take the frontend's place";

/// Takes a frontend. A graph with prefill needs no profile: what is generated for it goes by prefixes as well.
pub fn take(component: Component, is_split: bool, lost: &mut Vec<Loss>) -> Frontend {
    let mut source = component.source;
    if source.peek("replicas").and_then(Value::as_i64) == Some(1) {
        source.take("replicas");
    }
    let mut main = main(&mut source);
    let words =
        |field: &str, main: &mut Source| main.list(field).iter().filter_map(scalar).collect::<Vec<_>>();
    let place = main.at("args");
    let parsed = command::parse(&words("command", &mut main), &words("args", &mut main));
    lost.extend(parsed.has_more.then(|| Loss::new(&place, INSTEAD)));
    let mode = mode(&mut source, &mut main);
    let frontend = flags(parsed.args, mode, is_split, &place, lost);
    for mut rest in [main, source] {
        for field in rest.fields() {
            rest.lose(&field, INSTEAD, lost);
        }
    }
    frontend
}

/// The container, in either version; its name says nothing.
fn main(source: &mut Source) -> Source {
    let mut main = source.part("extraPodSpec.mainContainer");
    if main.fields().is_empty() {
        let containers = source.parts("podTemplate.spec.containers").into_iter();
        main = containers.last().unwrap_or(main);
    }
    main.take("name");
    main
}

/// The mode may stand in a variable.
fn mode(source: &mut Source, main: &mut Source) -> Option<String> {
    let is_mode = |variable: &Value| variable.get("name").and_then(Value::as_str) == Some("DYN_ROUTER_MODE");
    let variables = ["envs", "env"].into_iter().flat_map(|field| {
        [source.peek(field), main.peek(field)]
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten()
            .collect::<Vec<_>>()
    });
    variables
        .into_iter()
        .find(|variable| is_mode(variable))
        .and_then(|variable| scalar(variable.get("value")?))
}

fn flags(
    mut args: Args,
    mode: Option<String>,
    is_split: bool,
    place: &str,
    lost: &mut Vec<Loss>,
) -> Frontend {
    let mode = args.take("router-mode").or(mode);
    for consumed in ["http-port", "http-host", "port", "host"] {
        args.take_all(consumed);
    }
    let has_events = args.take_switch("kv-events").unwrap_or(true);
    let profile = match mode.as_deref() {
        Some("kv") if is_split => None,
        Some("kv") if has_events => Some("kserve-config-llm-scheduler-precise-prefix-cache"),
        Some("kv") => Some("kserve-config-llm-scheduler-prefix-cache"),
        Some(other) => {
            let why = format!(
                "{other}: the endpoint picker goes by load and prefixes; for load alone there is kserve-config-llm-scheduler-load-aware"
            );
            lost.push(Loss::new(format!("{place} --router-mode"), why));
            None
        }
        None => None,
    };
    let name = args.take("model-name");
    for flag in args.flags() {
        args.take_all(&flag);
        lost.push(Loss::new(format!("{place} --{flag}"), INSTEAD));
    }
    Frontend { profile, name }
}
