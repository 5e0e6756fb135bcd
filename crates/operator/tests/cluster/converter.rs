//! A conversion webhook that does what the operator's does, for tests of the CRDs alone.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result};
use k8s_openapi::ByteString;
use llmisvc_api::conversion;
use llmisvc_api::crd::{Conversion, Options, generate};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// The CRDs with a webhook on a free port that ends with the test's process.
pub fn crds() -> Result<Vec<Value>> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key)?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let conversion = Conversion::Url(format!("https://{}", listener.local_addr()?));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || answer(stream, config));
        }
    });
    let mut crds = generate(&Options { conversion, ..Options::default() });
    let bundle = ByteString(made.cert.pem().into_bytes());
    for crd in &mut crds {
        crd["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"] = json!(bundle);
    }
    Ok(crds)
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> Result<()> {
    let mut tls = StreamOwned::new(ServerConnection::new(config)?, stream);
    let asked: Value = serde_json::from_slice(&body(&mut tls)?)?;
    let text = conversion::review(&asked).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    write!(tls, "{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len())?;
    tls.conn.send_close_notify();
    Ok(tls.flush()?)
}

/// The body of a request, as long as its head says.
fn body(tls: &mut impl std::io::Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tls.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head)?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length.context("no content-length")?.trim().parse()?];
    tls.read_exact(&mut body)?;
    Ok(body)
}
