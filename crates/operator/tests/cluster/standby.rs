//! Operators that stand by: they serve webhooks and write nothing else, since the Lease is held by somebody who does not
//! answer.

use anyhow::Result;
use llmisvc_testkit::operator::{Options, Webhooks};
use llmisvc_testkit::{Cluster, Operator};

const LEASE: &str = "
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: llminferenceservice-kserve-controller-manager, namespace: kserve}
spec: {holderIdentity: nobody, leaseDurationSeconds: 3600}
";

/// One of them, with these further arguments.
pub fn standby(cluster: &Cluster, webhooks: Webhooks, args: &[&str]) -> Result<Operator> {
    cluster.kubectl(&["apply", "-f", "-"], Some(LEASE))?;
    let args = std::iter::once("--leader-elect").chain(args.iter().copied()).map(str::to_owned).collect();
    Operator::start(cluster, &Options { args, webhooks, ..Options::default() })
}
