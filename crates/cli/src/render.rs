//! `llmisvc render` and `llmisvc validate`: every service of the input, through the operator's own steps.

use std::fmt::Write as _;

use llmisvc_api::conversion::convert;
use llmisvc_api::v1alpha2::KIND;
use llmisvc_api::version::Version;
use llmisvc_core::facts::{Answer, Key, Seen};
use llmisvc_core::object::Object;
use llmisvc_core::pass::Finding;
use llmisvc_core::traffic::{Member, Standing, standing};
use llmisvc_core::{Decision, Inputs, Step, decide, tree};
use serde_json::{Value, json};

use crate::input::Document;
use crate::offline::Offline;

/// What came of one service.
#[derive(Debug)]
pub struct Rendered {
    /// Where it stands in the input.
    pub document: Document,
    /// The service, in its namespace.
    pub service: Value,
    /// What was decided.
    pub decision: Decision,
}

/// Everything that came of the input.
#[derive(Debug, Default)]
pub struct Report {
    /// Services, in the order of the input.
    pub services: Vec<Rendered>,
    /// Documents that cannot be services or configs, one line each.
    pub rejected: Vec<String>,
}

const GROUP: &str = "serving.kserve.io/";

/// Decides every `LLMInferenceService` among the documents.
pub fn render(documents: &[Document], offline: &Offline, namespace: &str) -> Report {
    let mut report = Report::default();
    for document in documents.iter().filter(|d| tree::text(&d.value, &["apiVersion"]).starts_with(GROUP)) {
        match usable(document) {
            Err(line) => report.rejected.push(line),
            Ok(object) if tree::text(&object, &["kind"]) == KIND => {
                let service = in_namespace(&object, namespace);
                let decision = one(&service, offline);
                report.services.push(Rendered { document: document.clone(), service, decision });
            }
            Ok(_) => {}
        }
    }
    report
}

/// The object as v1alpha2.
pub(crate) fn usable(document: &Document) -> Result<Value, String> {
    let version = tree::text(&document.value, &["apiVersion"]);
    let at = format!("{}:{}", document.file, document.number);
    let served = Version::ALL.map(Version::api_version).join(" or ");
    let object = convert(document.value.clone(), Version::V1alpha2)
        .map_err(|_| format!("{at}: apiVersion: {version} is not served; write {served}"))?;
    if tree::text(&document.value, &["metadata", "name"]).is_empty() {
        return Err(format!("{at}: metadata.name: required; give the object a name"));
    }
    Ok(object)
}

/// The service in this namespace, unless it names one.
pub fn in_namespace(service: &Value, namespace: &str) -> Value {
    let mut service = service.clone();
    let metadata = tree::object(&mut service, "metadata");
    metadata.entry("namespace").or_insert_with(|| json!(namespace));
    service
}

pub(crate) fn one(service: &Value, offline: &Offline) -> Decision {
    decided(service, offline, |_, decision| decision)
}

/// Decides a service, and gives what `then` makes of the decision and what it was made from.
pub fn passed<T>(service: &Value, offline: &Offline, then: fn(&Inputs<'_>, &Decision) -> T) -> T {
    decided(service, offline, |inputs, decision| then(inputs, &decision))
}

/// What a service that is up and running publishes for the other members of its group. Who else is in it has no part in
/// that, and so is not asked.
pub(crate) fn member(service: &Value, offline: &Offline) -> Option<Member> {
    let alone = |key: &Key| match key {
        Key::Group(_) => Answer::Absent,
        key => offline.answer(key, service),
    };
    let decision = answered(service, offline, alone, |_, decision| decision);
    let published = standing(service, &decision, &Value::Null, &Standing::Unknown);
    published.member().cloned().map(|member| Member { routable: !member.stopped, ..member })
}

fn decided<T>(service: &Value, offline: &Offline, then: impl FnOnce(&Inputs<'_>, Decision) -> T) -> T {
    answered(service, offline, |key| offline.answer(key, service), then)
}

fn answered<T>(
    service: &Value,
    offline: &Offline,
    answer: impl Fn(&Key) -> Answer,
    then: impl FnOnce(&Inputs<'_>, Decision) -> T,
) -> T {
    let live = offline.live(service);
    let mut seen = Seen::default();
    loop {
        let inputs = Inputs {
            service,
            settings: &offline.settings,
            cluster: &offline.cluster,
            seen: &seen,
            live: &live,
        };
        match decide(&inputs) {
            Step::Done(decision) => return then(&inputs, *decision),
            Step::Need(keys) => keys.into_iter().for_each(|key| {
                let answer = answer(&key);
                seen.insert(key, answer);
            }),
        }
    }
}

impl Rendered {
    fn line(&self, finding: &Finding) -> String {
        format!("{}:{}: {finding}", self.document.file, self.document.number)
    }

    fn faults(&self) -> Vec<String> {
        let fault = self.decision.outcome.as_ref().err();
        fault.into_iter().flat_map(|f| &f.findings).map(|f| self.line(f)).collect()
    }
}

impl Report {
    /// One line per finding, `file:document: field.path: message (from config X)`.
    pub fn findings(&self) -> Vec<String> {
        let blocked = self.services.iter().filter(|s| s.decision.objects().is_none());
        self.rejected.iter().cloned().chain(blocked.flat_map(Rendered::faults)).collect()
    }

    /// One line per warning, in the same form. What is wrong with a stopped service is only a warning.
    pub fn warnings(&self) -> Vec<String> {
        let stopped =
            self.services.iter().filter(|s| s.decision.objects().is_some()).flat_map(Rendered::faults);
        let warned = self.services.iter().flat_map(|s| s.decision.warnings.iter().map(|w| s.line(w)));
        warned.chain(stopped).collect()
    }

    /// One line for each thing that is worth knowing and neither wrong nor doubtful, in the same form. These never
    /// count, not even for `--strict`.
    pub fn notes(&self) -> Vec<String> {
        let of =
            |s: &Rendered| s.decision.notes().iter().map(|note| s.line(&note.finding)).collect::<Vec<_>>();
        self.services.iter().flat_map(of).collect()
    }

    /// The children of every service, in apply order.
    pub fn objects(&self) -> Vec<Value> {
        let desired = self.services.iter().filter_map(|s| s.decision.outcome.as_ref().ok());
        desired.flat_map(|d| d.objects.iter().map(printed)).collect()
    }

    /// The children as a YAML stream that `kubectl apply -f -` takes.
    pub fn yaml(&self) -> Result<String, serde_yaml_ng::Error> {
        self.objects().iter().try_fold(String::new(), |mut text, object| {
            let _ = write!(text, "---\n{}", serde_yaml_ng::to_string(object)?);
            Ok(text)
        })
    }
}

/// Keys are made by the operator and never shown. The API server takes no TLS Secret without these two entries.
fn printed(object: &Object) -> Value {
    let mut body = object.body.clone();
    if object.tls.is_some() {
        *tree::entry(&mut body, "data") = json!({"tls.crt": "", "tls.key": ""});
    }
    body
}
