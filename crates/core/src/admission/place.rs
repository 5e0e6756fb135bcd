//! Field paths as messages have them.

use serde_json::Value;

/// The value at a path such as `spec.model.lora.adapters[0].name` or `metadata.annotations[a.b/c]`.
pub fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    steps(path).into_iter().try_fold(object, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// Names between dots, and what stands in brackets as one.
fn steps(path: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some(found) => found,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        steps.push(step);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    steps
}

/// The path without positions in lists, by which a finding is known again after items moved.
pub fn without_positions(path: &str) -> String {
    let is_position = |step: &&str| step.bytes().all(|b| b.is_ascii_digit());
    steps(path).into_iter().filter(|step| !is_position(step)).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_lists_and_keys_with_dots() {
        let object = json!({"a": {"b.c/d": 1}, "e": [{"f": 2}]});
        assert_eq!(at(&object, "a[b.c/d]"), Some(&json!(1)));
        assert_eq!(at(&object, "e[0].f"), Some(&json!(2)));
        assert_eq!(at(&object, "e[1].f"), None);
        assert_eq!(at(&object, "e[x]"), None);
        assert_eq!(at(&object, "a.b"), None);
    }

    #[test]
    fn positions_do_not_count() {
        assert_eq!(without_positions("e[12].f[main].g"), "e.f.main.g");
    }
}
