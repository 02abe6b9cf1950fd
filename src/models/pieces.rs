//! The bytes of an answer as JSON values, however they are framed: server-sent events, one value a line, or one whole body.
//! Servers mix these, leave blank lines and ends out, and put errors where they like. Pure.

use serde_json::Value;

use super::{ModelError, wire::MAX_ANSWER_BYTES};

/// Characters of a line that is no JSON, kept to say what came instead.
const MAX_STRAY_BYTES: usize = 400;

/// One thing that a server says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Value(Value),
    /// What the server calls an error.
    Error(Value),
    /// `[DONE]`
    Done,
    /// A web page.
    Page(String),
}

/// Finds the pieces in bytes that are cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// A line without its end.
    line: Vec<u8>,
    /// JSON whose end is still to come, and how it is framed.
    open: Vec<u8>,
    framed: bool,
    depth: Depth,
    /// The name of the event.
    is_error: bool,
    /// Text that is none of all this.
    stray: String,
    begun: bool,
    page: bool,
}

/// How deep within a JSON value a scan is.
#[derive(Debug, Default, Clone, Copy)]
struct Depth {
    open: usize,
    in_text: bool,
    escaped: bool,
}

impl Depth {
    /// Is the value complete after this byte?
    fn closes(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.open += 1,
            b'}' | b']' => {
                self.open = self.open.saturating_sub(1);
                return self.open == 0;
            }
            _ => {}
        }
        false
    }
}

impl Pieces {
    /// Takes more bytes.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, ModelError> {
        let mut pieces = Vec::new();
        for byte in bytes {
            if !matches!(byte, b'\n' | b'\r') {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            self.line(&line, &mut pieces)?;
        }
        if self.line.len() + self.open.len() > MAX_ANSWER_BYTES {
            return Err(too_long());
        }
        Ok(pieces)
    }

    /// Takes the end: a last line may have none.
    pub fn end(&mut self) -> Result<Vec<Piece>, ModelError> {
        let mut pieces = self.take(b"\n")?;
        if self.page {
            pieces.push(Piece::Page(std::mem::take(&mut self.stray)));
        } else if !self.open.is_empty() {
            return Err(broken());
        }
        Ok(pieces)
    }

    /// What came that was neither JSON nor a comment.
    pub fn stray(&self) -> &str {
        &self.stray
    }

    fn line(&mut self, line: &[u8], pieces: &mut Vec<Piece>) -> Result<(), ModelError> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if self.page {
            self.keep_stray(line);
            return Ok(());
        }
        if !self.open.is_empty() && !self.framed {
            return self.json(line, false, pieces);
        }
        let text = line.trim_ascii();
        match text.first() {
            None if self.open.is_empty() => {
                self.is_error = false;
                return Ok(());
            }
            // An event ended within its JSON.
            None => return Err(broken()),
            Some(b':') => return Ok(()),
            Some(b'{' | b'[') => {
                let ended = text == b"[DONE]";
                return if ended {
                    pieces.push(Piece::Done);
                    Ok(())
                } else {
                    self.begun = true;
                    self.json(text, false, pieces)
                };
            }
            Some(b'<') if !self.begun => {
                self.page = true;
                self.keep_stray(text);
                return Ok(());
            }
            Some(_) => {}
        }
        let (name, value) = match text.iter().position(|byte| *byte == b':') {
            Some(at) => {
                let (name, value) = text.split_at(at);
                (name, value.get(1..).unwrap_or_default().trim_ascii())
            }
            None => (text, &b""[..]),
        };
        match name {
            b"data" => {
                self.begun = true;
                match value.first() {
                    None => {}
                    Some(_) if value == b"[DONE]" => pieces.push(Piece::Done),
                    Some(b'{' | b'[') => return self.json(value, true, pieces),
                    Some(_) if !self.open.is_empty() => return self.json(value, true, pieces),
                    Some(_) if self.is_error => {
                        let said = String::from_utf8_lossy(value).into_owned();
                        pieces.push(Piece::Error(Value::String(said)));
                    }
                    Some(_) => self.keep_stray(value),
                }
            }
            // llama.cpp wrote its errors as a field of this name.
            b"error" => {
                self.begun = true;
                self.is_error = true;
                return match value.first() {
                    Some(b'{' | b'[') => self.json(value, true, pieces),
                    _ => {
                        let said = String::from_utf8_lossy(value).into_owned();
                        pieces.push(Piece::Error(Value::String(said)));
                        Ok(())
                    }
                };
            }
            b"event" => {
                self.begun = true;
                self.is_error = value == b"error";
            }
            b"id" | b"retry" => {}
            _ => self.keep_stray(text),
        }
        Ok(())
    }

    /// JSON, or a part of it; there may be several values in one line.
    fn json(
        &mut self,
        text: &[u8],
        framed: bool,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), ModelError> {
        self.framed = framed;
        for byte in text {
            if self.open.is_empty() {
                match byte {
                    b'{' | b'[' => {}
                    _ if byte.is_ascii_whitespace() || *byte == b',' => continue,
                    _ => return Err(broken()),
                }
            }
            self.open.push(*byte);
            if self.depth.closes(*byte) {
                let whole = std::mem::take(&mut self.open);
                self.depth = Depth::default();
                let value = serde_json::from_slice(&whole)
                    .or_else(|_| serde_json::from_str(&String::from_utf8_lossy(&whole)))
                    .map_err(|_| broken())?;
                pieces.push(if self.is_error {
                    Piece::Error(value)
                } else {
                    Piece::Value(value)
                });
            }
        }
        if !self.open.is_empty() {
            self.open.push(b'\n');
        }
        Ok(())
    }

    fn keep_stray(&mut self, line: &[u8]) {
        if self.stray.len() < MAX_STRAY_BYTES {
            self.stray.push_str(&String::from_utf8_lossy(line));
            self.stray.push(' ');
        }
    }
}

fn broken() -> ModelError {
    ModelError::Shape {
        what: "a piece of its answer is no JSON".to_owned(),
    }
}

pub(super) fn too_long() -> ModelError {
    ModelError::Shape {
        what: format!("more than {MAX_ANSWER_BYTES} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(chunks: &[&[u8]]) -> Result<Vec<Piece>, ModelError> {
        let mut pieces = Pieces::default();
        let mut found = Vec::new();
        for chunk in chunks {
            found.extend(pieces.take(chunk)?);
        }
        found.extend(pieces.end()?);
        Ok(found)
    }

    fn value(value: Value) -> Piece {
        Piece::Value(value)
    }

    #[test]
    fn values_are_found_however_they_are_framed() {
        let (a, b) = (json!({ "a": "ü{" }), json!({ "b": [1, { "c": "\"}" }] }));
        for text in [
            format!("data: {a}\n\ndata: {b}\n\n"),
            format!("data:{a}\r\n\r\ndata:{b}\r\n\r\n"),
            format!("\u{feff}: hello\n\nid: 1\nevent: x\ndata: {a}\n\nretry: 3\ndata: {b}"),
            format!("data: {a}\ndata: {b}\n"),
            format!("{a}\n{b}\n"),
            format!("{a}{b}"),
            format!("{a}\r\n\r\n{b}"),
            format!(
                "{}\n{}",
                serde_json::to_string_pretty(&a).unwrap(),
                serde_json::to_string_pretty(&b).unwrap()
            ),
            format!("data: {{\"a\":\ndata: \"ü{{\"}}\n\ndata: {b}\n\n"),
            format!("data\n\ndata:\n\ndata: ping\n\ndata: {a}\n\ndata: {b}\n\n"),
        ] {
            for size in [1, 2, 3, 7, text.len()] {
                let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                assert_eq!(
                    read(&chunks),
                    Ok(vec![value(a.clone()), value(b.clone())]),
                    "{text:?} by {size}"
                );
            }
        }
    }

    #[test]
    fn errors_ends_and_pages_are_told_apart() {
        let error = json!({ "message": "no" });
        for text in [
            format!("event: error\ndata: {error}\n\n"),
            format!("error: {error}\n\n"),
        ] {
            assert_eq!(
                read(&[text.as_bytes()]),
                Ok(vec![Piece::Error(error.clone())])
            );
        }
        assert_eq!(
            read(&[b"event: error\ndata: out of memory\n\ndata: {}\n\ndata: [DONE]\n\n"]),
            Ok(vec![
                Piece::Error("out of memory".into()),
                value(json!({})),
                Piece::Done
            ])
        );
        let page = read(&[b"\n<!doctype html>\n<title>Sign in</title>\n"]).unwrap();
        assert!(matches!(&page[..], [Piece::Page(text)] if text.contains("Sign in")));
        for broken in ["data: {\n\n", "{\"a\":", "{\"a\" 1}\n", "data: {} x\n\n"] {
            assert!(read(&[broken.as_bytes()]).is_err(), "{broken:?}");
        }
        let mut pieces = Pieces::default();
        assert_eq!(pieces.take(b"upstream timed out\n"), Ok(Vec::new()));
        assert_eq!(pieces.stray(), "upstream timed out ");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let at = cut.min(bytes.len());
            let _ = read(&[&bytes[..at], &bytes[at..]]);
        }
    }
}
