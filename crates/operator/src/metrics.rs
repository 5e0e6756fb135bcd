//! Metrics; every label value comes from a closed set.

mod label;
#[cfg(test)]
mod monitoring;
mod services;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use llmisvc_kinds::Kind;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

pub use label::{Call, CallResult, ConfigWrite, Line, Outcome, Rewrite, Step, Told, Verb};
pub use services::PerService;

type Labels = Vec<(&'static str, &'static str)>;
type Counters = Family<Labels, Counter>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

const PREFIX: &str = "llmisvc";

/// Upper bounds in seconds: a settled pass takes less than a millisecond, one over a slow API server seconds.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0, 30.0];

/// The same for reviews, which take a millisecond at most.
const CALL_BUCKETS: [f64; 8] = [0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1, 1.0, 5.0];

/// The same for how late a watch is; the API server dates changes by the second.
const LAG_BUCKETS: [f64; 7] = [1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 120.0];

/// All metrics and the registry that encodes them.
pub struct Metrics {
    registry: Registry,
    /// Names as they are scraped; a test compares them with the documentation.
    names: Vec<String>,
    /// What is told of each service.
    pub services: Arc<PerService>,
    passes: Counters,
    steps: Histograms,
    objects: Counters,
    watch_restarts: Counters,
    status_writes: Counters,
    config_writes: Counters,
    stored: Counters,
    calls: Counters,
    call_times: Histograms,
    certificate: Gauge,
    queue: Gauge,
    children: Gauge,
    waits: Histograms,
    lags: Histograms,
    events: Counters,
    leader: Gauge,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

fn call_histogram() -> Histogram {
    Histogram::new(CALL_BUCKETS)
}

fn lag_histogram() -> Histogram {
    Histogram::new(LAG_BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix(PREFIX),
            names: Vec::new(),
            services: Arc::default(),
            passes: Family::default(),
            steps: Family::new_with_constructor(histogram),
            objects: Family::default(),
            watch_restarts: Family::default(),
            status_writes: Family::default(),
            config_writes: Family::default(),
            stored: Family::default(),
            calls: Family::default(),
            call_times: Family::new_with_constructor(call_histogram),
            certificate: Gauge::default(),
            queue: Gauge::default(),
            children: Gauge::default(),
            waits: Family::new_with_constructor(histogram),
            lags: Family::new_with_constructor(lag_histogram),
            events: Family::default(),
            leader: Gauge::default(),
        };
        metrics.register_all();
        metrics
    }
}

impl Metrics {
    fn register_all(&mut self) {
        self.counter("reconciles", "Passes over a service, by outcome", self.passes.clone());
        self.register("step_duration_seconds", "Duration of the steps of a pass", self.steps.clone());
        self.counter("objects", "Child objects, by kind and by what was done", self.objects.clone());
        self.counter("status_writes", "Status writes, by result", self.status_writes.clone());
        self.counter("config_writes", "Writes to configs, by what was written", self.config_writes.clone());
        self.counter("events", "Events told, by what became of them", self.events.clone());
        let stored = "Objects stored in the current version, by result";
        self.counter("stored_anew", stored, self.stored.clone());
        self.register("watched_children", "Child objects held by the watches", self.children.clone());
        self.register_watches();
        self.register_webhooks();
        self.register_process();
    }

    fn register_watches(&mut self) {
        let interruptions = "Interrupted watches, by resource";
        self.counter("watch_interruptions", interruptions, self.watch_restarts.clone());
        let lag = "Time between a change, as the API server dates it, and its arrival, by watch";
        self.register("watch_lag_seconds", lag, self.lags.clone());
        self.register("queue_depth", "Services that are due", self.queue.clone());
        let wait = "Time that what was due waited for its pass, by queue";
        self.register("queue_wait_seconds", wait, self.waits.clone());
    }

    fn register_webhooks(&mut self) {
        let calls = "Calls of webhooks, by what was asked and how it ended";
        self.counter("webhook_requests", calls, self.calls.clone());
        let times = "Duration of calls of webhooks";
        self.register("webhook_duration_seconds", times, self.call_times.clone());
        let expiry =
            "When the certificate of the webhooks ends, in seconds since 1970; 0 while there is none";
        self.register("webhook_certificate_expiry_seconds", expiry, self.certificate.clone());
    }

    fn register_process(&mut self) {
        self.register("leader", "1 while this process works, 0 while it stands by", self.leader.clone());
        let build: Family<Labels, Gauge> = Family::default();
        build.get_or_create(&vec![("version", env!("CARGO_PKG_VERSION"))]).set(1);
        self.register("build_info", "Version of the operator; always 1", build);
        for (name, _) in [services::CONDITION, services::CERTIFICATE, services::STOPPED] {
            self.names.push(format!("{PREFIX}_{name}"));
        }
        self.registry.register_collector(Box::new(Arc::clone(&self.services)));
    }

    fn register(&mut self, name: &str, help: &str, metric: impl Metric) {
        self.names.push(format!("{PREFIX}_{name}"));
        self.registry.register(name, help, metric);
    }

    /// Counters are scraped with a suffix.
    fn counter(&mut self, name: &str, help: &str, counters: Counters) {
        self.names.push(format!("{PREFIX}_{name}_total"));
        self.registry.register(name, help, counters);
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

    /// Something was written about a config.
    pub fn config_written(&self, what: ConfigWrite) {
        self.config_writes.get_or_create(&vec![("what", what.as_str())]).inc();
    }

    /// An object of one of our own kinds was stored in the current version, or could not be.
    pub fn stored_anew(&self, kind: &'static str, result: Rewrite) {
        self.stored.get_or_create(&vec![("kind", kind), ("result", result.as_str())]).inc();
    }

    /// A webhook was called.
    pub fn called(&self, call: Call, result: CallResult, duration: Duration) {
        let path = ("path", call.as_str());
        self.calls.get_or_create(&vec![path, ("result", result.as_str())]).inc();
        self.call_times.get_or_create(&vec![path]).observe(duration.as_secs_f64());
    }

    /// What was due had to wait this long.
    pub fn waited(&self, line: Line, wait: Duration) {
        self.waits.get_or_create(&vec![("queue", line.as_str())]).observe(wait.as_secs_f64());
    }

    /// A watch shows a change that was made then; `label` is one of the watches' names.
    pub fn shown(&self, label: &'static str, changed: Timestamp, now: Timestamp) {
        let lag = Duration::try_from(now.duration_since(changed)).unwrap_or_default();
        self.lags.get_or_create(&vec![("watch", label)]).observe(lag.as_secs_f64());
    }

    /// What became of an event.
    pub fn told(&self, told: Told) {
        self.events.get_or_create(&vec![("result", told.as_str())]).inc();
    }

    /// Whether this process works.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
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
    use std::collections::BTreeSet;

    use llmisvc_core::facts::Ref;
    use serde_json::json;

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
        metrics.waited(Line::Configs, Duration::from_millis(30));
        metrics.told(Told::Repeated);
        metrics.leads(true);
        let text = metrics.text(3, 4).unwrap();
        let expected = [
            r#"llmisvc_reconciles_total{outcome="settled"} 1"#,
            r#"llmisvc_objects_total{kind="Deployment",verb="created"} 2"#,
            "llmisvc_queue_depth 3",
            r#"llmisvc_webhook_requests_total{path="convert",result="ok"} 1"#,
            "llmisvc_webhook_certificate_expiry_seconds 7",
            r#"llmisvc_queue_wait_seconds_bucket{le="0.05",queue="configs"} 1"#,
            r#"llmisvc_events_total{result="repeated"} 1"#,
            "llmisvc_leader 1",
            concat!(r#"llmisvc_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
        ];
        for line in expected {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_watch_is_never_early_however_the_clocks_differ() {
        let (metrics, now) = (Metrics::default(), Timestamp::from_second(1000).unwrap());
        metrics.shown("pods", Timestamp::from_second(996).unwrap(), now);
        metrics.shown("pods", Timestamp::from_second(1060).unwrap(), now);
        let text = metrics.text(0, 0).unwrap();
        assert!(text.contains(r#"llmisvc_watch_lag_seconds_sum{watch="pods"} 4"#), "{text}");
    }

    #[test]
    fn each_service_has_its_conditions_until_it_goes() {
        let (metrics, m) = (Metrics::default(), Ref::new("ns", "m"));
        let status = json!({"conditions": [
            {"type": "Ready", "status": "False"}, {"type": "PresetsCombined", "status": "True"},
            {"type": "RouterReady", "status": "Unknown"}, {"type": "ofAnother", "status": "True"},
        ]});
        metrics.services.put(&m, &status, Timestamp::from_second(7).ok());
        let stopped = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Stopped"}]});
        metrics.services.put(&Ref::new("ns", "n"), &stopped, None);
        let series = |text: &str| {
            let of_services = text.lines().filter(|line| line.contains("namespace=")).map(str::to_owned);
            of_services.collect::<Vec<_>>()
        };
        let expected = [
            r#"llmisvc_condition{namespace="ns",name="m",condition="Ready"} 0"#,
            r#"llmisvc_condition{namespace="ns",name="m",condition="PresetsCombined"} 1"#,
            r#"llmisvc_condition{namespace="ns",name="m",condition="RouterReady"} -1"#,
            r#"llmisvc_condition{namespace="ns",name="n",condition="Ready"} 0"#,
            r#"llmisvc_certificate_expiry_seconds{namespace="ns",name="m"} 7"#,
            r#"llmisvc_stopped{namespace="ns",name="n"} 1"#,
        ];
        assert_eq!(series(&metrics.text(0, 0).unwrap()), expected);
        metrics.services.forget(&m);
        metrics.services.forget(&Ref::new("ns", "n"));
        assert_eq!(series(&metrics.text(0, 0).unwrap()), [""; 0]);
    }

    /// First cells of the rows of the table in docs/operations.md.
    fn documented() -> BTreeSet<String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let page = std::fs::read_to_string(path).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `llmisvc_")?.split_once('`'));
        rows.map(|(name, _)| format!("llmisvc_{name}")).collect()
    }

    #[test]
    fn every_metric_is_documented_and_no_other() {
        let registered: BTreeSet<String> = Metrics::default().names.into_iter().collect();
        assert_eq!(documented(), registered);
    }
}
