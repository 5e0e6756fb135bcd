//! What still works and is to go.

use serde_json::Value;

use crate::tree;
use crate::validate::routing::Scheduler;

/// Plugins that newer endpoint pickers do not have, each with what takes its place (`reference/router.md §10.6`).
const PLUGINS: &[(&str, &str)] = &[(
    "precise-prefix-cache-scorer",
    "plugin precise-prefix-cache-scorer, which is deprecated: use token-producer, precise-prefix-cache-producer and \
     prefix-cache-scorer",
)];

/// The deprecated plugin in the scheduler's configuration, wherever that comes from, and what to use.
pub fn plugin(scheduler: &Scheduler) -> Option<&'static str> {
    let main = tree::named(tree::list(&scheduler.pod, &["containers"]), "main");
    let own = main.into_iter().flat_map(|main| tree::list(main, &["args"])).filter_map(Value::as_str);
    let texts: Vec<&str> = scheduler.inline.as_deref().map_or_else(|| own.collect(), |text| vec![text]);
    let used = PLUGINS.iter().find(|(name, _)| texts.iter().any(|text| text.contains(name)));
    used.map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validate::routing::fixture::{World, spec};

    fn found(scheduler: &Value) -> Option<&'static str> {
        let valid = World::new().valid(&spec(json!({"scheduler": scheduler})));
        valid.routing.scheduler.as_ref().and_then(plugin)
    }

    #[test]
    fn a_deprecated_plugin_is_found_inline_and_in_arguments() {
        let inline = |plugin: &str| found(&json!({"config": {"inline": {"plugins": [{"type": plugin}]}}}));
        let old = inline("precise-prefix-cache-scorer");
        assert!(old.is_some_and(|what| what.contains("use token-producer")));
        let text = "plugins: [{type: precise-prefix-cache-scorer}]";
        let own = json!({"containers": [{"name": "main", "args": ["--config-text", text]}]});
        assert_eq!(found(&json!({"template": own})), old);
        for fine in [inline("precise-prefix-cache-producer"), found(&json!({}))] {
            assert_eq!(fine, None);
        }
    }
}
