//! Key `autoscaling-wva-controller-config` (`reference/router.md §14.7`).

use serde_json::Value;

use super::parse::{bad, some_text};
use super::{AUTOSCALING, Settings, SettingsError};

/// The Prometheus with the metrics of the workload variant autoscaler, as KEDA reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prometheus {
    /// Address.
    pub url: String,
    /// Its certificate is not checked.
    pub insecure: bool,
    /// How KEDA says who it is; none for nothing.
    pub auth: Option<TriggerAuth>,
}

/// A TriggerAuthentication of KEDA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerAuth {
    /// `bearer`, `basic`, `tls` …, as KEDA names them.
    pub modes: String,
    /// Name of the object with the credentials.
    pub name: String,
    /// Its kind; KEDA's default when absent.
    pub kind: Option<String>,
}

const TEXTS: [(&str, &str); 4] = [
    ("url", "prometheus.url"),
    ("authModes", "prometheus.authModes"),
    ("triggerAuthName", "prometheus.triggerAuthName"),
    ("triggerAuthKind", "prometheus.triggerAuthKind"),
];

/// Both spellings of the switch: KServe's controller reads one, and its install script writes the other (edge 54).
const SWITCHES: [(&str, &str); 2] =
    [("tlsInsecureSkipVerify", "prometheus.tlsInsecureSkipVerify"), ("unsafeSsl", "prometheus.unsafeSsl")];

pub(super) fn autoscaling(to: &mut Settings, doc: &Value, _: &str) -> Result<(), SettingsError> {
    let Some(prometheus) = doc.get("prometheus").filter(|it| !it.is_null()) else { return Ok(()) };
    if !prometheus.is_object() {
        return Err(bad(AUTOSCALING, "prometheus", &prometheus.to_string(), "an object"));
    }
    for (key, path) in TEXTS {
        if let Some(wrong) = prometheus.get(key).filter(|it| !it.is_string() && !it.is_null()) {
            return Err(bad(AUTOSCALING, path, &wrong.to_string(), "a string"));
        }
    }
    let (insecure, auth) = (insecure(prometheus)?, auth(prometheus)?);
    let url = some_text(prometheus, "url").map(str::to_owned);
    to.prometheus = url.map(|url| Prometheus { url, insecure, auth });
    Ok(())
}

/// The certificate is checked unless one of the two switches says otherwise, and none of them the contrary.
fn insecure(doc: &Value) -> Result<bool, SettingsError> {
    let mut said = None;
    for (key, path) in SWITCHES {
        let Some(value) = doc.get(key).filter(|it| !it.is_null()) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let on = match text.as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(bad(AUTOSCALING, path, &value.to_string(), "true or false")),
        };
        if said.is_some_and(|said| said != on) {
            return Err(bad(AUTOSCALING, path, &text, "what prometheus.tlsInsecureSkipVerify says"));
        }
        said = Some(on);
    }
    Ok(said.unwrap_or(false))
}

/// Modes and name are of use together only.
fn auth(doc: &Value) -> Result<Option<TriggerAuth>, SettingsError> {
    let text = |key| some_text(doc, key).map(str::to_owned);
    match (text("authModes"), text("triggerAuthName")) {
        (None, None) => Ok(None),
        (Some(modes), Some(name)) => Ok(Some(TriggerAuth { modes, name, kind: text("triggerAuthKind") })),
        (Some(modes), None) => {
            Err(bad(AUTOSCALING, "prometheus.authModes", &modes, "of use without triggerAuthName"))
        }
        (None, Some(name)) => {
            Err(bad(AUTOSCALING, "prometheus.triggerAuthName", &name, "of use without authModes"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(text: &str, last: &Settings) -> Settings {
        let data = BTreeMap::from([(AUTOSCALING.to_owned(), text.to_owned())]);
        Settings::parse(&data, last, "kserve")
    }

    fn prometheus(insecure: bool, auth: Option<TriggerAuth>) -> Prometheus {
        Prometheus { url: "https://p:9090".to_owned(), insecure, auth }
    }

    #[test]
    fn every_member_is_read() {
        let text = r#"{"prometheus": {"url": "https://p:9090", "tlsInsecureSkipVerify": true, "authModes": "bearer",
                       "triggerAuthName": "x", "triggerAuthKind": "ClusterTriggerAuthentication"}}"#;
        let auth = TriggerAuth {
            modes: "bearer".to_owned(),
            name: "x".to_owned(),
            kind: Some("ClusterTriggerAuthentication".to_owned()),
        };
        let settings = parse(text, &Settings::default());
        assert_eq!(settings.prometheus, Some(prometheus(true, Some(auth))));
        assert!(settings.problems.is_empty());
    }

    #[test]
    fn both_spellings_of_the_switch_are_understood() {
        // G-54
        for switch in [
            r#""tlsInsecureSkipVerify": true"#,
            r#""unsafeSsl": true"#,
            r#""unsafeSsl": "true""#,
            r#""unsafeSsl": true, "tlsInsecureSkipVerify": true"#,
        ] {
            let text = format!(r#"{{"prometheus": {{"url": "https://p:9090", {switch}}}}}"#);
            assert_eq!(
                parse(&text, &Settings::default()).prometheus,
                Some(prometheus(true, None)),
                "{switch}"
            );
        }
    }

    #[test]
    fn without_a_url_there_is_no_prometheus() {
        for text in
            ["{}", r#"{"prometheus": {}}"#, r#"{"prometheus": {"url": ""}}"#, r#"{"prometheus": null}"#]
        {
            let settings = parse(text, &Settings::default());
            assert_eq!((settings.prometheus, settings.problems), (None, Vec::new()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_the_last_good_value_stays() {
        let last = Settings { prometheus: Some(prometheus(false, None)), ..Settings::default() };
        for (members, message) in [
            (r#""url": 1"#, "autoscaling-wva-controller-config.prometheus.url: \"1\" is not a string"),
            (r#""unsafeSsl": "maybe""#, "prometheus.unsafeSsl: \"\\\"maybe\\\"\" is not true or false"),
            (
                r#""unsafeSsl": false, "tlsInsecureSkipVerify": true"#,
                "prometheus.unsafeSsl: \"false\" is not what prometheus.tlsInsecureSkipVerify says",
            ),
            (
                r#""authModes": "basic""#,
                "prometheus.authModes: \"basic\" is not of use without triggerAuthName",
            ),
            (
                r#""triggerAuthName": "x""#,
                "prometheus.triggerAuthName: \"x\" is not of use without authModes",
            ),
        ] {
            let settings = parse(&format!(r#"{{"prometheus": {{{members}}}}}"#), &last);
            assert_eq!(settings.prometheus, last.prometheus, "{members}");
            assert!(settings.problems[0].contains(message), "{:?}", settings.problems);
        }
        let listed = parse(r#"{"prometheus": []}"#, &last).problems;
        assert!(listed[0].contains("prometheus: \"[]\" is not an object"), "{listed:?}");
    }
}
