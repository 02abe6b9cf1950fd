//! An event stream read as servers write it: LF, CRLF or CR, a byte order mark first, bytes that are no UTF-8, fields
//! without a colon, a last event that nothing closes. Pure.
//! The rules are those of the HTML standard, "9.2.6 Interpreting an event stream", but for the last event: there it is
//! dropped, and with it an answer.

use std::collections::VecDeque;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub name: Option<String>,
    pub data: Option<String>,
    pub id: Option<String>,
    /// Milliseconds to wait before the stream is opened again.
    pub retry: Option<u64>,
}

/// An event is larger than it may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Reads events out of pieces of a stream.
#[derive(Debug)]
pub(super) struct Reader {
    limit: usize,
    line: Vec<u8>,
    after_return: bool,
    first_line: bool,
    /// Bytes of the event that is being read.
    size: usize,
    event: Option<Event>,
    ready: VecDeque<Event>,
}

impl Reader {
    /// A reader of events of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_return: false,
            first_line: true,
            size: 0,
            event: None,
            ready: VecDeque::new(),
        }
    }

    /// Takes in a piece.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), TooLarge> {
        for byte in piece {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(),
                _ => {
                    self.size += 1;
                    if self.size > self.limit {
                        return Err(TooLarge);
                    }
                    self.line.push(*byte);
                }
            }
        }
        Ok(())
    }

    /// Takes note that nothing more comes.
    pub(super) fn end(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.close();
    }

    /// The next whole event.
    pub(super) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn close(&mut self) {
        self.size = 0;
        self.ready.extend(self.event.take());
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let mut text = text.as_ref();
        if std::mem::take(&mut self.first_line) {
            text = text.trim_start_matches('\u{feff}');
        }
        if text.is_empty() {
            return self.close();
        }
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        if field.is_empty() {
            // A comment keeps the line open and counts for nothing.
            self.size = self.size.saturating_sub(line.len());
            return;
        }
        let event = self.event.get_or_insert_default();
        match field {
            "data" => match &mut event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => event.data = Some(value.to_owned()),
            },
            "event" => event.name = Some(value.to_owned()),
            "id" if !value.contains('\0') => event.id = Some(value.to_owned()),
            "retry" => event.retry = value.trim().parse().ok(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Vec<Event> {
        let mut reader = Reader::new(1000);
        for piece in bytes.chunks(piece) {
            reader.push(piece).unwrap();
        }
        reader.end();
        std::iter::from_fn(|| reader.next()).collect()
    }

    #[test]
    fn events_are_read_however_their_lines_end_and_wherever_they_are_cut() {
        let text = "\u{feff}: hello\nid: 1\nretry: 500\ndata:\n\nevent: message\ndata: {\"a\":\ndata: 1}\nodd\nretry: soon\n\n:\ndata:last";
        let expected = [
            Event {
                id: Some("1".to_owned()),
                retry: Some(500),
                data: Some(String::new()),
                name: None,
            },
            Event {
                name: Some("message".to_owned()),
                data: Some("{\"a\":\n1}".to_owned()),
                ..Event::default()
            },
            Event {
                data: Some("last".to_owned()),
                ..Event::default()
            },
        ];
        for end in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', end);
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(read(text.as_bytes(), piece), expected, "{end:?} {piece}");
            }
        }
    }

    #[test]
    fn an_event_above_the_limit_is_refused_and_comments_do_not_count() {
        let mut reader = Reader::new(20);
        for _ in 0..10 {
            assert_eq!(reader.push(b": a long comment\n"), Ok(()));
        }
        assert_eq!(reader.push(b"data: 0123456789\n\n"), Ok(()));
        assert_eq!(reader.push(b"data: 0123456789\n"), Ok(()));
        assert_eq!(reader.push(b"data: 0123456789\n"), Err(TooLarge));
    }
}
