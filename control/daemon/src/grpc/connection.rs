//! One connection, plain or by TLS, known to speak HTTP/2.
//!
//! Invariant: a [`Stream`] has sent the preface of HTTP/2, so that what is no client of ours is let go of before anything
//! is set up for it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What every HTTP/2 client says first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is said to those who do not: empty settings, and an end for a violation of the protocol (sections 6.5, 6.8).
const NO_HTTP2: &[u8] = &[
    0, 0, 0, 4, 0, 0, 0, 0, 0, // SETTINGS
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // GOAWAY, no stream, PROTOCOL_ERROR
];
/// How long to wait for somebody who is none of ours to be gone.
const FAREWELL: Duration = Duration::from_secs(1);

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Stream {
    transport: Transport,
    /// What of the preface has not been read again yet.
    preface: &'static [u8],
}

/// Shakes hands.
pub(crate) async fn open(tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<Stream> {
    tcp.set_nodelay(true)?;
    let transport = match tls {
        None => Transport::Plain(tcp),
        Some(config) => Transport::Tls(Box::new(TlsAcceptor::from(config).accept(tcp).await?)),
    };
    let mut stream = Stream { transport, preface: &[] };
    let mut said = 0;
    let mut buffer = [0; PREFACE.len()];
    while said < PREFACE.len() {
        let read = stream.read(&mut buffer[said..]).await?;
        said += read;
        if read == 0 || buffer[..said] != PREFACE[..said] {
            // Whoever closes on what it has not read resets the connection, and what it has said may be lost.
            if timeout(FAREWELL, stream.part()).await.is_err() {
                tracing::debug!("what is no client of ours does not listen");
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not HTTP/2"));
        }
    }
    stream.preface = PREFACE;
    Ok(stream)
}

impl Stream {
    /// Says that this is HTTP/2, and waits for the other to be gone: one that expects TLS is told that there is none.
    async fn part(&mut self) -> io::Result<()> {
        self.write_all(NO_HTTP2).await?;
        self.shutdown().await?;
        let mut ignored = [0; 4096];
        while self.read(&mut ignored).await? > 0 {}
        Ok(())
    }

    /// The client's certificate, which has been verified.
    pub(crate) fn client_certificate(&self) -> Option<&CertificateDer<'static>> {
        match &self.transport {
            Transport::Plain(_) => None,
            Transport::Tls(tls) => tls.get_ref().1.peer_certificates()?.first(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.preface.is_empty() {
            let (now, later) = self.preface.split_at(self.preface.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.preface = later;
            return Poll::Ready(Ok(()));
        }
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Transport::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Transport::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
