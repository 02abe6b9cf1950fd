//! Writing the trail out, a page at a time, however long it is.

use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Audit, AuditError, PAGE, Query, Reader, Seen,
    search::{Names, Wanted},
};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A JSON object a line.
    Jsonl,
    /// RFC 4180, with a head line. Cells that a spreadsheet would compute begin with an apostrophe.
    Csv,
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Exported {
    pub rows: u64,
}

impl Audit {
    /// Writes rows that a query asks for, the oldest first. Reads a page at a time, however many they are.
    pub async fn export(
        &self,
        reader: &Reader,
        query: &Query,
        format: Format,
        out: &mut (dyn Write + Send),
        now: Timestamp,
    ) -> Result<Exported, AuditError> {
        let own = self.note_reading(reader, "export", query, now).await?;
        let mut writer = RowWriter::new(format, out)?;
        let mut rows = 0;
        if let Some(handle) = self.handle_asked(query).await? {
            let (wanted, mut names) = (Wanted::new(query, handle), Names::new());
            let (mut low, high) = self.bounds(query, own).await?;
            while low <= high {
                let page = self.store.audit().found(low, high, false, PAGE).await?;
                let Some(last) = page.last().map(|found| found.place) else {
                    break;
                };
                for seen in self.seen(page, &wanted, &mut names).await? {
                    writer.write(&seen)?;
                    rows += 1;
                }
                low = last + 1;
            }
        }
        writer.finish()?;
        Ok(Exported { rows })
    }
}

/// Writes rows in a form.
enum RowWriter<'o> {
    Jsonl(&'o mut (dyn Write + Send)),
    Csv(Box<csv::Writer<&'o mut (dyn Write + Send)>>),
}

const COLUMNS: [&str; 18] = [
    "number",
    "at",
    "act",
    "outcome",
    "user",
    "about",
    "role",
    "surface",
    "on",
    "why",
    "detail",
    "text",
    "answers",
    "arguments",
    "bytes",
    "sha256",
    "took_ms",
    "hash",
];

impl<'o> RowWriter<'o> {
    fn new(format: Format, out: &'o mut (dyn Write + Send)) -> Result<Self, AuditError> {
        Ok(match format {
            Format::Jsonl => Self::Jsonl(out),
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new()
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(out);
                writer.write_record(COLUMNS)?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    fn write(&mut self, seen: &Seen) -> Result<(), AuditError> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut **out, seen).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Self::Csv(writer) => {
                let of = |part: &Option<String>| part.clone().unwrap_or_default();
                let arguments = seen.arguments.as_ref();
                let arguments = arguments.and_then(|given| serde_json::to_string(given).ok());
                let result = seen.result.as_ref();
                let cells = [
                    seen.number.to_string(),
                    seen.at.to_string(),
                    seen.act.name().to_owned(),
                    seen.outcome.name().to_owned(),
                    of(&seen.user),
                    of(&seen.about),
                    of(&seen.role),
                    seen.surface.clone(),
                    seen.on.clone(),
                    seen.why.clone(),
                    seen.detail.clone(),
                    of(&seen.text),
                    seen.answers
                        .map(|number| number.to_string())
                        .unwrap_or_default(),
                    arguments.unwrap_or_default(),
                    result
                        .map(|result| result.bytes.to_string())
                        .unwrap_or_default(),
                    result
                        .map(|result| result.sha256.clone())
                        .unwrap_or_default(),
                    result
                        .map(|result| result.took_ms.to_string())
                        .unwrap_or_default(),
                    seen.hash.clone(),
                ];
                writer.write_record(cells.map(harmless))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), AuditError> {
        match self {
            Self::Jsonl(out) => out.flush()?,
            Self::Csv(mut writer) => writer.flush()?,
        }
        Ok(())
    }
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV Injection").
fn harmless(cell: String) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}")
        }
        _ => cell,
    }
}
