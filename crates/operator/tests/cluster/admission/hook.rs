//! A webhook of the test's own, where the operator serves none: the same function behind the least server there is,
//! for the objects of one namespace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use llmisvc_core::admission::Site;
use llmisvc_core::admission::wire::Review;
use llmisvc_testkit::World;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// A configuration that goes when this does; the server ends with the test process.
pub struct Hook {
    kubectl: Box<dyn Fn() + Send>,
}

impl Hook {
    pub fn start(world: &World<'static>, prefix: &str) -> Result<Self> {
        let key = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        let site = Site {
            system_namespace: world.namespace().to_owned(),
            config_prefix: prefix.to_owned(),
            prevent_config_deletion: true,
        };
        let (certificate, private) = (key.cert.der().clone(), key.signing_key.serialize_der());
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], private)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || serve(&listener, &Arc::new(config), &site));
        let name = format!("{}.admission.test", world.namespace());
        let object = configuration(&name, world.namespace(), port, &key.cert.pem());
        world.apply(&object.to_string())?;
        let cluster = llmisvc_testkit::Cluster::shared()?;
        let remove =
            move || drop(cluster.kubectl(&["delete", "validatingwebhookconfiguration", &name], None));
        let hook = Self { kubectl: Box::new(remove) };
        world.eventually("a webhook that is asked", std::time::Duration::from_secs(30), || {
            Ok(is_asked(world).then_some(()))
        })?;
        Ok(hook)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        (self.kubectl)();
    }
}

/// The API server takes a moment to know a new configuration.
fn is_asked(world: &World<'_>) -> bool {
    let bad = json!({
        "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService", "metadata": {"name": "bad"},
        "spec": {"router": {"scheduler": {"replicas": 0}}},
    });
    let args = ["create", "--dry-run=server", "-f", "-"];
    world.kubectl(&args, Some(&bad.to_string())).is_err()
}

fn configuration(name: &str, namespace: &str, port: u16, pem: &str) -> Value {
    let rule = json!({
        "apiGroups": ["serving.kserve.io"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["llminferenceservices", "llminferenceserviceconfigs"],
    });
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "rules.admission.test", "sideEffects": "None", "admissionReviewVersions": ["v1"], "rules": [rule],
            "matchPolicy": "Exact",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "clientConfig": {"url": format!("https://127.0.0.1:{port}/"), "caBundle": STANDARD.encode(pem)},
        }],
    })
}

fn serve(listener: &TcpListener, config: &Arc<ServerConfig>, site: &Site) {
    for stream in listener.incoming().flatten() {
        let (config, site) = (Arc::clone(config), site.clone());
        thread::spawn(move || drop(converse(stream, config, &site)));
    }
}

/// Answers reviews until the other side closes.
fn converse(stream: TcpStream, config: Arc<ServerConfig>, site: &Site) -> Result<()> {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config)?, stream));
    while let Some(length) = content_length(&mut stream)? {
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let review = Review::parse(serde_json::from_slice(&body)?)?;
        let answer = review.validated(site).to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        write!(stream.get_mut(), "{head} {}\r\n\r\n{answer}", answer.len())?;
        stream.get_mut().flush()?;
    }
    Ok(())
}

/// Reads a request's head; none at the end.
fn content_length(stream: &mut impl std::io::BufRead) -> Result<Option<usize>> {
    let mut length = None;
    for line in stream.lines() {
        let line = line?.to_lowercase();
        if line.is_empty() {
            return Ok(length);
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = Some(value.trim().parse().context("a length")?);
        }
    }
    Ok(None)
}
