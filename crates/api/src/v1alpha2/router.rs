//! `router` (`reference/api.md §2.8`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{NameRef, Scheduler};
use crate::crd::nodes;

/// How the service is exposed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Router {
    /// Route; `{}` is the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Gateways; `{}` is the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// Ingress, in place of route and gateway; `{}` is one of ours. Beside them it is without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Endpoint picker and pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
}

/// Route of the service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// Gateway API route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRoute>,
    /// Group that this service splits traffic with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub group: Option<String>,
    /// Share within the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: Option<i32>,
}

/// HTTPRoutes of the user, or the spec of ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpRoute {
    /// HTTPRoutes that the user manages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refs: Option<Vec<NameRef>>,
    /// HTTPRouteSpec merged over the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "nodes::http_route_spec")]
    pub spec: Option<Value>,
}

/// Gateways of the route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gateway {
    /// Gateways that the user manages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refs: Option<Vec<GatewayRef>>,
}

/// Gateway, or one listener of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// Gateway name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// Its namespace; that of the service when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = nodes::DNS_LABEL))]
    pub namespace: Option<String>,
    /// Listener name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = nodes::DNS_SUBDOMAIN))]
    pub section_name: Option<String>,
}

/// Ingresses of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ingress {
    /// Ingresses that the user manages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refs: Option<Vec<IngressRef>>,
}

/// Ingress reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IngressRef {
    /// Ingress name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// Its namespace; that of the service when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = nodes::DNS_LABEL))]
    pub namespace: Option<String>,
}
