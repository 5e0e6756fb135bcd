use std::io;
use std::net::SocketAddr;

use jiff::Timestamp;
use llmisvc_core::tree;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls::cert::data;
use crate::webhook::keys::empty;
use crate::webhook::keys::tests::{maker, request};
use crate::webhook::serving::Pair;

const VALIDATE: &str = "/validate-serving-kserve-io-v1alpha2-llminferenceservice";

struct Hooks {
    serving: Arc<Serving>,
    metrics: Arc<Metrics>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    running: Running,
}

fn hooks() -> Hooks {
    let site = Site {
        system_namespace: "kserve".to_owned(),
        config_prefix: String::new(),
        prevent_config_deletion: true,
    };
    let (serving, metrics) = (Arc::<Serving>::default(), Arc::<Metrics>::default());
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (stop, stopped) = watch::channel(false);
    let address = socket.local_addr().unwrap();
    let router = router(&Desk::new(site, false, Arc::clone(&metrics)));
    let running = start(socket, Arc::clone(&serving), router, stopped, Duration::ZERO).unwrap();
    Hooks { serving, metrics, address, stop, running }
}

fn secret() -> Value {
    maker(&request(), Timestamp::now()).begin(empty("kserve")).unwrap()
}

impl Hooks {
    fn serve(&self, secret: &Value) {
        let [chain, key] = ["tls.crt", "tls.key"].map(|key| data(secret, key).unwrap());
        self.serving.put(Pair::read(&chain, &key).unwrap());
    }

    /// One request by somebody who trusts this Secret's CA, and the whole answer.
    async fn call(&self, trusting: &Value, head: &str, body: &[u8]) -> io::Result<String> {
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_slice_iter(&data(trusting, "ca.crt").unwrap()) {
            roots.add(ca.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TcpStream::connect(self.address).await?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let head = format!(
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        // The server may answer before it has read all of it.
        let _ = stream.write_all(body).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        Ok(answer)
    }
}

fn review() -> Vec<u8> {
    let object = json!({"metadata": {"name": "m"}, "spec": {"model": {"uri": "hf://o/m"}}});
    let kind = json!({"group": "serving.kserve.io", "version": "v1alpha2", "kind": "LLMInferenceService"});
    let request = json!({"uid": "u", "operation": "CREATE", "kind": kind, "object": object});
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    review.to_string().into_bytes()
}

#[tokio::test]
async fn reviews_are_answered_over_tls_and_counted() {
    let (hooks, secret) = (hooks(), secret());
    hooks.serve(&secret);
    let post = |path: &str| format!("POST {path}");
    let answer = hooks.call(&secret, &post(VALIDATE), &review()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""allowed":true"#), "{answer}");
    assert!(answer.to_lowercase().contains("content-type: application/json"), "{answer}");
    for path in ["/mutate-serving-kserve-io-v1alpha1-llminferenceservice", VALIDATE, "/convert"] {
        let answer = hooks.call(&secret, &post(path), b"nonsense").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400") && answer.ends_with("the body is not JSON"), "{answer}");
    }
    assert!(hooks.call(&secret, "POST /other", b"").await.unwrap().starts_with("HTTP/1.1 404"));
    assert!(hooks.call(&secret, &format!("GET {VALIDATE}"), b"").await.unwrap().starts_with("HTTP/1.1 405"));
    let text = hooks.metrics.text(0, 0).unwrap();
    for (path, result, count) in [("validate", "ok", 1), ("validate", "failed", 1), ("convert", "failed", 1)]
    {
        let line = format!("llmisvc_webhook_requests_total{{path=\"{path}\",result=\"{result}\"}} {count}");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn every_path_of_the_manifests_is_served() {
    use crate::webhook::manifests::{Address, manifests};
    let (hooks, secret) = (hooks(), secret());
    hooks.serve(&secret);
    let address = Address { namespace: "kserve", url: None };
    let objects = manifests(address).into_iter().flat_map(|(_, objects)| objects);
    let paths = objects.flat_map(|object| {
        let webhooks = tree::list(&object, &["webhooks"]).to_vec();
        webhooks.into_iter().map(|hook| tree::text(&hook, &["clientConfig", "service", "path"]).to_owned())
    });
    let mut count = 0;
    for path in paths {
        let answer = hooks.call(&secret, &format!("POST {path}"), &review()).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        count += 1;
    }
    assert_eq!(count, 6);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_a_large_one_is_answered() {
    let (hooks, secret) = (hooks(), secret());
    hooks.serve(&secret);
    let post = format!("POST {VALIDATE}");
    let padded = |size: usize| [review(), vec![b' '; size]].concat();
    let answer = hooks.call(&secret, &post, &padded(LARGE)).await.unwrap();
    assert!(answer.contains(r#""allowed":true"#), "{answer}");
    let answer = hooks.call(&secret, &post, &padded(ADMISSION_LIMIT)).await.unwrap();
    assert!(!answer.contains("allowed"), "{answer}");
}

#[tokio::test]
async fn a_new_pair_is_served_from_the_next_connection_on() {
    let (hooks, one, two) = (hooks(), secret(), secret());
    let post = format!("POST {VALIDATE}");
    assert!(hooks.call(&one, &post, &review()).await.is_err(), "there is no certificate yet");
    hooks.serve(&one);
    assert!(hooks.call(&one, &post, &review()).await.is_ok());
    hooks.serve(&two);
    assert!(hooks.call(&two, &post, &review()).await.is_ok());
    let refused = hooks.call(&one, &post, &review()).await.unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn after_the_stop_the_server_ends() {
    let hooks = hooks();
    hooks.stop.send_replace(true);
    hooks.running.ended().await;
    assert!(TcpStream::connect(hooks.address).await.is_err());
}
