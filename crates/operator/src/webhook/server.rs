//! The HTTPS server of the webhooks. It has a thread of its own: a burst of passes does not keep admission waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use llmisvc_api::version::Version;
use llmisvc_core::admission::Site;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};

use super::review::{self, Answer, ReviewError};
use super::serving::{Serving, config};
use crate::metrics::{Call, CallResult, Metrics};
use crate::serve::tls::{TlsListener, TlsServeError};

/// An object is 3 MB at most in etcd's usual limits, and a review of an update has two.
const ADMISSION_LIMIT: usize = 16 << 20;
/// A list is converted in one review.
const CONVERSION_LIMIT: usize = 128 << 20;
/// From this size on a review is worked on beside the others.
const LARGE: usize = 1 << 20;
/// Bodies that are read at once; each may be large.
const READERS: usize = 64;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// What the handlers work with.
pub struct Desk {
    /// What admission knows of the cluster.
    pub site: Site,
    /// Whether the mutating webhook sets the model's name.
    pub defaults: bool,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Bounds bodies in memory.
    pub readers: Semaphore,
}

impl Desk {
    /// With nobody at it.
    pub fn new(site: Site, defaults: bool, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { site, defaults, metrics, readers: Semaphore::new(READERS) })
    }

    fn answer(&self, call: Call, body: &[u8]) -> Result<Answer, ReviewError> {
        match call {
            Call::Validate => review::validate(body, &self.site),
            Call::Mutate => review::mutate(body, &self.site, self.defaults),
            Call::Convert => review::convert(body),
        }
    }
}

/// The paths (`reference/api.md §5.2`).
pub fn router(desk: &Arc<Desk>) -> Router {
    let at = |router: Router, path: &str, call: Call| {
        let desk = Arc::clone(desk);
        router.route(path, post(move |body: Body| serve(desk, call, body)))
    };
    let mut router = at(Router::new(), "/convert", Call::Convert);
    for version in Version::ALL {
        let place = format!("serving-kserve-io-{}", version.as_str());
        router = at(router, &format!("/mutate-{place}-llminferenceservice"), Call::Mutate);
        for kind in ["llminferenceservice", "llminferenceserviceconfig"] {
            router = at(router, &format!("/validate-{place}-{kind}"), Call::Validate);
        }
    }
    router
}

async fn serve(desk: Arc<Desk>, call: Call, body: Body) -> Response {
    let begin = Instant::now();
    let limit = if call == Call::Convert { CONVERSION_LIMIT } else { ADMISSION_LIMIT };
    let Ok(_reader) = desk.readers.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let body = match tokio::time::timeout(ARRIVAL, to_bytes(body, limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return failed(&desk, call, StatusCode::PAYLOAD_TOO_LARGE, "the body is too large".into());
        }
        Err(_) => return failed(&desk, call, StatusCode::REQUEST_TIMEOUT, "the body came too slowly".into()),
    };
    let answer = if body.len() < LARGE {
        desk.answer(call, &body)
    } else {
        let desk = Arc::clone(&desk);
        let work = tokio::task::spawn_blocking(move || desk.answer(call, &body));
        work.await.unwrap_or(Err(ReviewError::Unfinished))
    };
    match answer {
        Ok(answer) => {
            let result = if answer.ok { CallResult::Ok } else { CallResult::Refused };
            desk.metrics.called(call, result, begin.elapsed());
            ([(CONTENT_TYPE, "application/json")], answer.body.to_string()).into_response()
        }
        Err(error) => failed(&desk, call, StatusCode::BAD_REQUEST, error.to_string()),
    }
}

fn failed(desk: &Desk, call: Call, status: StatusCode, why: String) -> Response {
    desk.metrics.called(call, CallResult::Failed, Duration::ZERO);
    (status, why).into_response()
}

/// A server that runs.
pub struct Running {
    done: oneshot::Receiver<()>,
}

impl Running {
    /// Returns when the last answer is sent, after `stop` and the time that the server lingers.
    pub async fn ended(self) {
        drop(self.done.await);
    }
}

/// Serves until `linger` after `stop`: whoever calls hears late that this replica goes.
pub fn start(
    socket: std::net::TcpListener,
    serving: Arc<Serving>,
    router: Router,
    stop: watch::Receiver<bool>,
    linger: Duration,
) -> Result<Running, TlsServeError> {
    let tls = config(serving)?;
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, done) = oneshot::channel();
    let work = async move {
        let listener = TlsListener::new(TcpListener::from_std(socket)?, tls)?;
        let server = axum::serve(listener, router).with_graceful_shutdown(gone(stop, linger));
        server.await?;
        Ok::<(), TlsServeError>(())
    };
    let thread = move || {
        if let Err(error) = runtime.block_on(work) {
            tracing::error!(error = crate::wire::chain(&error), "the webhooks are not served any more");
        }
        runtime.shutdown_background();
        // Nobody may be waiting any more.
        let _ = sender.send(());
    };
    std::thread::Builder::new().name("webhooks".to_owned()).spawn(thread)?;
    Ok(Running { done })
}

async fn gone(mut stop: watch::Receiver<bool>, linger: Duration) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(linger).await;
}

#[cfg(test)]
mod tests;
