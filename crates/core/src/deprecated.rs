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
