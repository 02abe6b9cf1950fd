//! What comes out of a child process: messages on standard output, each bounded, and the last lines of standard error.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio_util::sync::CancellationToken;

/// What stands around an answer in its message: JSON-RPC's own members and the escapes of text within text.
/// A message may be this many times the answer's limit, and then some.
const MESSAGE_FACTOR: usize = 2;
const MESSAGE_SLACK_BYTES: usize = 64 * 1024;

/// How much of a message that is too large is read on and thrown away, in multiples of its limit, before the
/// connection is ended.
const DISCARD_FACTOR: usize = 16;

/// How much of both ends of a message is looked at for its id when it is too large.
const EDGE_BYTES: usize = 256;

/// How much is read from the pipe at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// Lines of standard error that are kept, and bytes of each.
const STDERR_LINES: usize = 8;
const STDERR_LINE_BYTES: usize = 4 * 1024;
/// Bytes of standard output that are kept where it holds no message.
const NOISE_BYTES: usize = 16 * 1024;
/// What a line begins with that says what to do about the one before.
const ADVICE: char = '→';

/// The JSON-RPC error code under which a message that is too large is reported to the one who waits for it. It
/// lies in the range that JSON-RPC 2.0 leaves to implementations.
pub(super) const TOO_LARGE_CODE: i32 = -32_097;

/// The largest message that may come from a connector whose answers have at most `max_bytes`.
pub(super) fn message_limit(max_bytes: u32) -> usize {
    (max_bytes as usize)
        .saturating_mul(MESSAGE_FACTOR)
        .saturating_add(MESSAGE_SLACK_BYTES)
}

/// The reply that stands for a message that was too large.
pub(super) fn too_large_reply(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{TOO_LARGE_CODE},"message":"too large"}}}}"#
    )
}

/// Lines from a child's standard output, watched. The reader behind it drops a line above the limit; this one adds
/// the reply that the line would have been, with an error, so that only the call that was answered too largely
/// fails, and at once. Where the id can't be found, or the line never ends, the stream ends.
pub(super) struct WatchedLines<R> {
    inner: R,
    limit: usize,
    chunk: Vec<u8>,
    taken: usize,
    line_bytes: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// What is still to be handed out before the next byte of the child.
    added: Vec<u8>,
    ended: bool,
    flooded: Arc<AtomicBool>,
}

impl<R> WatchedLines<R> {
    /// Watches `inner`; lines (with their end) above `limit` bytes are too large. `flooded` is set when the stream
    /// was ended for that.
    pub(super) fn new(inner: R, limit: usize, flooded: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            limit,
            chunk: Vec::new(),
            taken: 0,
            line_bytes: 0,
            head: Vec::new(),
            tail: VecDeque::new(),
            added: Vec::new(),
            ended: false,
            flooded,
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.flooded.store(true, Ordering::Relaxed);
    }

    /// Takes note of a piece of the current line.
    fn note(&mut self, piece: &[u8]) {
        self.line_bytes = self.line_bytes.saturating_add(piece.len());
        let missing = EDGE_BYTES.saturating_sub(self.head.len());
        self.head.extend(piece.iter().take(missing));
        let from = piece.len().saturating_sub(EDGE_BYTES);
        self.tail.extend(piece.iter().skip(from));
        let excess = self.tail.len().saturating_sub(EDGE_BYTES);
        self.tail.drain(..excess);
        if piece.last() == Some(&b'\n') {
            if self.line_bytes > self.limit {
                self.tail.make_contiguous();
                match message_id(&self.head, self.tail.as_slices().0) {
                    Some(id) => self.added = format!("{}\n", too_large_reply(&id)).into_bytes(),
                    None => self.end(),
                }
            }
            self.line_bytes = 0;
            self.head.clear();
            self.tail.clear();
        } else if self.line_bytes > self.limit.saturating_mul(DISCARD_FACTOR) {
            self.end();
        }
    }
}

/// The number under `"id"`, in quotes or not, at either end of a JSON-RPC response: before its `result`, as Python's servers write it,
/// or behind it, as those in TypeScript do.
fn message_id(head: &[u8], tail: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let before = head.split("\"result\"").next().unwrap_or_default();
    if let Some((_, rest)) = before.split_once("\"id\":") {
        let digits = leading_digits(rest.trim_start().trim_start_matches('"'));
        if !digits.is_empty() {
            return Some(digits);
        }
    }
    let tail = String::from_utf8_lossy(tail);
    let (_, rest) = tail.trim_end().rsplit_once("\"id\":")?;
    let rest = rest.trim_start().trim_start_matches('"');
    let digits = leading_digits(rest);
    let closes = rest.strip_prefix(digits.as_str())?;
    let closes = closes.trim_start_matches('"').trim() == "}";
    (closes && !digits.is_empty()).then_some(digits)
}

fn leading_digits(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .take(19)
        .collect()
}

impl<R: AsyncRead + Unpin> AsyncRead for WatchedLines<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        if !this.added.is_empty() {
            let count = this.added.len().min(out.remaining());
            out.put_slice(this.added.get(..count).unwrap_or_default());
            this.added.drain(..count);
            return Poll::Ready(Ok(()));
        }
        if this.ended || out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if this.taken >= this.chunk.len() {
            this.chunk.resize(CHUNK_BYTES, 0);
            let mut buffer = ReadBuf::new(&mut this.chunk);
            let read = Pin::new(&mut this.inner).poll_read(context, &mut buffer);
            let count = buffer.filled().len();
            this.chunk.truncate(count);
            this.taken = 0;
            ready!(read)?;
            if count == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        let rest = this.chunk.get(this.taken..).unwrap_or_default();
        let rest = rest.get(..out.remaining()).unwrap_or(rest);
        let line_end = rest.iter().position(|byte| *byte == b'\n');
        let piece = match line_end.and_then(|at| rest.get(..=at)) {
            Some(line) => line.to_vec(),
            None => rest.to_vec(),
        };
        out.put_slice(&piece);
        this.taken += piece.len();
        this.note(&piece);
        Poll::Ready(Ok(()))
    }
}

/// The last lines that a server wrote to its standard error. They are kept for an admin's eyes and go nowhere else:
/// they may hold anything.
#[derive(Debug, Clone, Default)]
pub(super) struct StderrTail(Arc<Mutex<VecDeque<String>>>);

impl StderrTail {
    /// Reads to the end, so that the server never waits for us, and keeps the last lines.
    pub(super) async fn drain(self, mut stderr: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut line = Vec::new();
        while let Ok(count) = stderr.read(&mut chunk).await {
            if count == 0 {
                break;
            }
            for byte in chunk.get(..count).unwrap_or_default() {
                if *byte == b'\n' {
                    self.keep(&line);
                    line.clear();
                } else if line.len() < STDERR_LINE_BYTES {
                    line.push(*byte);
                }
            }
        }
        self.keep(&line);
    }

    fn keep(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= STDERR_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The last line, which most often names the reason. An advice (`→ …`) is told behind what it is about.
    pub(super) fn last(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = lines.iter().rev();
        match (last.next(), last.next()) {
            (Some(advice), Some(reason)) if advice.starts_with(ADVICE) => {
                format!("{reason} {advice}")
            }
            (Some(line), _) => line.clone(),
            (None, _) => String::new(),
        }
    }
}

/// The first line on standard output that holds no message, until there is a message; and whether all was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Noise(Arc<Mutex<Heard>>, CancellationToken);

#[derive(Debug, Default)]
enum Heard {
    #[default]
    Nothing,
    Noise(String),
    /// A server that has sent a message speaks the protocol, whatever else it writes.
    Messages,
}

impl Noise {
    /// Takes note of a line that holds no message.
    pub(super) fn keep(&self, line: &[u8]) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*heard, Heard::Nothing) {
            let line = line.get(..NOISE_BYTES).unwrap_or(line);
            let line = String::from_utf8_lossy(line).trim().to_owned();
            if !line.is_empty() {
                *heard = Heard::Noise(line);
            }
        }
    }

    /// Takes note that there was a message.
    pub(super) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Heard::Messages;
    }

    /// Takes note that nothing more is read.
    pub(super) fn close(&self) {
        self.1.cancel();
    }

    /// Resolves when nothing more is read.
    pub(super) async fn closed(&self) {
        self.1.cancelled().await;
    }

    /// The line, where there was one and no message; as it came.
    pub(super) fn line(&self) -> Option<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Heard::Noise(line) => Some(line.clone()),
            Heard::Nothing | Heard::Messages => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn through(input: &[u8], limit: usize) -> (String, bool) {
        let flooded = Arc::new(AtomicBool::new(false));
        let mut lines = WatchedLines::new(input, limit, flooded.clone());
        let mut out = Vec::new();
        lines.read_to_end(&mut out).await.unwrap();
        (
            String::from_utf8(out).unwrap(),
            flooded.load(Ordering::Relaxed),
        )
    }

    #[tokio::test]
    async fn lines_within_the_limit_pass_unchanged() {
        let text = "noise\n{\"id\":1}\n\nlast without end";
        assert_eq!(through(text.as_bytes(), 20).await, (text.to_owned(), false));
    }

    #[tokio::test]
    async fn a_pipe_that_has_nothing_yet_adds_nothing() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let mut lines = WatchedLines::new(reader, 100, Arc::default());
        let read = tokio::spawn(async move {
            let mut out = String::new();
            lines.read_to_string(&mut out).await.unwrap();
            out
        });
        for piece in ["{\"a\":", "1}\n", "b\n"] {
            tokio::task::yield_now().await;
            tokio::io::AsyncWriteExt::write_all(&mut writer, piece.as_bytes())
                .await
                .unwrap();
        }
        drop(writer);
        assert_eq!(read.await.unwrap(), "{\"a\":1}\nb\n");
    }

    #[tokio::test]
    async fn a_line_above_the_limit_is_followed_by_an_error_for_its_id() {
        let big = "x".repeat(5000);
        for line in [
            format!("{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{{\"t\":\"{big}\",\"id\":3}}}}\n"),
            format!("{{\"result\":{{\"id\":3,\"t\":\"{big}\"}},\"jsonrpc\":\"2.0\",\"id\":7}}\n"),
            format!("{{\"id\": \"7\", \"result\":\"{big}\"}}\n"),
            format!("{{\"result\":\"{big}\",\"id\":\"7\"}}\n"),
        ] {
            let (out, flooded) = through(format!("{line}{{\"id\":8}}\n").as_bytes(), 1000).await;
            let expected = format!("{line}{}\n{{\"id\":8}}\n", too_large_reply("7"));
            assert_eq!(out, expected);
            assert!(!flooded);
        }
    }

    #[tokio::test]
    async fn a_line_without_end_or_id_ends_the_stream() {
        let (out, flooded) = through(&vec![b'x'; 1_000_000], 1000).await;
        assert!(flooded);
        assert!(
            out.len() <= 1000 * DISCARD_FACTOR + CHUNK_BYTES,
            "{}",
            out.len()
        );
        let line = format!("{}\n{{\"id\":8}}\n", "x".repeat(5000));
        let (out, flooded) = through(line.as_bytes(), 1000).await;
        assert!(flooded && !out.contains("\"id\":8"));
    }

    #[tokio::test]
    async fn only_the_last_lines_of_standard_error_are_kept() {
        let tail = StderrTail::default();
        let mut text = "y".repeat(1_000_000);
        for index in 0..100 {
            text.push_str(&format!("\nline {index}"));
        }
        tail.clone().drain(text.as_bytes()).await;
        assert_eq!(tail.last(), "line 99");
        let told = StderrTail::default();
        let problem = "starting\n--dsn: the variable `X` is not set\n  → set it\n";
        told.clone().drain(problem.as_bytes()).await;
        assert_eq!(told.last(), "--dsn: the variable `X` is not set → set it");
        let lines = tail.0.lock().unwrap();
        assert_eq!(lines.len(), STDERR_LINES);
    }
}
