//! Variables of a model server that its download needs, too: users set a token or a proxy there and expect it to
//! reach the download.

use serde_json::Value;

use super::Pod;
use crate::tree;

const HUB: [&str; 3] = ["HF_TOKEN", "HF_ENDPOINT", "HF_HUB_DISABLE_XET"];
const PROXY: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/// The variables, as the container has them.
pub(super) fn env(pod: &Pod<'_>, running: Option<&Value>, from_hf: bool) -> Vec<Value> {
    let hub = HUB.iter().filter(|_| from_hf);
    let wanted = hub.chain(&PROXY).filter_map(|name| variable(pod.target.of(pod.spec), name));
    wanted.filter(|variable| !replaces_pods(pod, running, variable)).cloned().collect()
}

fn variable<'p>(container: &'p Value, name: &str) -> Option<&'p Value> {
    tree::named(tree::list(container, &["env"]), name)
}

/// A download that runs without a variable which its model server has already is left alone.
fn replaces_pods(pod: &Pod<'_>, running: Option<&Value>, wanted: &Value) -> bool {
    let name = tree::text(wanted, &["name"]);
    let before = pod.live.and_then(|live| variable(pod.target.of(live), name));
    running.is_some_and(|c| variable(c, name).is_none()) && before == Some(wanted)
}
