//! What is watched for as long as the process lives.

use kube::runtime::watcher;
use llmisvc_core::labels::{PART_OF, PART_OF_VALUE};
use llmisvc_kinds::{Kind, Served};

use crate::resources;

/// Name of the global ConfigMap.
pub const GLOBAL_CONFIG: &str = "inferenceservice-config";
/// Label of a Service that a gateway controller made for a Gateway.
pub const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// Objects per page of a list: pages are decoded one at a time, so a page bounds the memory that a list takes.
const PAGE: u32 = 50;
/// The same for pods, which are large on the wire and small in memory.
const POD_PAGE: u32 = 20;

/// One watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// All services.
    Services,
    /// All configs.
    Configs,
    /// The global ConfigMap.
    Settings,
    /// All Gateways.
    Gateways,
    /// Services that gateway controllers made.
    GatewayServices,
    /// Pods of services.
    Pods,
    /// Children of one kind.
    Child(Kind),
}

impl Watched {
    /// Every watch.
    pub fn all() -> Vec<Self> {
        let others = [
            Self::Services,
            Self::Configs,
            Self::Settings,
            Self::Gateways,
            Self::GatewayServices,
            Self::Pods,
        ];
        others.into_iter().chain(Kind::ALL.iter().copied().map(Self::Child)).collect()
    }

    /// Its resource.
    pub const fn served(self) -> Served {
        match self {
            Self::Services => resources::SERVICE,
            Self::Configs => resources::CONFIG,
            Self::Settings => resources::CONFIG_MAP,
            Self::Gateways => resources::GATEWAY,
            Self::GatewayServices => resources::GATEWAY_SERVICE,
            Self::Pods => resources::POD,
            Self::Child(kind) => kind.served(),
        }
    }

    /// Label value in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Settings => "inferenceservice-config",
            Self::GatewayServices => "gateway services",
            _ => self.served().plural,
        }
    }

    /// Which objects of its resource.
    pub fn config(self) -> watcher::Config {
        let config = watcher::Config::default().page_size(PAGE);
        let of_services = format!("{PART_OF}={PART_OF_VALUE}");
        match self {
            Self::Services | Self::Configs | Self::Gateways => config,
            Self::Settings => config.fields(&format!("metadata.name={GLOBAL_CONFIG}")),
            Self::GatewayServices => config.labels(GATEWAY_NAME),
            Self::Pods => config.labels(&of_services).page_size(POD_PAGE),
            Self::Child(_) => config.labels(&of_services),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_is_cached_but_gateways() {
        // G-62
        for watched in Watched::all() {
            let config = watched.config();
            let whole = matches!(watched, Watched::Services | Watched::Configs | Watched::Gateways);
            let selects = config.label_selector.is_some() || config.field_selector.is_some();
            assert_eq!(selects, !whole, "{watched:?}");
            if let Watched::Child(_) | Watched::Pods = watched {
                let label = config.label_selector.as_deref();
                assert_eq!(label, Some("app.kubernetes.io/part-of=llminferenceservice"), "{watched:?}");
            }
        }
    }
}
