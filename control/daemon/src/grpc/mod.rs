//! The gRPC server: connections, certificates and limits around P4Runtime and the switch's own service.
//!
//! It runs in a few threads of its own, never on those that carry packets, and reaches the daemon through a
//! [`Caller`] only.
//!
//! Invariant: whatever a client sends or leaves unsent costs no more than the limits in [`ServerSettings`] allow, and
//! ends with that client's connection: connections, streams, calls in flight, bytes of a message, time to say something
//! sensible, and calls a second are bounded, and what is turned away is counted.

mod bucket;
mod connection;
mod counts;
mod own;
mod p4runtime;
mod peer;
mod request;
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use heddle_p4rt::proto::v1::p4_runtime_server::P4RuntimeServer;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Status;
use tower_service::Service as _;

pub(crate) use counts::Counts;
pub(crate) use own::port as port_message;
pub use peer::{RoleMap, RoleMapError};
pub use tls::{TlsError, TlsFiles, identity, roots};

use self::bucket::Bucket;
use self::connection::{Stream, open};
use self::p4runtime::Service;
use self::peer::{Peer, SharedPeer};
use self::request::Request;
use self::tls::Certificates;
use crate::call::Caller;
use crate::proto::switch_server::SwitchServer;

/// Threads that serve.
const THREADS: usize = 2;
/// How long a connection may take to say something sensible.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often a silent client is asked whether it is there, and how long it has to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How often certificates' files are looked at.
const CERTIFICATES_LOOK: Duration = Duration::from_secs(2);
/// Pause after the system refused a connection for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a stream's message at most: a packet and what describes it, or a role's configuration.
const STREAM_MESSAGE_BYTES: usize = 4 << 20;
/// Bytes of all headers of a call.
const HEADER_BYTES: u32 = 16 << 10;
/// Bytes under way to the server, of a call and of a connection, before it has taken any.
const WINDOW_BYTES: (u32, u32) = (1 << 20, 4 << 20);
/// Calls in flight of one connection; those beyond wait, without being in anybody else's way.
const CALLS_OF_ONE: usize = 16;
/// Bytes that wait to be sent on one call.
const SEND_BYTES: usize = 1 << 20;

/// Where and how to serve.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Address and port.
    pub address: SocketAddr,
    /// Certificates; without, what is sent can be read and changed by whoever is in between.
    pub tls: Option<TlsFiles>,
    /// Roles of clients, by their certificates.
    pub roles: RoleMap,
    /// Bytes of a request.
    pub message_bytes: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Streams at a time, over all connections.
    pub streams: usize,
    /// Calls in flight, over all connections; those beyond wait.
    pub calls: usize,
    /// Calls a second of one connection; none: as many as it can.
    pub calls_per_second: Option<u32>,
}

impl ServerSettings {
    /// The defaults, on an address.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            roles: RoleMap::default(),
            message_bytes: 128 << 20,
            connections: 1024,
            streams: 1024,
            calls: 64,
            calls_per_second: None,
        }
    }
}

/// Why it cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not ours.
    #[error("{address}: cannot be served on; is another switch running there?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Roles without certificates to tell them by.
    #[error("roles are told by clients' certificates; give --tls-client-ca as well")]
    RolesWithoutCertificates,
    /// The system refuses threads or descriptors.
    #[error("the server cannot start")]
    System(#[from] std::io::Error),
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where gRPC is served, if it is.
    pub(crate) address: Option<SocketAddr>,
    certificates: Option<Arc<Certificates>>,
    runtime: Option<Runtime>,
}

/// What every connection needs.
struct Shared {
    settings: ServerSettings,
    certificates: Option<Arc<Certificates>>,
    counts: Arc<Counts>,
    caller: Caller,
    connections: Arc<Semaphore>,
    calls: Arc<Semaphore>,
}

impl Server {
    /// Serves from now on.
    pub(crate) fn start(
        settings: Option<ServerSettings>,
        metrics: Option<SocketAddr>,
        caller: Caller,
        counts: Arc<Counts>,
    ) -> Result<Server, ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("heddle-grpc")
            .on_thread_start(heddle_engine::stand_back)
            .enable_io()
            .enable_time()
            .build()?;
        let mut server = Server { address: None, certificates: None, runtime: None };
        let context = runtime.enter();
        if let Some(metrics) = metrics {
            let metrics = tokio::net::TcpListener::from_std(listen(metrics)?)?;
            runtime.spawn(crate::metrics::serve(metrics, caller.clone()));
        }
        if let Some(settings) = settings {
            server.begin(&runtime, settings, caller, counts)?;
        }
        drop(context);
        server.runtime = Some(runtime);
        Ok(server)
    }

    /// Serves gRPC from now on.
    fn begin(
        &mut self,
        runtime: &Runtime,
        settings: ServerSettings,
        caller: Caller,
        counts: Arc<Counts>,
    ) -> Result<(), ServeError> {
        let has_client_ca = settings.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if !settings.roles.is_empty() && !has_client_ca {
            return Err(ServeError::RolesWithoutCertificates);
        }
        let certificates = settings.tls.clone().map(Certificates::load).transpose()?.map(Arc::new);
        let listener = listen(settings.address)?;
        self.address = Some(listener.local_addr()?);
        self.certificates.clone_from(&certificates);
        let shared = Arc::new(Shared {
            certificates: certificates.clone(),
            counts,
            caller,
            connections: Arc::new(Semaphore::new(settings.connections)),
            calls: Arc::new(Semaphore::new(settings.calls)),
            settings,
        });
        let listener = tokio::net::TcpListener::from_std(listener)?;
        runtime.spawn(accept(listener, shared));
        if let Some(certificates) = certificates {
            runtime.spawn(refresh(certificates));
        }
        Ok(())
    }

    /// Reads the certificates again.
    pub(crate) fn reload_certificates(&self) -> Result<(), TlsError> {
        self.certificates.as_ref().map_or(Ok(false), |certificates| certificates.refresh(true)).map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|source| ServeError::Bind { address, source })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Reads certificates again when their files change.
async fn refresh(certificates: Arc<Certificates>) {
    let mut looks = tokio::time::interval(CERTIFICATES_LOOK);
    loop {
        looks.tick().await;
        match certificates.refresh(false) {
            Ok(false) => {}
            Ok(true) => tracing::info!("certificates read again"),
            Err(error) => tracing::error!(%error, "the certificates before stay in use"),
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    loop {
        let (tcp, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&shared.connections).try_acquire_owned() else {
            shared.counts.connections_refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _place = place;
            let certificates = shared.certificates.as_ref().map(|certificates| certificates.current());
            let Ok(Ok(stream)) = timeout(HANDSHAKE, open(tcp, certificates)).await else {
                shared.counts.handshakes_failed.fetch_add(1, Ordering::Relaxed);
                return;
            };
            shared.counts.connections.fetch_add(1, Ordering::Relaxed);
            serve(stream, address, Arc::clone(&shared)).await;
            shared.counts.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Serves one connection to its end.
async fn serve(stream: Stream, address: SocketAddr, shared: Arc<Shared>) {
    let settings = shared.settings.clone();
    let peer: SharedPeer = Arc::new(Peer {
        roles: settings.roles.of(stream.client_certificate()),
        rate: settings.calls_per_second.map(|calls| Bucket::new(calls, Instant::now())),
    });
    let p4runtime = Service {
        caller: shared.caller.clone(),
        counts: Arc::clone(&shared.counts),
        streams_max: settings.streams,
    };
    let streams = P4RuntimeServer::new(p4runtime.clone()).max_decoding_message_size(STREAM_MESSAGE_BYTES);
    let calls = P4RuntimeServer::new(p4runtime)
        .max_decoding_message_size(settings.message_bytes)
        .max_encoding_message_size(usize::MAX);
    let own = SwitchServer::new(own::Service { caller: shared.caller.clone() })
        .max_decoding_message_size(settings.message_bytes);
    let own_calls = Arc::new(Semaphore::new(CALLS_OF_ONE));
    let handle = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        let (shared, peer, own_calls) = (Arc::clone(&shared), Arc::clone(&peer), Arc::clone(&own_calls));
        let (mut streams, mut calls, mut own) = (streams.clone(), calls.clone(), own.clone());
        async move {
            shared.counts.calls.fetch_add(1, Ordering::Relaxed);
            if let Err(refusal) = peer.check_rate() {
                shared.counts.calls_limited.fetch_add(1, Ordering::Relaxed);
                return Ok(refusal.into_http());
            }
            request.extensions_mut().insert(peer);
            // Before anything of the request is read, so that those that wait hold little.
            let (Ok(_own_place), Ok(_place)) = (own_calls.acquire().await, shared.calls.acquire().await)
            else {
                return Ok(Status::unavailable("the switch is stopping").into_http());
            };
            let path = request.uri().path().to_owned();
            match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
                Some(("p4.v1.P4Runtime", "StreamChannel")) => streams.call(request).await,
                Some(("p4.v1.P4Runtime", _)) => calls.call(request.map(Request::new)).await,
                Some(("heddle.v1.Switch", _)) => own.call(request.map(Request::new)).await,
                Some(_) | None => {
                    let message =
                        format!("{path} is not served here; p4.v1.P4Runtime and heddle.v1.Switch are");
                    Ok(Status::unimplemented(message).into_http())
                }
            }
        }
    });
    let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(u32::try_from(settings.streams).unwrap_or(u32::MAX))
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(WINDOW_BYTES.0)
        .initial_connection_window_size(WINDOW_BYTES.1)
        .max_send_buf_size(SEND_BYTES)
        .serve_connection(TokioIo::new(stream), handle)
        .await;
    if let Err(error) = served {
        tracing::debug!(%address, %error, "a connection ended");
    }
}
