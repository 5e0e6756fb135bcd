//! Ports of the chart and of the presets: decode behind a sidecar listens on 8200 there and on 8001 here
//! (`reference/llm-d.md §7`).

use llmisvc_core::tree;
use serde_json::{Value, json};

/// The port of a role's server in the input and in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// In the input.
    pub from: i64,
    /// In the output.
    pub to: i64,
}

/// A text with the port replaced wherever it stands as a number of its own.
pub fn in_text(text: &str, port: Move) -> String {
    let (from, to) = (port.from.to_string(), port.to.to_string());
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(&from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let touches = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let is_whole = !touches(before.chars().next_back().or(out.chars().next_back()))
            && !touches(after.chars().next());
        out.push_str(before);
        out.push_str(if is_whole { &to } else { &from });
        rest = after;
    }
    out + rest
}

/// A probe with the port replaced; one that names a port gets its number.
pub fn in_probe(mut probe: Value, ports: &[Value], port: Move) -> Value {
    for action in ["httpGet", "tcpSocket", "grpc"] {
        let Some(slot) = probe.get_mut(action).and_then(|action| action.get_mut("port")) else { continue };
        let named = slot.as_str().and_then(|name| tree::named(ports, name));
        let number = named.and_then(|p| p.get("containerPort")).or(Some(&*slot)).and_then(Value::as_i64);
        if let Some(number) = number {
            *slot = json!(if number == port.from { port.to } else { number });
        }
    }
    probe
}

/// The ports that the presets do not declare.
pub fn others(ports: Vec<Value>, port: Move) -> Vec<Value> {
    let number = |entry: &Value| entry.get("containerPort").and_then(Value::as_i64);
    ports.into_iter().filter(|entry| number(entry) != Some(port.from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECODE: Move = Move { from: 8200, to: 8001 };

    #[test]
    fn only_whole_numbers_are_ports() {
        let text = "vllm serve --port 8200 --x=18200 --y 82001 http://localhost:8200/v1 8200";
        let moved = "vllm serve --port 8001 --x=18200 --y 82001 http://localhost:8001/v1 8001";
        assert_eq!(in_text(text, DECODE), moved);
    }

    #[test]
    fn probes_go_by_number() {
        let ports = [json!({"name": "metrics", "containerPort": 8200})];
        let named = json!({"httpGet": {"path": "/health", "port": "metrics"}});
        assert_eq!(in_probe(named, &ports, DECODE), json!({"httpGet": {"path": "/health", "port": 8001}}));
        let other = json!({"tcpSocket": {"port": 9090}});
        assert_eq!(in_probe(other.clone(), &ports, DECODE), other);
    }

    #[test]
    fn the_port_of_the_server_needs_no_word() {
        let kept = json!({"name": "nixl", "containerPort": 5600});
        assert_eq!(others(vec![json!({"containerPort": 8200}), kept.clone()], DECODE), [kept]);
    }
}
