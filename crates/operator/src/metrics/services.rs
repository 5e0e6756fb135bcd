//! What is told of each service at a scrape, kept small: ten thousand services are ten thousand times a handful of
//! numbers, and the text is made only when somebody asks. A service that goes takes its series with it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;
use llmisvc_api::conditions::{kind, reason};
use llmisvc_core::facts::Ref;
use llmisvc_core::tree;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use serde_json::Value;

use crate::stores::lock;

/// Name and help of the metrics of each service.
pub const CONDITION: (&str, &str) =
    ("condition", "Conditions of each service: 1 is True, 0 is False, -1 is Unknown");
/// See [`CONDITION`].
pub const CERTIFICATE: (&str, &str) = (
    "certificate_expiry_seconds",
    "When the first certificate of a service's own ends, in seconds since 1970",
);
/// See [`CONDITION`].
pub const STOPPED: (&str, &str) = ("stopped", "Services that are stopped by annotation; always 1");

#[derive(Debug, Default)]
struct Known {
    conditions: Vec<(&'static str, i64)>,
    stopped: bool,
    certificate: Option<i64>,
}

/// Conditions and certificates by service.
#[derive(Debug, Default)]
pub struct PerService(Mutex<BTreeMap<Ref, Known>>);

impl PerService {
    /// The status of a service, and when its first certificate ends.
    pub fn put(&self, service: &Ref, status: &Value, certificate: Option<Timestamp>) {
        let conditions = tree::list(status, &["conditions"]).iter().filter_map(told).collect();
        let stopped = stopped(status);
        let known = Known { conditions, stopped, certificate: certificate.map(Timestamp::as_second) };
        lock(&self.0).insert(service.clone(), known);
    }

    /// The service is gone.
    pub fn forget(&self, service: &Ref) {
        lock(&self.0).remove(service);
    }
}

/// Type and value of a condition of ours.
fn told(condition: &Value) -> Option<(&'static str, i64)> {
    let of = tree::text(condition, &["type"]);
    let (known, _) = kind::ALL.iter().find(|(name, _)| *name == of)?;
    let value = match tree::text(condition, &["status"]) {
        "True" => 1,
        "False" => 0,
        _ => -1,
    };
    Some((known, value))
}

/// Nobody is to be woken for what was stopped on purpose.
fn stopped(status: &Value) -> bool {
    let ready =
        tree::list(status, &["conditions"]).iter().find(|it| tree::text(it, &["type"]) == kind::READY);
    ready.is_some_and(|it| tree::text(it, &["reason"]) == reason::STOPPED)
}

impl Collector for PerService {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let known = lock(&self.0);
        if known.is_empty() {
            return Ok(());
        }
        let mut gauge = encoder.encode_descriptor(CONDITION.0, CONDITION.1, None, MetricType::Gauge)?;
        for (service, known) in known.iter() {
            let [namespace, name] = labels(service);
            for (condition, value) in &known.conditions {
                let labels = [namespace, name, ("condition", condition)];
                gauge.encode_family(&labels)?.encode_gauge(value)?;
            }
        }
        let mut gauge = encoder.encode_descriptor(CERTIFICATE.0, CERTIFICATE.1, None, MetricType::Gauge)?;
        for (service, known) in known.iter() {
            if let Some(end) = known.certificate {
                gauge.encode_family(&labels(service))?.encode_gauge(&end)?;
            }
        }
        let mut gauge = encoder.encode_descriptor(STOPPED.0, STOPPED.1, None, MetricType::Gauge)?;
        for (service, _) in known.iter().filter(|(_, known)| known.stopped) {
            gauge.encode_family(&labels(service))?.encode_gauge(&1)?;
        }
        Ok(())
    }
}

const fn labels(service: &Ref) -> [(&'static str, &str); 2] {
    [("namespace", service.namespace.as_str()), ("name", service.name.as_str())]
}
