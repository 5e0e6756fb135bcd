//! The charts' own values.

use std::sync::LazyLock;

use serde_json::Value;

use crate::convert::detect::Chart;
use crate::convert::keys::prune;

const TEXT: &str = include_str!("defaults.yaml");

static ALL: LazyLock<Value> =
    LazyLock::new(|| serde_yaml_ng::from_str(TEXT).expect("a test parses the defaults"));

/// What a chart does when nobody says anything.
pub fn of(chart: Chart) -> Value {
    let key = match chart {
        Chart::ModelService => "modelservice",
        Chart::Pool => "pool",
        Chart::Router => "router",
        Chart::Infra => "infra",
    };
    ALL.get(key).cloned().unwrap_or_default()
}

/// Values without those that repeat the chart's own.
pub fn pruned(chart: Chart, mut values: Value) -> Value {
    prune(&mut values, &of(chart));
    values
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_defaults_are_yaml() {
        assert_eq!(of(Chart::ModelService)["decode"]["create"], json!(true));
        assert_eq!(of(Chart::Infra), Value::Null);
    }
}
