//! Texts from files and standard input, as the programs that people use write them: with or without a byte order mark, with
//! any line ends. What is no text in UTF-8 is told with its line and what to do, and never guessed at.

use std::{io::Read, path::Path};

use crate::error::Problem;

/// The largest text that is read, in bytes.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
const BYTE_ORDER_MARKS_OF_UTF_16: [&[u8]; 2] = [&[0xFF, 0xFE], &[0xFE, 0xFF]];

/// Why something is not read as text.
#[derive(Debug, thiserror::Error)]
pub enum NoText {
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("is a folder, not a file")]
    Folder,
    #[error("is larger than {} MiB", MAX_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("is written in UTF-16, as some Windows programs do")]
    Utf16,
    #[error(
        "is not written in UTF-8: line {line} has the byte 0x{byte:02X}, as Latin-1 or Windows-1252 would"
    )]
    OtherEncoding { line: usize, byte: u8 },
    #[error("has a zero byte in line {line}, so it is no text or is cut")]
    Zero { line: usize },
}

impl NoText {
    /// What to do about it.
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Utf16 => Some(
                "save it as UTF-8 in your editor, or convert it: `iconv -f UTF-16 -t UTF-8 OLD > NEW`",
            ),
            Self::OtherEncoding { .. } => Some(
                "save it as UTF-8 in your editor, or convert it: `iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW`",
            ),
            Self::Zero { .. } => Some("write it anew as a text in UTF-8"),
            Self::Folder => Some("name a file"),
            Self::TooLarge => Some("name the right file, or split it"),
            Self::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Some("let the account that runs `daybrief` read it")
            }
            Self::Io(_) => None,
        }
    }

    fn line(&self) -> Option<usize> {
        match self {
            Self::OtherEncoding { line, .. } | Self::Zero { line } => Some(*line),
            _ => None,
        }
    }

    /// The problem of a text that is at this place.
    pub fn at(&self, place: &str) -> Problem {
        let place = match self.line() {
            Some(line) => format!("{place}:{line}"),
            None => place.to_owned(),
        };
        let problem = Problem::new("unreadable", self.to_string()).at(place);
        match self.advice() {
            Some(advice) => problem.advise(advice),
            None => problem,
        }
    }
}

/// Returns a file's text: lines end with `\n`, and it begins with no byte order mark.
pub fn read(path: &Path) -> Result<String, NoText> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(NoText::Folder);
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    decode(bytes)
}

/// [`read`], with the problem that a person is told where it cannot be.
pub fn read_or_tell(path: &Path) -> Result<String, Problem> {
    read(path).map_err(|error| error.at(&path.display().to_string()))
}

/// Returns the text of bytes: lines end with `\n`; a byte order mark, and zeros after the text, are left out.
pub fn decode(bytes: Vec<u8>) -> Result<String, NoText> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(NoText::TooLarge);
    }
    let rest = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let is_utf_16 = BYTE_ORDER_MARKS_OF_UTF_16
        .into_iter()
        .any(|mark| rest.starts_with(mark));
    // Without its mark, each second byte of western text is zero; so are most of its first characters.
    if is_utf_16
        || matches!(
            rest,
            [0, b' '..=b'~', 0, ..] | [b' '..=b'~', 0, b' '..=b'~', 0, ..]
        )
    {
        return Err(NoText::Utf16);
    }
    let end = rest
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let text = rest.get(..end).unwrap_or_default();
    let line_of = |at: usize| {
        let before = text.get(..at).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    };
    if let Some(at) = text.iter().position(|byte| *byte == 0) {
        return Err(NoText::Zero { line: line_of(at) });
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(text.replace("\r\n", "\n")),
        Err(error) => {
            let at = error.valid_up_to();
            Err(NoText::OtherEncoding {
                line: line_of(at),
                byte: text.get(at).copied().unwrap_or_default(),
            })
        }
    }
}

/// Returns a line of standard input without the marks that a text may begin and end with.
pub fn line(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let end = line
        .iter()
        .rposition(|byte| !matches!(byte, 0 | b'\r' | b'\n'))
        .map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> String {
        decode(bytes.to_vec()).unwrap_err().at("a.toml").to_string()
    }

    #[test]
    fn a_text_is_the_same_however_an_editor_saved_it() {
        for bytes in [
            &b"a = 1\nb = 2\n"[..],
            b"\xEF\xBB\xBFa = 1\nb = 2\n",
            b"a = 1\r\nb = 2\r\n",
            b"\xEF\xBB\xBFa = 1\r\nb = 2\r\n\0\0",
        ] {
            assert_eq!(decode(bytes.to_vec()).unwrap(), "a = 1\nb = 2\n");
        }
        assert_eq!(decode(Vec::new()).unwrap(), "");
        assert_eq!(decode(vec![0, 0]).unwrap(), "");
    }

    #[test]
    fn another_encoding_is_named_with_its_line_and_what_to_do() {
        let latin = told(b"name = 'a'\r\ntitle = 'Gr\xF6\xDFe'\n");
        assert!(
            latin.starts_with("a.toml:2: is not written in UTF-8: line 2 has the byte 0xF6"),
            "{latin}"
        );
        assert!(latin.contains("→ save it as UTF-8"), "{latin}");
        for bytes in [
            &b"\xFF\xFEa\0=\x001\0"[..],
            b"\xFE\xFF\0a\0=\x001",
            b"a\0=\x001\0",
            b"\0a\0=\x001",
        ] {
            assert!(told(bytes).contains("UTF-16"), "{bytes:?}");
        }
        assert!(told(b"a = 1\nb = '\0'\n").starts_with("a.toml:2: has a zero byte"));
    }

    #[test]
    fn a_folder_and_a_missing_file_are_told_as_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(NoText::Folder)));
        let missing = read_or_tell(&folder.path().join("none")).unwrap_err();
        assert!(
            missing
                .to_string()
                .contains("none: cannot be read: No such file")
        );
    }

    #[test]
    fn a_line_of_input_loses_its_mark_and_its_end() {
        assert_eq!(line(b"\xEF\xBB\xBF{}\r"), b"{}");
        assert_eq!(line(b"\r"), b"");
    }

    proptest::proptest! {
        #[test]
        fn bytes_are_a_text_or_a_reason(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            let _ = decode(bytes);
        }
    }
}
