//! Model names that more than one service of a namespace publishes (`reference/router.md §6.5`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::pass::is_stopped;
use crate::tree;

/// What one service publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Model names with their publisher, which is the namespace.
    pub names: BTreeSet<String>,
    /// The traffic group that it shares them with.
    pub group: Option<String>,
}

impl Published {
    /// Of a service as it is stored: by its addresses, and as long as it has none, by its own spec.
    pub fn of(service: &Value) -> Self {
        let going = tree::get(service, &["metadata", "deletionTimestamp"]).is_some();
        if going || is_stopped(service) {
            return Self::default();
        }
        let prefix = format!("publishers/{}/models/", tree::text(service, &["metadata", "namespace"]));
        let mut names = by_addresses(service, &prefix);
        if names.is_empty() {
            names = by_spec(service, &prefix);
        }
        Self { names, group: group(service) }
    }

    /// Whether two services that publish the same name do so together.
    pub fn shares_with(&self, other: &Self) -> bool {
        self.group.is_some() && self.group == other.group
    }
}

/// Behind gateways: an address without one has no model in its path.
fn by_addresses(service: &Value, prefix: &str) -> BTreeSet<String> {
    let addresses = tree::list(service, &["status", "addresses"]).iter();
    let behind_gateways = addresses.filter(|address| tree::get(address, &["origin"]).is_some());
    let models = behind_gateways.flat_map(|address| tree::list(address, &["models"]));
    let names = models.map(|model| tree::text(model, &["name"]));
    names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
}

fn by_spec(service: &Value, prefix: &str) -> BTreeSet<String> {
    if tree::get(service, &["spec", "router", "route"]).is_none_or(Value::is_null) {
        return BTreeSet::new();
    }
    let own = tree::text(service, &["spec", "model", "name"]);
    let own = if own.is_empty() { tree::text(service, &["metadata", "name"]) } else { own };
    let adapters = tree::list(service, &["spec", "model", "lora", "adapters"]).iter();
    let adapters = adapters.map(|adapter| tree::text(adapter, &["name"])).filter(|name| !name.is_empty());
    std::iter::once(own).chain(adapters).map(|name| format!("{prefix}{name}")).collect()
}

fn group(service: &Value) -> Option<String> {
    let found = [&["status", "router", "group", "name"][..], &["spec", "router", "route", "group"]];
    let named = found.map(|path| tree::text(service, path)).into_iter().find(|name| !name.is_empty());
    named.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(service: &Value) -> Vec<String> {
        Published::of(service).names.into_iter().collect()
    }

    fn service(spec: &Value) -> Value {
        json!({"metadata": {"name": "m", "namespace": "ns"}, "spec": spec})
    }

    #[test]
    fn names_are_those_of_the_spec_until_there_are_addresses() {
        let lora = json!({"adapters": [{"name": "sql"}, {"uri": "hf://o/a"}]});
        let mut it = service(&json!({"model": {"name": "llama", "lora": lora}, "router": {"route": {}}}));
        assert_eq!(names(&it), ["publishers/ns/models/llama", "publishers/ns/models/sql"]);
        it["spec"]["model"] = json!({});
        assert_eq!(names(&it), ["publishers/ns/models/m"]);
        it["status"]["addresses"] = json!([
            {"models": [{"name": "publishers/ns/models/no-gateway"}]},
            {"origin": {}, "models": [{"name": "publishers/ns/models/other"}, {"name": "other"}]},
        ]);
        assert_eq!(names(&it), ["publishers/ns/models/other"]);
    }

    #[test]
    fn without_a_route_or_while_it_goes_nothing_is_published() {
        assert_eq!(names(&service(&json!({"model": {"name": "llama"}}))), [""; 0]);
        let routed = || service(&json!({"router": {"route": {}}}));
        let (mut stopped, mut going) = (routed(), routed());
        stopped["metadata"]["annotations"] = json!({"serving.kserve.io/stop": "true"});
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!((names(&stopped), names(&going)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn members_of_one_group_share_their_names() {
        let of = |group: &Value| Published::of(&service(&json!({"router": {"route": {"group": group}}})));
        let (a, b, none) = (of(&json!("a")), of(&json!("b")), of(&Value::Null));
        assert!(a.shares_with(&a));
        assert!(!a.shares_with(&b) && !a.shares_with(&none) && !none.shares_with(&none));
        let mut by_config = service(&json!({"router": {"route": {}}}));
        by_config["status"]["router"]["group"]["name"] = json!("a");
        assert!(Published::of(&by_config).shares_with(&a));
    }
}
