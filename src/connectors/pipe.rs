//! The transport over a child's standard streams: a message a line, read as servers really write them.

use std::{collections::VecDeque, io, sync::Arc};

use rmcp::{
    model::{ClientJsonRpcMessage, RequestId, ServerJsonRpcMessage},
    service::RoleClient,
    transport::Transport,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::Mutex,
};

use super::{stdio::Noise, wire};

/// Reads and writes a line for each message. A line above the limit is thrown away.
pub(super) struct Pipe<R, W> {
    read: BufReader<R>,
    limit: usize,
    line: Vec<u8>,
    /// The rest of a line above the limit is being skipped.
    skipping: bool,
    ready: VecDeque<ServerJsonRpcMessage>,
    handshake: Option<RequestId>,
    write: Arc<Mutex<Option<W>>>,
    noise: Noise,
}

impl<R: AsyncRead + Unpin, W> Pipe<R, W> {
    /// A transport whose lines, with their end, have at most `limit` bytes. A line without a message goes to `noise`.
    pub(super) fn new(read: R, write: W, limit: usize, noise: Noise) -> Self {
        Self {
            read: BufReader::new(read),
            limit,
            line: Vec::new(),
            skipping: false,
            ready: VecDeque::new(),
            handshake: None,
            write: Arc::new(Mutex::new(Some(write))),
            noise,
        }
    }

    /// Reads on to the end of a line; false where there is nothing more. Given up halfway it loses nothing: what was
    /// taken from the pipe is kept in the same step.
    async fn read_line(&mut self) -> bool {
        loop {
            let Ok(piece) = self.read.fill_buf().await else {
                return false;
            };
            if piece.is_empty() {
                // A last line that nothing closes is a line.
                return !self.line.is_empty();
            }
            let end = piece.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(piece.len(), |at| at + 1);
            if !self.skipping {
                self.line.extend(piece.iter().take(taken));
            }
            if self.line.len() > self.limit {
                self.line.clear();
                self.skipping = true;
            }
            self.read.consume(taken);
            if end.is_some() && !std::mem::take(&mut self.skipping) {
                return true;
            }
        }
    }
}

impl<R, W> Drop for Pipe<R, W> {
    fn drop(&mut self) {
        self.noise.close();
    }
}

impl<R, W> Transport<RoleClient> for Pipe<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        if let Some(id) = wire::handshake_id(&message) {
            self.handshake = Some(id.clone());
        }
        let write = self.write.clone();
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut write = write.lock().await;
            let write = write.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let written = async {
                write.write_all(&line).await?;
                write.flush().await
            };
            match written.await {
                // What it wrote before it ended is still to be read; the end of that tells the rest.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            }
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if !self.read_line().await {
                self.noise.close();
                return None;
            }
            let messages = wire::messages(&self.line, self.handshake.as_ref());
            match messages.is_empty() {
                true => self.noise.keep(&self.line),
                false => self.noise.end(),
            }
            self.line.clear();
            self.ready.extend(messages);
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.write.lock().await.take();
        Ok(())
    }
}
