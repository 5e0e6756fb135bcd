//! Key `monitoring`, which is ours: whether services get monitors for the Prometheus operator.

use serde_json::Value;

use super::parse::{bad, flag, only_texts, some_text};
use super::{MONITORING, Settings, SettingsError};
use crate::labels::Labels;

/// What monitors are made, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// Services that do not say get them.
    pub enabled: bool,
    /// Time between two scrapes, as Prometheus writes it.
    pub interval: String,
    /// Labels by which a Prometheus selects its monitors.
    pub labels: Labels,
    /// Secret in the namespace of each service, whose key `token` the metrics of pickers are read with.
    pub scheduler_token: Option<String>,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { enabled: false, interval: "30s".to_owned(), labels: Labels::new(), scheduler_token: None }
    }
}

pub(super) fn monitoring(to: &mut Settings, doc: &Value, _: &str) -> Result<(), SettingsError> {
    only_texts(MONITORING, doc, &["interval", "schedulerTokenSecret"])?;
    let shipped = Monitoring::default();
    let interval = some_text(doc, "interval").unwrap_or(&shipped.interval);
    if !is_duration(interval) {
        return Err(bad(MONITORING, "interval", interval, "a time such as 30s or 1m"));
    }
    to.monitoring = Monitoring {
        enabled: flag(doc, MONITORING, "podMonitors")?.unwrap_or(shipped.enabled),
        interval: interval.to_owned(),
        labels: labels(doc)?,
        scheduler_token: some_text(doc, "schedulerTokenSecret").map(str::to_owned),
    };
    Ok(())
}

/// A number of seconds, minutes or hours.
fn is_duration(text: &str) -> bool {
    let number = text.strip_suffix("ms").or_else(|| text.strip_suffix(['s', 'm', 'h']));
    number.is_some_and(|number| number.parse::<u32>().is_ok_and(|number| number > 0))
}

fn labels(doc: &Value) -> Result<Labels, SettingsError> {
    let Some(given) = doc.get("labels").filter(|it| !it.is_null()) else { return Ok(Labels::new()) };
    serde_json::from_value(given.clone())
        .map_err(|_| bad(MONITORING, "labels", &given.to_string(), "an object of strings"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(text: &str, last: &Settings) -> Settings {
        Settings::parse(&BTreeMap::from([(MONITORING.to_owned(), text.to_owned())]), last, "kserve")
    }

    #[test]
    fn every_member_is_read() {
        let text = r#"{"podMonitors": true, "interval": "5s", "labels": {"release": "prometheus"},
                       "schedulerTokenSecret": "metrics-reader"}"#;
        let wanted = Monitoring {
            enabled: true,
            interval: "5s".to_owned(),
            labels: crate::labels::labels([("release", "prometheus")]),
            scheduler_token: Some("metrics-reader".to_owned()),
        };
        let settings = parse(text, &Settings::default());
        assert_eq!((settings.monitoring, settings.problems), (wanted, Vec::new()));
    }

    #[test]
    fn nothing_is_made_unless_it_is_asked_for() {
        assert_eq!(parse("{}", &Settings::default()).monitoring, Monitoring::default());
        assert!(!Monitoring::default().enabled);
    }

    #[test]
    fn what_cannot_be_used_is_named_and_the_last_good_value_stays() {
        let last = Settings {
            monitoring: Monitoring { enabled: true, ..Monitoring::default() },
            ..Settings::default()
        };
        for (text, message) in [
            (r#"{"interval": "soon"}"#, "monitoring.interval: \"soon\" is not a time such as 30s or 1m"),
            (r#"{"interval": "0s"}"#, "monitoring.interval: \"0s\" is not a time such as 30s or 1m"),
            (r#"{"labels": {"a": 1}}"#, "monitoring.labels: \"{\\\"a\\\":1}\" is not an object of strings"),
            (r#"{"podMonitors": "maybe"}"#, "monitoring.podMonitors: "),
            (r#"{"schedulerTokenSecret": 1}"#, "monitoring.schedulerTokenSecret: "),
        ] {
            let settings = parse(text, &last);
            assert_eq!(settings.monitoring, last.monitoring, "{text}");
            assert!(settings.problems[0].contains(message), "{:?}", settings.problems);
        }
    }
}
