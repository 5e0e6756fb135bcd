//! `BackendTrafficPolicy`: no limit on the time of an answer, and no second try.

use llmisvc_kinds::Kind;
use serde_json::json;

use super::extra;
use crate::names;
use crate::object::Object;
use crate::valid::ValidService;
use crate::validate::routing::GATEWAY_GROUP;

/// One policy for the managed route. It is merged into a policy of the Gateway, which a policy without a merge type
/// would replace.
pub(super) fn objects(svc: &ValidService) -> Option<Object> {
    let route = names::route(&svc.id.name);
    let spec = json!({
        "targetRefs": [{"group": GATEWAY_GROUP, "kind": "HTTPRoute", "name": route}],
        "mergeType": "StrategicMerge",
        "timeout": {"http": {"requestTimeout": "0s"}},
        // A request that is sent again is computed again.
        "retry": {"numRetries": 0},
    });
    let managed = svc.routing.route.is_some();
    managed.then(|| extra(svc, Kind::BackendTrafficPolicy, &route, &spec))
}
