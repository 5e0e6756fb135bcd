//! `BackendTrafficPolicy`: no limit on the time of an answer, and no second try.

use llmisvc_kinds::Kind;
use serde_json::json;

use super::extra;
use crate::build::route;
use crate::names;
use crate::object::Object;
use crate::valid::ValidService;
use crate::validate::routing::GATEWAY_GROUP;

/// One policy for all parts of the managed route. It is merged into a policy of the Gateway, which a policy without a merge type
/// would replace.
pub(super) fn objects(svc: &ValidService) -> Option<Object> {
    let parts = route::routes(svc, svc.routing.route.as_ref()?);
    let target = |part: &Object| json!({"group": GATEWAY_GROUP, "kind": "HTTPRoute", "name": part.name});
    let spec = json!({
        "targetRefs": parts.iter().map(target).collect::<Vec<_>>(),
        "mergeType": "StrategicMerge",
        "timeout": {"http": {"requestTimeout": "0s"}},
        // A request that is sent again is computed again.
        "retry": {"numRetries": 0},
    });
    Some(extra(svc, Kind::BackendTrafficPolicy, &names::route(&svc.id.name), &spec))
}
