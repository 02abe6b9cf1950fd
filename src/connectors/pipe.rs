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

use super::wire;

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
}

impl<R: AsyncRead + Unpin, W> Pipe<R, W> {
    /// A transport whose lines, with their end, have at most `limit` bytes.
    pub(super) fn new(read: R, write: W, limit: usize) -> Self {
        Self {
            read: BufReader::new(read),
            limit,
            line: Vec::new(),
            skipping: false,
            ready: VecDeque::new(),
            handshake: None,
            write: Arc::new(Mutex::new(Some(write))),
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
            write.write_all(&line).await?;
            write.flush().await
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if !self.read_line().await {
                return None;
            }
            let messages = wire::messages(&self.line, self.handshake.as_ref());
            self.line.clear();
            self.ready.extend(messages);
        }
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        self.write.lock().await.take();
        Ok(())
    }
}
