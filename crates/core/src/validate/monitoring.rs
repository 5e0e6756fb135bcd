//! Whether a service gets monitors: its annotation, or else the operator's settings (`asks` rank 24).

use std::collections::BTreeSet;

use llmisvc_kinds::Kind;

use super::Context;
use crate::labels::MONITORING;
use crate::pass::Finding;
use crate::settings::Monitoring;

const KINDS: [Kind; 2] = [Kind::PodMonitor, Kind::ServiceMonitor];

/// What a service gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitors {
    /// Kinds of monitors to make, all served.
    pub kinds: BTreeSet<Kind>,
    /// How they are made.
    pub settings: Monitoring,
}

/// Decides, and warns about a word that nobody knows and about kinds that the cluster does not serve.
pub(super) fn monitors(ctx: &Context<'_>, warnings: &mut Vec<Finding>) -> Monitors {
    let settings = ctx.inputs.settings.monitoring.clone();
    let own = own(ctx, warnings);
    if !own.unwrap_or(settings.enabled) {
        return Monitors { kinds: BTreeSet::new(), settings };
    }
    let (kinds, missing): (BTreeSet<Kind>, BTreeSet<Kind>) =
        KINDS.iter().partition(|kind| ctx.inputs.cluster.served.contains(kind));
    let place = own.map_or_else(|| "ConfigMap".to_owned(), |_| annotation());
    warnings.extend(missing.into_iter().map(|kind| unserved(&place, kind)));
    Monitors { kinds, settings }
}

fn annotation() -> String {
    format!("metadata.annotations[{MONITORING}]")
}

/// What the service itself says.
fn own(ctx: &Context<'_>, warnings: &mut Vec<Finding>) -> Option<bool> {
    match ctx.id.annotations.get(MONITORING)?.as_str() {
        "enabled" => Some(true),
        "disabled" => Some(false),
        other => {
            let message =
                format!("{other:?} is neither enabled nor disabled; the operator's settings decide");
            warnings.push(Finding::new(annotation(), message));
            None
        }
    }
}

fn unserved(place: &str, kind: Kind) -> Finding {
    let served = kind.served();
    let message = format!(
        "monitoring is wanted, and the cluster does not serve {kind} ({}): install the CustomResourceDefinition {}.{}, \
         which the Prometheus operator brings, or switch monitoring off",
        served.api_version(),
        served.plural,
        served.group
    );
    Finding::new(place, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::fixture::{fixture, spec};

    /// Kinds and warnings, by the setting, the annotation and what is served.
    fn decided(enabled: bool, own: Option<&str>, served: &[Kind]) -> (Vec<Kind>, Vec<String>) {
        let mut fixture = fixture(spec());
        fixture.settings.monitoring.enabled = enabled;
        if let Some(own) = own {
            fixture.annotate(MONITORING, own);
        }
        let mut warnings = Vec::new();
        let monitors = fixture.in_context(|ctx| {
            let mut cluster = ctx.inputs.cluster.clone();
            for kind in KINDS {
                cluster.served.remove(&kind);
            }
            cluster.served.extend(served);
            let inputs = crate::pass::Inputs { cluster: &cluster, ..*ctx.inputs };
            super::monitors(&Context { inputs: &inputs, ..*ctx }, &mut warnings)
        });
        (monitors.kinds.into_iter().collect(), warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_settings_decide_unless_the_service_says() {
        let all = || (KINDS.to_vec(), Vec::new());
        let none = || (Vec::new(), Vec::new());
        for (enabled, own, expected) in [
            (false, None, none()),
            (true, None, all()),
            (false, Some("enabled"), all()),
            (true, Some("disabled"), none()),
        ] {
            assert_eq!(decided(enabled, own, &KINDS), expected, "{enabled} {own:?}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_is_a_warning() {
        let (kinds, warnings) = decided(true, Some("on"), &KINDS);
        assert_eq!(kinds, KINDS);
        let told = "metadata.annotations[llmisvc.io/monitoring]: \"on\" is neither enabled nor disabled; the \
                    operator's settings decide";
        assert_eq!(warnings, [told]);
    }

    #[test]
    fn a_kind_that_is_not_served_is_a_warning_and_the_other_is_made() {
        let told = |place: &str| {
            format!(
                "{place}: monitoring is wanted, and the cluster does not serve ServiceMonitor \
                 (monitoring.coreos.com/v1): install the CustomResourceDefinition \
                 servicemonitors.monitoring.coreos.com, which the Prometheus operator brings, or switch monitoring off"
            )
        };
        for (own, place) in
            [(None, "ConfigMap"), (Some("enabled"), "metadata.annotations[llmisvc.io/monitoring]")]
        {
            let expected = (vec![Kind::PodMonitor], vec![told(place)]);
            assert_eq!(decided(true, own, &[Kind::PodMonitor]), expected);
        }
        assert_eq!(decided(false, None, &[]), (Vec::new(), Vec::new()), "nobody asks");
    }
}
