//! A listener that speaks TLS with a certificate of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a caller may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why no TLS can be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsServeError {
    /// The certificate could not be made.
    #[error("the serving certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused it.
    #[error("the serving certificate is not usable")]
    Config(#[from] rustls::Error),
    /// The socket.
    #[error("the socket cannot be used")]
    Socket(#[from] io::Error),
}

/// A configuration with a new self-signed certificate: scrapers of metrics skip its check or pin it.
pub fn self_signed(names: Vec<String>) -> Result<ServerConfig, TlsServeError> {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)?;
    Ok(config)
}

/// Hands out connections whose handshake is done; a slow caller holds up nobody else.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    /// Over this socket, for as long as the listener lives.
    pub fn new(socket: TcpListener, config: ServerConfig) -> Result<Self, TlsServeError> {
        let address = socket.local_addr()?;
        let (sender, ready) = mpsc::channel(16);
        tokio::spawn(accept(socket, TlsAcceptor::from(Arc::new(config)), sender));
        Ok(Self { ready, address })
    }
}

async fn accept(
    mut socket: TcpListener,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    while !sender.is_closed() {
        let (stream, peer) = Listener::accept(&mut socket).await;
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                drop(sender.send((stream, peer)).await);
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
