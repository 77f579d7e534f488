//! A connection's bytes, plain or under TLS.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Once},
    task::{Context, Poll},
};

use jurat_proto::{Digest, sha256};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What a client reads from and writes to.
#[derive(Debug)]
pub enum Stream {
    /// As TCP has it.
    Plain(TcpStream),
    /// Under TLS.
    Secured(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects.
    pub async fn plain(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self::Plain(stream))
    }

    /// Connects from this IPv4 address of the machine's own.
    pub async fn plain_from(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        socket.set_nodelay(true)?;
        socket.connect(to).await.map(Self::Plain)
    }

    /// Connects and agrees on keys with whoever is there, offering these protocols.
    pub async fn secured(to: SocketAddr, alpn: &[&str]) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::new(anybody(alpn)));
        let name = ServerName::try_from("localhost").expect("a name");
        Ok(Self::Secured(Box::new(connector.connect(name, stream).await?)))
    }

    /// The TLS session, if there is one.
    pub fn session(&self) -> Option<&rustls::ClientConnection> {
        match self {
            Self::Plain(_) => None,
            Self::Secured(stream) => Some(stream.get_ref().1),
        }
    }

    /// SHA-256 of the SubjectPublicKeyInfo in the certificate that was shown.
    pub fn spki(&self) -> Option<Digest> {
        let shown = self.session()?.peer_certificates()?.first()?;
        let parsed = ParsedCertificate::try_from(shown).expect("a certificate");
        Some(sha256(&parsed.subject_public_key_info()))
    }

    /// Closes with a reset instead of a FIN when it is dropped.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.set_zero_linger(),
            Self::Secured(stream) => stream.get_ref().0.set_zero_linger(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(task, into),
            Self::Secured(stream) => match Pin::new(stream).poll_read(task, into) {
                // A FIN without a word of TLS is what a FIN is: whoever reads knows by the framing what it means.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                other => other,
            },
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(task, bytes),
            Self::Secured(stream) => Pin::new(stream).poll_write(task, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(task),
            Self::Secured(stream) => Pin::new(stream).poll_flush(task),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(task),
            Self::Secured(stream) => Pin::new(stream).poll_shutdown(task),
        }
    }
}

/// A client that takes every certificate, as a test judges the key by itself.
fn anybody(alpn: &[&str]) -> ClientConfig {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(ring::default_provider().install_default()));
    let mut config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(
            ring::default_provider().signature_verification_algorithms,
        )))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
