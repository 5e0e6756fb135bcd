//! Metrics; every label value comes from a closed set.

use std::time::Duration;

use jiff::Timestamp;
use llmisvc_kinds::Kind;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, &'static str)>;
type Counters = Family<Labels, Counter>;

/// Upper bounds in seconds: a settled pass takes less than a millisecond, one over a slow API server seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0, 30.0];

/// The same for reviews, which take a millisecond at most.
const CALL_BUCKETS: [f64; 8] = [0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1, 1.0, 5.0];

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it should be, or waits for something that a watch will show.
    Settled,
    /// To be tried again with backoff.
    Retry,
    /// The service is gone, or on its way.
    Deleted,
    /// Held back for a moment.
    Held,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Retry => "retry",
            Self::Deleted => "deleted",
            Self::Held => "held",
        }
    }
}

/// A step of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Answers and decision.
    Decide,
    /// Creates and applies.
    Apply,
    /// Deletes.
    Prune,
    /// Status and event.
    Report,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Apply => "apply",
            Self::Prune => "prune",
            Self::Report => "report",
        }
    }
}

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Created by POST.
    Created,
    /// Changed by server-side apply.
    Applied,
    /// Found as it should be.
    Unchanged,
    /// Deleted.
    Pruned,
    /// Refused by the API server, or not ours.
    Refused,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Pruned => "pruned",
            Self::Refused => "refused",
        }
    }
}

/// A webhook, as it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Validation.
    Validate,
    /// Defaults.
    Mutate,
    /// Conversion.
    Convert,
}

impl Call {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Mutate => "mutate",
            Self::Convert => "convert",
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// Admitted, or converted.
    Ok,
    /// Refused, or not convertible.
    Refused,
    /// Not understood.
    Failed,
}

impl CallResult {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// All metrics and the registry that encodes them.
pub struct Metrics {
    registry: Registry,
    passes: Counters,
    steps: Family<Labels, Histogram, fn() -> Histogram>,
    objects: Counters,
    watch_restarts: Counters,
    status_writes: Counters,
    calls: Counters,
    call_times: Family<Labels, Histogram, fn() -> Histogram>,
    certificate: Gauge,
    queue: Gauge,
    children: Gauge,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

fn call_histogram() -> Histogram {
    Histogram::new(CALL_BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("llmisvc"),
            passes: Family::default(),
            steps: Family::new_with_constructor(histogram),
            objects: Family::default(),
            watch_restarts: Family::default(),
            status_writes: Family::default(),
            calls: Family::default(),
            call_times: Family::new_with_constructor(call_histogram),
            certificate: Gauge::default(),
            queue: Gauge::default(),
            children: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("reconciles", "Passes over a service, by outcome", self.passes.clone());
        r.register("step_duration_seconds", "Duration of the steps of a pass", self.steps.clone());
        r.register("objects", "Child objects, by kind and by what was done", self.objects.clone());
        r.register("watch_interruptions", "Interrupted watches, by resource", self.watch_restarts.clone());
        r.register("status_writes", "Status writes, by result", self.status_writes.clone());
        r.register(
            "webhook_requests",
            "Calls of webhooks, by what was asked and how it ended",
            self.calls.clone(),
        );
        r.register("webhook_duration_seconds", "Duration of calls of webhooks", self.call_times.clone());
        let expiry =
            "When the certificate of the webhooks ends, in seconds since 1970; 0 while there is none";
        r.register("webhook_certificate_expiry_seconds", expiry, self.certificate.clone());
        r.register("queue_depth", "Services that are due", self.queue.clone());
        r.register("watched_children", "Child objects held by the watches", self.children.clone());
    }

    /// A pass ended.
    pub fn passed(&self, outcome: Outcome) {
        self.passes.get_or_create(&vec![("outcome", outcome.as_str())]).inc();
    }

    /// A step took this long.
    pub fn took(&self, step: Step, duration: Duration) {
        self.steps.get_or_create(&vec![("step", step.as_str())]).observe(duration.as_secs_f64());
    }

    /// Something was done to children of a kind.
    pub fn did(&self, verb: Verb, kind: Kind, count: u64) {
        let labels = vec![("kind", kind.served().kind), ("verb", verb.as_str())];
        self.objects.get_or_create(&labels).inc_by(count);
    }

    /// A watch was interrupted; `label` is one of the watches' names.
    pub fn watch_restarted(&self, label: &'static str) {
        self.watch_restarts.get_or_create(&vec![("watch", label)]).inc();
    }

    /// A status was written, or could not be.
    pub fn status_written(&self, ok: bool) {
        let result = if ok { "written" } else { "failed" };
        self.status_writes.get_or_create(&vec![("result", result)]).inc();
    }

    /// A webhook was called.
    pub fn called(&self, call: Call, result: CallResult, duration: Duration) {
        let path = ("path", call.as_str());
        self.calls.get_or_create(&vec![path, ("result", result.as_str())]).inc();
        self.call_times.get_or_create(&vec![path]).observe(duration.as_secs_f64());
    }

    /// The webhooks serve a certificate that ends then.
    pub fn certificate_ends(&self, at: Timestamp) {
        self.certificate.set(at.as_second());
    }

    /// The text that `/metrics` serves.
    pub fn text(&self, queue: usize, children: usize) -> Result<String, std::fmt::Error> {
        self.queue.set(i64::try_from(queue).unwrap_or(i64::MAX));
        self.children.set(i64::try_from(children).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_carry_closed_labels() {
        let metrics = Metrics::default();
        metrics.passed(Outcome::Settled);
        metrics.did(Verb::Created, Kind::Deployment, 2);
        metrics.took(Step::Apply, Duration::from_millis(2));
        metrics.status_written(true);
        metrics.watch_restarted("services");
        metrics.called(Call::Convert, CallResult::Ok, Duration::from_millis(1));
        metrics.certificate_ends(Timestamp::from_second(7).unwrap());
        let text = metrics.text(3, 4).unwrap();
        assert!(text.contains(r#"llmisvc_reconciles_total{outcome="settled"} 1"#), "{text}");
        assert!(text.contains(r#"llmisvc_objects_total{kind="Deployment",verb="created"} 2"#), "{text}");
        assert!(text.contains("llmisvc_queue_depth 3"), "{text}");
        let calls = r#"llmisvc_webhook_requests_total{path="convert",result="ok"} 1"#;
        assert!(text.contains(calls), "{text}");
        assert!(text.contains("llmisvc_webhook_certificate_expiry_seconds 7"), "{text}");
    }
}
