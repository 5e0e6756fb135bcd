//! Answers the core's questions from files instead of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use llmisvc_api::conversion::convert;
use llmisvc_api::v1alpha2::{CONFIG_KIND, KIND};
use llmisvc_api::version::Version;
use llmisvc_core::adopt::fields;
use llmisvc_core::ca_bundle;
use llmisvc_core::cause;
use llmisvc_core::facts::{Answer, Cluster, Key, Ref, reduce_secret};
use llmisvc_core::object::{Live, LiveObject};
use llmisvc_core::pods::{self, Body, Pod};
use llmisvc_core::settings::Settings;
use llmisvc_core::traffic::Members;
use llmisvc_core::{labels, names, tree};
use llmisvc_kinds::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::input::Document;
use crate::render;

/// What documents with a pool of the older group are kept under.
const OLDER_POOL: &str = "InferencePool of the older group";

/// What `--facts` says about a cluster. Everything left out is a cluster with all CRDs and the example gateway.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Facts {
    /// Optional kinds that are served, as `group/version/kind`.
    pub served: Option<Vec<String>>,
    /// DNS domain.
    pub cluster_domain: Option<String>,
    /// Minor version of the API server.
    pub kubernetes_minor: Option<u32>,
    /// Gateways.
    pub gateways: Vec<Value>,
    /// Services behind gateways.
    pub services: Vec<Value>,
    /// ServiceAccounts.
    pub service_accounts: Vec<Value>,
    /// Secrets: `{metadata, type, keys}`, no values.
    pub secrets: Vec<Value>,
    /// Pods, as a cluster shows them. One that no node takes counts as blocked.
    pub pods: Vec<Body>,
    /// Live children.
    pub live: Vec<Value>,
    /// GatewayClasses of the gateways.
    pub gateway_classes: Vec<Value>,
    /// Ingresses of the user.
    pub ingresses: Vec<Value>,
}

/// The cluster that files describe.
#[derive(Debug)]
pub struct Offline {
    objects: BTreeMap<(String, Ref), Arc<Value>>,
    live: Vec<Value>,
    /// Whether live children without a trace of ours are a former controller's.
    adopting: bool,
    pods: Vec<(Ref, Pod)>,
    /// Whether accounts that no file shows are taken to exist.
    trusting: bool,
    /// The cluster as a whole.
    pub cluster: Cluster,
    /// Parsed global ConfigMap.
    pub settings: Settings,
}

impl Offline {
    /// A cluster of the documents, the presets, and the facts.
    pub fn new(
        documents: &[Document],
        presets: Vec<Value>,
        config: Option<&Value>,
        facts: Option<Facts>,
        namespace: &str,
    ) -> Self {
        let trusting = facts.is_none();
        let facts = facts.unwrap_or_default();
        let (cluster, lists_served) = (cluster(&facts), facts.served.is_some());
        let settings = settings(config.or(global(documents, &cluster)), &cluster);
        let system = cluster.system_namespace.clone();
        let lives: Vec<Kind> = facts.live.iter().filter_map(kind_of).filter(|_| !lists_served).collect();
        let (live, pods) =
            (facts.live, facts.pods.into_iter().map(|pod| of_service(pod, namespace)).collect());
        let mut offline =
            Self { objects: BTreeMap::new(), live, adopting: false, pods, trusting, cluster, settings };
        offline.cluster.served.extend(lives);
        for preset in presets {
            offline.add(CONFIG_KIND, &system, preset);
        }
        for document in documents {
            let object = document.value.clone();
            let object = convert(object.clone(), Version::V1alpha2).unwrap_or(object);
            let kind = kind_of(&document.value);
            let is_older = kind == Some(Kind::OlderInferencePool);
            offline.add(
                if is_older { OLDER_POOL } else { tree::text(&document.value, &["kind"]) },
                namespace,
                object,
            );
            // A cluster that has one serves its kind, unless the facts say what it serves.
            offline.cluster.served.extend(kind.filter(|_| !lists_served));
        }
        let listed = [
            ("Gateway", facts.gateways),
            ("Service", facts.services),
            ("ServiceAccount", facts.service_accounts),
            ("Secret", facts.secrets),
            ("GatewayClass", facts.gateway_classes),
            ("Ingress", facts.ingresses),
        ];
        for (kind, objects) in listed {
            for object in objects {
                offline.add(kind, namespace, object);
            }
        }
        offline.add_example_gateway();
        offline
    }

    /// The same cluster at the moment when our operator comes in place of another controller, whose children these are.
    #[must_use]
    pub fn taking_over(mut self, live: Vec<Value>) -> Self {
        (self.live, self.adopting) = (live, true);
        self
    }

    fn add(&mut self, kind: &str, namespace: &str, object: Value) {
        let named = tree::text(&object, &["metadata", "namespace"]);
        let namespace = match named {
            _ if kind == "GatewayClass" => "",
            "" => namespace,
            named => named,
        };
        let key = (kind.to_owned(), Ref::new(namespace, tree::text(&object, &["metadata", "name"])));
        self.objects.insert(key, Arc::new(object));
    }

    fn add_example_gateway(&mut self) {
        let gateway = self.settings.gateway.clone();
        self.objects.entry(("Gateway".to_owned(), gateway.clone())).or_insert_with(|| {
            Arc::new(json!({
                "metadata": {"name": gateway.name, "namespace": gateway.namespace},
                "spec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
                "status": {"addresses": [{"type": "IPAddress", "value": "203.0.113.1"}]},
            }))
        });
    }

    /// What the files say about `key`.
    pub fn answer(&self, key: &Key, service: &Value) -> Answer {
        match key {
            Key::Config(r) => self.find(CONFIG_KIND, r),
            Key::ConfigNames(namespace) => self.config_names(namespace),
            Key::ConfigMap(r) => self.find("ConfigMap", r),
            Key::CaBundle(r) => self.ca_bundle(r),
            Key::ServiceAccount(r) => self.account(r, service),
            Key::Secret(r) => self.secret(r),
            Key::Gateway(r) => self.find("Gateway", r),
            Key::GatewayClass(r) => self.find("GatewayClass", r),
            Key::Ingress(r) => self.find("Ingress", r),
            Key::Claim(r) => self.find("PersistentVolumeClaim", r),
            Key::HttpRoute(r) => self.find("HTTPRoute", r),
            Key::InferencePool(r) => self.find("InferencePool", r),
            Key::OlderInferencePool(r) => self.find(OLDER_POOL, r),
            Key::GatewayService(r) => self.find("Service", r),
            Key::Pods(service) => self.pods(service, pods::answer),
            Key::Troubles(service) => self.pods(service, cause::answer),
            Key::Namesakes(_) => Answer::Absent,
            Key::Group(group) => self.group(group),
        }
    }

    /// The services of the files that share requests, by their merged specs; each is taken to be ready.
    fn group(&self, group: &Ref) -> Answer {
        let services =
            self.objects.iter().filter(|((kind, at), _)| kind == KIND && at.namespace == group.namespace);
        let services = services.map(|((_, at), service)| render::in_namespace(service, &at.namespace));
        let members = services.filter_map(|service| render::member(&service, self));
        let members = members.filter(|member| member.group == group.name).collect();
        Answer::Found(Arc::new(json!(Members { members, ..Members::default() })))
    }

    fn find(&self, kind: &str, at: &Ref) -> Answer {
        let found = self.objects.get(&(kind.to_owned(), at.clone()));
        found.map_or(Answer::Absent, |o| Answer::Found(Arc::clone(o)))
    }

    /// Without facts, the bundle that the settings name is taken to exist: files rarely hold it.
    fn ca_bundle(&self, at: &Ref) -> Answer {
        match self.find("ConfigMap", at) {
            Answer::Found(map) => Answer::Found(Arc::new(ca_bundle::reduce(&map))),
            Answer::Absent if self.trusting => Answer::Found(Arc::new(json!({"sha256": "unknown"}))),
            other => other,
        }
    }

    fn config_names(&self, namespace: &str) -> Answer {
        let here = |(kind, at): &&(String, Ref)| kind == CONFIG_KIND && at.namespace == namespace;
        let names: Vec<&str> = self.objects.keys().filter(here).map(|(_, at)| at.name.as_str()).collect();
        Answer::Found(Arc::new(json!(names)))
    }

    /// Without facts, an account that is named is taken to exist: files rarely hold them. Those that the
    /// service makes for itself are not there before it makes them.
    fn account(&self, at: &Ref, service: &Value) -> Answer {
        let name = tree::text(service, &["metadata", "name"]);
        let made = [names::decode, names::decode_group, names::prefill_group, names::scheduler_account];
        let made = made.iter().any(|of| of(name) == at.name);
        match self.find("ServiceAccount", at) {
            Answer::Absent if self.trusting && !made => {
                Answer::Found(Arc::new(json!({"metadata": {"name": at.name, "namespace": at.namespace}})))
            }
            answer => answer,
        }
    }

    /// Names of the data keys only; a value must not reach the core.
    fn secret(&self, at: &Ref) -> Answer {
        let Answer::Found(secret) = self.find("Secret", at) else { return Answer::Absent };
        if secret.get("keys").is_some() {
            return Answer::Found(secret);
        }
        Answer::Found(Arc::new(reduce_secret(&secret)))
    }

    fn pods(&self, service: &Ref, answer: fn(&[Pod]) -> Value) -> Answer {
        let mine = self.pods.iter().filter(|(owner, _)| owner == service);
        let pods: Vec<Pod> = mine.map(|(_, pod)| pod.clone()).collect();
        Answer::Found(Arc::new(answer(&pods)))
    }

    /// Live children of a service, from the facts.
    pub fn live(&self, service: &Value) -> Live {
        let name = tree::text(service, &["metadata", "name"]);
        let namespace = tree::text(service, &["metadata", "namespace"]);
        let mine = self.live.iter().filter(|o| {
            tree::text(o, &["metadata", "labels", labels::NAME]) == name && namespace_of(o) == namespace
        });
        mine.filter_map(|o| {
            let kind = kind_of(o)?;
            let mut live = live_object(o);
            live.created_by_post = self.adopting && is_former(o);
            Some(((kind, tree::text(o, &["metadata", "name"]).to_owned()), live))
        })
        .collect()
    }
}

fn kind_of(object: &Value) -> Option<Kind> {
    Kind::of(tree::text(object, &["apiVersion"]), tree::text(object, &["kind"]))
}

/// A cluster-scoped binding belongs where its account is.
fn namespace_of(child: &Value) -> &str {
    let subject = || tree::list(child, &["subjects"]).first();
    match tree::text(child, &["metadata", "namespace"]) {
        "" => subject().map_or("", |subject| tree::text(subject, &["namespace"])),
        namespace => namespace,
    }
}

/// A reduced pod, and the service that it belongs to.
fn of_service(pod: Body, namespace: &str) -> (Ref, Pod) {
    let place = pod.place();
    let namespace = if place.namespace.is_empty() { namespace } else { &place.namespace };
    (Ref::new(namespace, pod.service()), pod.reduce())
}

/// `kubectl get` leaves the managed fields out unless it is asked for them; then our hash tells.
fn is_former(object: &Value) -> bool {
    match tree::list(object, &["metadata", "managedFields"]) {
        [] => tree::text(object, &["metadata", "annotations", labels::APPLIED]).is_empty(),
        _ => fields::has_former(object),
    }
}

fn live_object(object: &Value) -> LiveObject {
    let text = |key: &str| tree::text(object, &["metadata", key]).to_owned();
    let owners = tree::list(object, &["metadata", "ownerReferences"]);
    let controller = owners.iter().find(|o| o.get("controller") == Some(&Value::Bool(true)));
    LiveObject {
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        controller: controller.map(|o| tree::text(o, &["uid"]).to_owned()),
        created_by_post: false,
        deleting: !text("deletionTimestamp").is_empty(),
        body: Arc::new(object.clone()),
    }
}

fn cluster(facts: &Facts) -> Cluster {
    let mut cluster = Cluster::default();
    if let Some(domain) = &facts.cluster_domain {
        cluster.domain.clone_from(domain);
    }
    if let Some(served) = &facts.served {
        let is_served = |kind: &Kind| {
            let s = kind.served();
            !s.optional || served.contains(&format!("{}/{}/{}", s.group, s.version, s.kind))
        };
        cluster.served = Kind::ALL.iter().copied().filter(is_served).collect();
    }
    cluster
}

fn global<'a>(documents: &'a [Document], cluster: &Cluster) -> Option<&'a Value> {
    let is_global = |v: &&Value| {
        tree::text(v, &["kind"]) == "ConfigMap"
            && tree::text(v, &["metadata", "name"]) == "inferenceservice-config"
            && tree::text(v, &["metadata", "namespace"]) == cluster.system_namespace
    };
    documents.iter().map(|d| &d.value).find(is_global)
}

fn settings(config: Option<&Value>, cluster: &Cluster) -> Settings {
    let data = config.map(|c| tree::strings(c, &["data"])).unwrap_or_default();
    Settings::parse(&data, &Settings::default(), &cluster.system_namespace)
}
