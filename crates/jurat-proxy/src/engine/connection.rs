//! One connection to the engine, and the bytes read from it that nobody has taken yet.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

use super::EngineAddress;

/// Room for one read. An event is smaller; a large body fills it and asks again.
const READ: usize = 16 << 10;
/// Room for one read while a large body of known length is under way.
const LARGE_READ: usize = 64 << 10;

enum Io {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection.
pub(crate) struct Connection {
    io: Io,
    pub(super) buffer: BytesMut,
    /// When it was last given back.
    pub(super) idle_since: Instant,
}

impl Connection {
    pub(crate) async fn open(address: &EngineAddress) -> io::Result<Self> {
        let io = match address {
            EngineAddress::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                // Without it a request of several writes waits for a delayed acknowledgement.
                stream.set_nodelay(true)?;
                Io::Tcp(stream)
            }
            EngineAddress::Unix(path) => Io::Unix(UnixStream::connect(path).await?),
        };
        Ok(Self { io, buffer: BytesMut::new(), idle_since: Instant::now() })
    }

    /// Over a socket that is there already.
    #[cfg(fuzzing)]
    pub(crate) fn over(stream: UnixStream) -> Self {
        Self { io: Io::Unix(stream), buffer: BytesMut::new(), idle_since: Instant::now() }
    }

    /// Reads once into the buffer; 0 at the end of the stream. `expected` is how much is known to come.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, expected: u64) -> Poll<io::Result<usize>> {
        let room = if expected > READ as u64 { LARGE_READ } else { READ };
        if self.buffer.capacity() - self.buffer.len() < READ / 4 {
            self.buffer.reserve(room);
        }
        let reading = self.io.read_buf(&mut self.buffer);
        pin!(reading).poll(cx)
    }

    /// Writes what it can of `bytes` and drops that from their front.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &mut Bytes) -> Poll<io::Result<()>> {
        while !bytes.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let _ = bytes.split_to(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the engine has neither closed it nor said anything unasked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut probe = [0; 1];
        let mut probe = ReadBuf::new(&mut probe);
        self.buffer.is_empty() && Pin::new(&mut self.io).poll_read(&mut cx, &mut probe).is_pending()
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
