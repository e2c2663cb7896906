//! The HTTP listener. Small answers, short time-outs, few connections: it must never cost the router anything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::sample::Snapshot;

/// Connections served at a time; more wait to be accepted.
const CONNECTIONS: usize = 16;

/// Time for a request to arrive, and for all of one connection.
const REQUEST_TIME: Duration = Duration::from_secs(5);
const CONNECTION_TIME: Duration = Duration::from_secs(60);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the numbers come from.
pub trait Source: Send + Sync + 'static {
    /// All numbers now; may take up to some tens of milliseconds.
    fn snapshot(&self) -> Snapshot;
    /// Whether the router does its job: configuration applied, kernel in line. The text says what is missing.
    fn ready(&self) -> Result<(), String>;
}

/// Serves on an address until the runtime ends.
pub async fn serve(address: SocketAddr, source: Arc<dyn Source>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return Ok(()) };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely: do not spin.
                tracing::warn!(%error, "metrics: cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let source = source.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, source.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIME)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
            drop(slot);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    source: Arc<dyn Source>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let plain = |status: StatusCode, text: String| {
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    };
    if request.method() != Method::GET {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n".into()));
    }
    Ok(match request.uri().path() {
        "/livez" => plain(StatusCode::OK, "ok\n".into()),
        "/readyz" => match blocking(move || source.ready()).await {
            Some(Ok(())) => plain(StatusCode::OK, "ok\n".into()),
            Some(Err(missing)) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".into()),
        },
        "/metrics" => match blocking(move || super::encode::text(source.snapshot())).await {
            Some(text) => {
                let mut response = plain(StatusCode::OK, text);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
                response
            }
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".into()),
        },
        "/" => plain(StatusCode::OK, "/metrics\n/livez\n/readyz\n".into()),
        _ => plain(StatusCode::NOT_FOUND, "try /metrics, /livez or /readyz\n".into()),
    })
}

/// Owners of numbers are asked with blocking calls, so that happens off the runtime's threads.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(f).await.ok()
}
