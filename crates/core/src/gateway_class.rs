//! What the implementations of the Gateway API can do, known by `spec.controllerName` of a GatewayClass.
//!
//! Everything that differs between them is asked here, so that no other place compares names of controllers.

/// An implementation of the Gateway API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// Istio.
    Istio,
    /// Envoy Gateway; Envoy AI Gateway is an extension of it and has the same controller name.
    EnvoyGateway,
    /// kgateway with its Envoy data plane.
    Kgateway,
    /// agentgateway, by itself or as a data plane of kgateway.
    Agentgateway,
    /// Gateways of Google Kubernetes Engine.
    Gke,
    /// Gateways of OpenShift's ingress operator (an Istio of its own).
    OpenShift,
    /// NGINX Gateway Fabric.
    Nginx,
    /// Traefik.
    Traefik,
    /// Any other one, and one whose GatewayClass is not known.
    Unknown,
}

/// What an implementation makes of `timeouts` in a rule of an HTTPRoute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeouts {
    /// It keeps to them; `0s` is no limit.
    Kept,
    /// It does not take a route that has them.
    Refused,
    /// It takes the route and does as if they were not there.
    Ignored,
}

impl Provider {
    /// The implementation behind `GatewayClass.spec.controllerName`.
    pub fn of(controller_name: &str) -> Self {
        match controller_name {
            "istio.io/gateway-controller" | "istio.io/unmanaged-gateway" => Self::Istio,
            "gateway.envoyproxy.io/gatewayclass-controller" => Self::EnvoyGateway,
            "kgateway.dev/kgateway" => Self::Kgateway,
            "kgateway.dev/agentgateway" | "agentgateway.dev/agentgateway" => Self::Agentgateway,
            "networking.gke.io/gateway" => Self::Gke,
            "openshift.io/gateway-controller/v1" => Self::OpenShift,
            "gateway.nginx.org/nginx-gateway-controller" => Self::Nginx,
            "traefik.io/gateway-controller" => Self::Traefik,
            _ => Self::Unknown,
        }
    }

    /// What it makes of timeouts; one that is not known is taken to follow the specification.
    pub const fn timeouts(self) -> Timeouts {
        match self {
            Self::Gke => Timeouts::Refused,
            Self::Nginx | Self::Traefik => Timeouts::Ignored,
            Self::Istio
            | Self::EnvoyGateway
            | Self::Kgateway
            | Self::Agentgateway
            | Self::OpenShift
            | Self::Unknown => Timeouts::Kept,
        }
    }

    /// Where a long answer is cut although the route asks for no limit: what does it, and what to do.
    pub const fn cuts_streams(self) -> Option<&'static str> {
        match self {
            Self::Gke => Some(
                "GKE ends a request after 30s unless a GCPBackendPolicy with a longer timeoutSec is there",
            ),
            Self::Nginx => Some(
                "NGINX ends a request after 60s without a byte from the server; a SnippetsFilter with a longer \
                 proxy_read_timeout changes this",
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_are_known_by_their_names() {
        let cases = [
            ("istio.io/gateway-controller", Provider::Istio),
            ("gateway.envoyproxy.io/gatewayclass-controller", Provider::EnvoyGateway),
            ("kgateway.dev/kgateway", Provider::Kgateway),
            ("kgateway.dev/agentgateway", Provider::Agentgateway),
            ("agentgateway.dev/agentgateway", Provider::Agentgateway),
            ("networking.gke.io/gateway", Provider::Gke),
            ("openshift.io/gateway-controller/v1", Provider::OpenShift),
            ("gateway.nginx.org/nginx-gateway-controller", Provider::Nginx),
            ("traefik.io/gateway-controller", Provider::Traefik),
            ("example.com/gateway", Provider::Unknown),
            ("", Provider::Unknown),
        ];
        for (name, expected) in cases {
            assert_eq!(Provider::of(name), expected, "{name}");
        }
    }

    #[test]
    fn only_what_refuses_timeouts_goes_without() {
        let cases = [
            (Provider::Gke, Timeouts::Refused, true),
            (Provider::Nginx, Timeouts::Ignored, true),
            (Provider::Traefik, Timeouts::Ignored, false),
            (Provider::Istio, Timeouts::Kept, false),
            (Provider::Unknown, Timeouts::Kept, false),
        ];
        for (provider, timeouts, cuts) in cases {
            assert_eq!(
                (provider.timeouts(), provider.cuts_streams().is_some()),
                (timeouts, cuts),
                "{provider:?}"
            );
        }
    }
}
