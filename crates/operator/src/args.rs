//! Command line and environment.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use llmisvc_core::facts::{Cluster, OWN_PREFIX};

/// Operator for LLMInferenceService: keeps Deployments, Services, routes and pools as the service's YAML says.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(name = "llmisvc-operator", version)]
pub struct Args {
    /// Work only while holding the Lease `llminferenceservice-kserve-controller-manager`.
    #[arg(long, default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    pub leader_elect: bool,
    /// Address of `/metrics`; 0 turns it off.
    #[arg(long, default_value = ":8443", value_parser = listen)]
    pub metrics_addr: Listen,
    /// Serve metrics over TLS, to callers that a TokenReview and a SubjectAccessReview let pass.
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    pub metrics_secure: bool,
    /// Address of `/healthz` and `/readyz`; 0 turns it off.
    #[arg(long, default_value = ":8081", value_parser = listen)]
    pub health_probe_addr: Listen,
    /// Port of the webhooks; 0 turns them off.
    #[arg(long, default_value_t = 9443)]
    pub webhook_port: u16,
    /// Address of the webhooks, in place of --webhook-port on all addresses; 0 turns them off.
    #[arg(long, value_parser = listen)]
    pub webhook_addr: Option<Listen>,
    /// Directory with `tls.crt`, `tls.key` and, if its CA is to be injected, `ca.crt`; read again when they change.
    /// Without it the operator makes and renews the webhooks' certificate.
    #[arg(long)]
    pub webhook_cert_dir: Option<PathBuf>,
    /// Address at which the API server finds the webhooks, when that is not their Service: its host goes into the
    /// certificate.
    #[arg(long, value_parser = url)]
    pub webhook_url: Option<String>,
    /// How long the webhooks' certificate lives, such as 90d or 12h; its CA lives ten times as long. Both are renewed
    /// after two thirds.
    #[arg(long, default_value = "365d", value_parser = duration)]
    pub webhook_cert_lifetime: Duration,
    /// How long a rotation waits between its steps, for every API server to hear of the last one.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub webhook_rotation_pause: Duration,
    /// Answer the mutating webhook, where that is installed, with a patch that sets an empty `spec.model.name` to the
    /// name of the service.
    #[arg(long, default_value_t = false, num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    pub default_model_name: bool,
    /// How long webhooks are served after SIGTERM: whoever calls hears late that this replica goes.
    #[arg(long, default_value = "3s", value_parser = duration)]
    pub shutdown_delay: Duration,
    /// Apply the presets that this version ships to the system namespace.
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    pub install_presets: bool,
    /// Registry that the images of these presets come from, in place of the one that each names.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub image_registry: String,
    /// Services that are worked on at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Form of the log lines.
    #[arg(long, value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// Log level, or a filter such as `info,llmisvc_operator=debug`.
    #[arg(long, default_value = "info")]
    pub log_level: String,
    /// Path of a kubeconfig; else the one in KUBECONFIG, else the pod's account, else ~/.kube/config.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the operator, its presets and the ConfigMap `inferenceservice-config`.
    #[arg(long, env = "POD_NAMESPACE", default_value = "kserve", hide = true)]
    pub pod_namespace: String,
    /// Prefix of preset names.
    #[arg(long, env = "LLM_INFERENCE_SERVICE_CONFIG_PREFIX", default_value = OWN_PREFIX, hide = true)]
    pub config_prefix: String,
    /// Pin preset names in `status.annotations`, in Go's notation of booleans.
    #[arg(long, env = "LLM_INFERENCE_SERVICE_VERSIONED_CONFIG", default_value = "true", value_parser = go_bool,
          action = ArgAction::Set, hide = true)]
    pub versioned_config: bool,
    /// Refuse the deletion of presets in the system namespace.
    #[arg(long, env = "PREVENT_WELL_KNOWN_CONFIG_DELETION", default_value = "true", value_parser = go_bool,
          action = ArgAction::Set, hide = true)]
    pub prevent_config_deletion: bool,
    /// DNS domain of the cluster; else from /etc/resolv.conf, else cluster.local.
    #[arg(long, env = "CLUSTER_DOMAIN", hide = true)]
    pub cluster_domain: Option<String>,
    /// Something else than running.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Things that are not running the operator.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Print the ClusterRole, ServiceAccount and bindings that the operator needs.
    #[command(hide = true)]
    Rbac,
    /// Print the webhook configurations and their Service; with --webhook-url for that address.
    #[command(hide = true)]
    Webhooks,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Where to listen, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

/// `:8443` listens everywhere, as in Go; `0` nowhere.
fn listen(text: &str) -> Result<Listen, String> {
    if text == "0" {
        return Ok(Listen(None));
    }
    let everywhere = text.strip_prefix(':').and_then(|port| port.parse().ok());
    let address = everywhere.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    let parsed =
        address.map_or_else(|| text.parse().map_err(|e| format!("{e}: use HOST:PORT, :PORT or 0")), Ok);
    parsed.map(|address| Listen(Some(address)))
}

/// The longest time that makes sense, so that sums of times stay within the calendar.
const CENTURY: u64 = 100 * 365 * 24 * 60 * 60;

/// `90d`, `12h`, `30m`, `10s`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)];
    let parsed = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds).filter(|seconds| *seconds <= CENTURY)
    });
    parsed.map(Duration::from_secs).ok_or_else(|| "use a number and s, m, h or d, such as 90d".to_owned())
}

fn url(text: &str) -> Result<String, String> {
    let host = crate::webhook::host(text).filter(|_| text.starts_with("https://"));
    host.map(|_| text.to_owned()).ok_or_else(|| "use https://HOST[:PORT][/PATH]".to_owned())
}

/// Go's `strconv.ParseBool`; what does not parse is false.
#[allow(clippy::unnecessary_wraps, reason = "the signature of a value parser")]
fn go_bool(text: &str) -> Result<bool, String> {
    Ok(matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

impl Args {
    /// Where webhooks are served, if they are.
    pub fn webhooks(&self) -> Option<SocketAddr> {
        let everywhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), self.webhook_port);
        match self.webhook_addr {
            Some(Listen(address)) => address,
            None => (self.webhook_port != 0).then_some(everywhere),
        }
    }

    /// The cluster as far as the command line and the resolver file tell; nothing optional is served yet.
    pub fn cluster(&self, resolv_conf: Option<&str>) -> Cluster {
        Cluster {
            domain: domain(self.cluster_domain.as_deref(), resolv_conf),
            system_namespace: self.pod_namespace.clone(),
            config_prefix: self.config_prefix.clone(),
            pin_configs: self.versioned_config,
            served: llmisvc_kinds::Kind::ALL.iter().copied().filter(|k| !k.served().optional).collect(),
        }
    }
}

/// The cluster's DNS domain: as given, else from the search entry `svc.DOMAIN`, else `cluster.local`.
fn domain(given: Option<&str>, resolv_conf: Option<&str>) -> String {
    let search = resolv_conf.into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix("search"));
    let found = search.flat_map(str::split_whitespace).find_map(|entry| entry.strip_prefix("svc."));
    let found = found.map(|entry| entry.trim_end_matches('.'));
    given.filter(|d| !d.is_empty()).or(found).unwrap_or("cluster.local").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn args(given: &[&str]) -> Args {
        Args::try_parse_from(std::iter::once("llmisvc-operator").chain(given.iter().copied())).unwrap()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        // G-58
        let args = args(&[]);
        assert_eq!(args.metrics_addr.0.unwrap().to_string(), "0.0.0.0:8443");
        assert_eq!(args.health_probe_addr.0.unwrap().to_string(), "0.0.0.0:8081");
        assert!(args.metrics_secure && args.install_presets && !args.leader_elect);
        assert_eq!((args.webhook_port, args.concurrency), (9443, 8));
    }

    #[test]
    fn flags_are_given_as_in_go() {
        let args =
            args(&["--leader-elect", "--install-presets=false", "--metrics-addr=0", "--webhook-port=0"]);
        assert!(args.leader_elect && !args.install_presets);
        assert_eq!((args.metrics_addr.0, args.webhook_port), (None, 0));
    }

    #[test]
    fn webhooks_listen_on_a_port_or_an_address_or_not_at_all() {
        let listening = |given: &[&str]| args(given).webhooks().map(|address| address.to_string());
        assert_eq!(listening(&[]).as_deref(), Some("0.0.0.0:9443"));
        assert_eq!(listening(&["--webhook-addr=127.0.0.1:7"]).as_deref(), Some("127.0.0.1:7"));
        assert_eq!(listening(&["--webhook-port=0"]), None);
        assert_eq!(listening(&["--webhook-addr=0"]), None);
    }

    #[test]
    fn times_have_a_unit_and_an_end() {
        let hours = |hours| Ok(Duration::from_hours(hours));
        assert_eq!(
            ["90d", "12h", "120m", "3600s"].map(duration),
            [hours(2160), hours(12), hours(2), hours(1)]
        );
        for bad in ["", "1", "d", "-1s", "1w", "40000d", "99999999999999999999d"] {
            assert!(duration(bad).unwrap_err().contains("such as 90d"), "{bad}");
        }
    }

    #[test]
    fn an_address_of_webhooks_is_a_url_of_https() {
        assert_eq!(url("https://h:1/p").as_deref(), Ok("https://h:1/p"));
        for bad in ["http://h", "h", "https://", ""] {
            assert!(url(bad).unwrap_err().contains("https://HOST"), "{bad}");
        }
    }

    #[test]
    fn a_bad_address_says_what_would_be_good() {
        let error = Args::try_parse_from(["x", "--metrics-addr=nowhere"]).unwrap_err().to_string();
        assert!(error.contains("use HOST:PORT, :PORT or 0"), "{error}");
    }

    #[test]
    fn the_domain_comes_from_the_environment_then_the_resolver_then_the_default() {
        let resolver = "nameserver 10.0.0.10\nsearch ns.svc.corp.example svc.corp.example. corp.example\n";
        assert_eq!(domain(Some("given"), Some(resolver)), "given");
        assert_eq!(domain(Some(""), Some(resolver)), "corp.example");
        assert_eq!(domain(None, None), "cluster.local");
    }

    #[test]
    fn booleans_of_the_environment_are_gos() {
        assert_eq!(
            ["1", "T", "true", "yes", "0", ""].map(|t| go_bool(t).unwrap()),
            [true, true, true, false, false, false]
        );
    }
}
