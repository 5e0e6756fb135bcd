//! What the trouble of pods means for the workload that they belong to.

use llmisvc_kinds::Kind;

use super::claim::Claim;
use super::{Cause, Trouble, Why};
use crate::pods::Pod;

/// A Deployment or LeaderWorkerSet.
#[derive(Clone, Copy, Debug)]
pub struct Workload<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Hash of its newest pod template, if any pod is made from that and the hash is known: then older ones are of no
    /// interest.
    pub newest: Option<&'a str>,
    /// How many pods it shall have.
    pub wanted: i64,
}

/// The gravest trouble of a workload's pods, if any is in trouble. `claim` tells of a PersistentVolumeClaim.
pub fn of_workload<'c>(
    workload: &Workload<'_>,
    pods: &[Pod],
    claim: impl Fn(&str) -> Claim<'c>,
) -> Option<Cause> {
    let own = pods.iter().filter_map(|pod| Some((pod, pod.trouble.as_deref()?)));
    let own = own.filter(|(pod, trouble)| workload.owns(pod, trouble));
    let known: Vec<Known<'_>> =
        own.filter_map(|(pod, trouble)| workload.look(pod, trouble, &claim)).collect();
    let first = known.iter().min_by_key(|it| (it.why, &it.pod.name))?;
    let alike = known.iter().filter(|it| it.why == first.why).count();
    let many = i64::try_from(alike).unwrap_or(i64::MAX);
    let total = workload.wanted.max(many);
    let count = if total > 1 { format!("{many} of {total} pods: ") } else { String::new() };
    Some(Cause { reason: first.why.reason(), message: format!("{count}{}", first.text) })
}

/// A pod's trouble once claims were looked at.
struct Known<'a> {
    pod: &'a Pod,
    why: Why,
    text: String,
}

impl Workload<'_> {
    /// Labels can be set by anybody, so the pod's controller has to be one that the workload makes (edge 61).
    fn owns(&self, pod: &Pod, trouble: &Trouble) -> bool {
        let rest = trouble.owner.strip_prefix(self.name);
        let is_own = rest.is_some_and(|rest| match self.kind {
            // The leaders' StatefulSet has its name; those of the workers add the group.
            Kind::LeaderWorkerSet => {
                rest.is_empty() || rest.strip_prefix('-').is_some_and(|group| group.parse::<u32>().is_ok())
            }
            _ => rest.strip_prefix('-').is_some_and(|hash| hash == pod.template && !hash.is_empty()),
        });
        is_own && self.newest.is_none_or(|newest| newest == pod.template)
    }

    fn look<'a, 'c>(
        &self,
        pod: &'a Pod,
        trouble: &Trouble,
        claim: &impl Fn(&str) -> Claim<'c>,
    ) -> Option<Known<'a>> {
        let namespace = self.namespace;
        let pending = |name: &String| claim(name).pending(&format!("{namespace}/{name}"));
        if let Some(pending) = trouble.claims.iter().find_map(pending) {
            let text = format!("pod {} waits for {pending}", pod.name);
            return Some(Known { pod, why: Why::Volume, text });
        }
        let why = match (trouble.why, trouble.detail.is_empty()) {
            // The claims are bound: it waits for nothing that anybody told.
            (Why::Volume, true) => return None,
            (Why::Volume, false) => Why::Unschedulable,
            (why, _) => why,
        };
        Some(Known { pod, why, text: text(pod, trouble, why) })
    }
}

fn text(pod: &Pod, trouble: &Trouble, why: Why) -> String {
    let (name, detail) = (&pod.name, &trouble.detail);
    let container = trouble.container.as_deref().unwrap_or_default();
    let subject = match container {
        "" => format!("pod {name}"),
        container => format!("pod {name}, container {container}:"),
    };
    format!("{subject} {detail}; {}", why.remedy(name, container))
}
