//! Log records for an OpenTelemetry collector: OTLP over HTTP with JSON bodies
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).

use serde_json::{Value, json};

use super::Sent;

/// Severity numbers of the log data model.
const INFO: u8 = 9;
const WARN: u8 = 13;

/// Sends rows in one request.
pub(super) async fn send(client: &reqwest::Client, url: &str, rows: &[Sent]) -> Result<(), String> {
    let answer = client
        .post(url)
        .json(&request(rows))
        .send()
        .await
        .map_err(|error| format!("the collector: {}", error.without_url()))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("the collector answers {status}"));
    }
    // A collector may take a part only, and says so with 200; sending the same again would change nothing.
    let told: Value = answer.json().await.unwrap_or_default();
    let rejected = told.pointer("/partialSuccess/rejectedLogRecords");
    let rejected = rejected.map_or_else(String::new, |count| match count {
        Value::String(count) => count.clone(),
        count => count.to_string(),
    });
    if !matches!(rejected.as_str(), "" | "0" | "null") {
        tracing::warn!(rejected, "the collector refused some audit rows");
    }
    Ok(())
}

/// The body. Whole numbers of 64 bits are texts in OTLP's JSON, as in that of Protocol Buffers.
fn request(rows: &[Sent]) -> Value {
    let records: Vec<Value> = rows.iter().map(record).collect();
    json!({
        "resourceLogs": [{
            "resource": { "attributes": [
                attribute("service.name", "daybrief"),
                attribute("service.version", env!("CARGO_PKG_VERSION")),
            ] },
            "scopeLogs": [{ "scope": { "name": "daybrief.audit" }, "logRecords": records }],
        }],
    })
}

fn record(row: &Sent) -> Value {
    let (number, text) = if row.is_warning() {
        (WARN, "WARN")
    } else {
        (INFO, "INFO")
    };
    let at = row.kept.entry.at.as_nanosecond().to_string();
    let attributes: Vec<Value> = row
        .fields()
        .iter()
        .map(|(name, value)| attribute(&format!("daybrief.audit.{name}"), value))
        .collect();
    json!({
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": text,
        "body": { "stringValue": row.line() },
        "attributes": attributes,
    })
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}
