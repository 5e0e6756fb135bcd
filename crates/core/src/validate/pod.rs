//! The shape of a pod template, as far as builders read it. Everything else is the API server's to judge.

use serde_json::Value;

use super::problem::Problem;
use super::scope::Scope;
use crate::tree;

/// The pod template, with a container `main` and lists where lists are read; else recorded problems.
pub fn pod(scope: &mut Scope<'_, '_>) -> Option<Value> {
    let pod = scope.given(&[scope.template()]).cloned().unwrap_or_default();
    let before = scope.findings.len();
    for list in ["containers", "initContainers", "volumes"] {
        check_list(scope, &pod, list);
    }
    for list in ["containers", "initContainers"] {
        for container in tree::list(&pod, &[list]) {
            check_container(scope, list, container);
        }
    }
    if scope.findings.len() > before {
        return None;
    }
    if tree::named(tree::list(&pod, &["containers"]), "main").is_none() {
        let field = scope.in_template("containers");
        scope.error(&field, &Problem::NoMain);
        return None;
    }
    Some(pod)
}

fn check_list(scope: &mut Scope<'_, '_>, pod: &Value, list: &str) {
    let bad = tree::get(pod, &[list]).filter(|v| !v.is_null() && !v.is_array());
    if let Some(value) = bad {
        let problem = Problem::Type { expected: "a list", got: value.to_string() };
        let field = scope.in_template(list);
        scope.error(&field, &problem);
    }
    for (index, item) in tree::list(pod, &[list]).iter().enumerate() {
        if tree::text(item, &["name"]).is_empty() {
            let problem = Problem::Type { expected: "an object with a name", got: item.to_string() };
            let field = scope.in_template(&format!("{list}[{index}]"));
            scope.error(&field, &problem);
        }
    }
}

fn check_container(scope: &mut Scope<'_, '_>, list: &str, container: &Value) {
    let base = scope.in_template(&format!("{list}[{}]", tree::text(container, &["name"])));
    for key in ["command", "args"] {
        for (index, word) in tree::list(container, &[key]).iter().enumerate() {
            if !word.is_string() {
                let problem = Problem::Type { expected: "a string", got: word.to_string() };
                scope.error(&format!("{base}.{key}[{index}]"), &problem);
            }
        }
    }
    for key in ["command", "args", "env", "volumeMounts"] {
        if let Some(value) = container.get(key).filter(|v| !v.is_null() && !v.is_array()) {
            let problem = Problem::Type { expected: "a list", got: value.to_string() };
            scope.error(&format!("{base}.{key}"), &problem);
        }
    }
}
