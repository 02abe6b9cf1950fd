//! A brief in its forms, looked at as text.

use crate::domain::brief::Brief;

use super::*;

/// A small brief with a hostile text in it.
pub(crate) fn sample() -> Brief {
    serde_json::from_value(serde_json::json!({
        "run": "r1", "briefing": "eng", "title": "Engineering", "role": "vp", "language": "en", "zone": "Europe/Zurich",
        "due": "2026-11-24T06:10:00Z", "made": "2026-11-24T06:10:05Z", "edition": { "edition": "built-in" },
        "subject": "Release 4.12 has 3 open blockers (+1 more)", "preheader": "Checkout fails", "notices": [],
        "bottom_line": [{ "text": "Release <b>4.12</b> will slip." }],
        "decide": [{
            "number": 1, "signal": "s", "fingerprint": "f", "severity": "high",
            "status": { "status": "worse", "from": "1", "to": "3", "unit": "failed runs", "days": 2 },
            "headline": [{ "text": "Release " }, { "text": "4.12", "link": "https://acme.example/?a=1&b=\"2" }, { "text": " slips" }],
            "body": [{ "text": "<script>alert(1)</script>" }], "next": [{ "text": "Ask Jonas" }],
            "open": { "label": "Open", "url": "https://acme.example/1" }, "evidence": []
        }],
        "watch": [], "more": 1,
        "resolved": [{ "fingerprint": "g", "said": "Disk on db-3 grows", "open_days": 6 }], "more_resolved": 0,
        "sources": [{ "connector": "jira", "title": "Jira", "as_of": "2026-11-24T05:58:00Z" }, { "connector": "sentry", "title": "Sentry" }],
        "checked": { "checked": 17, "total": 21 }, "gaps": [], "grounding": { "written": 0, "kept": 0, "struck": [] }, "marks": []
    }))
    .unwrap()
}

#[test]
fn the_text_says_all_that_the_brief_holds() {
    let text = text(&sample(), 78, Style::Plain);
    for part in [
        "Release 4.12 has 3 open blockers (+1 more)\n",
        "BOTTOM LINE\n",
        "DECIDE TODAY\n1  [HIGH · worse 1 → 3 failed runs]\n",
        "   Next: Ask Jonas.\n",
        "https://acme.example/1",
        "+ 1 more",
        "✓ Disk on db-3 grows (open 6 days)",
        "Checked 17 of 21 signals · Jira 06:58 · Sentry – · fixed wording",
        "Due 07:10 Europe/Zurich",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn the_page_escapes_what_a_source_wrote_and_loads_nothing() {
    let page = html(&sample(), "Acme").unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<link"));
    assert!(page.contains("Release &lt;b&gt;4.12&lt;"));
    assert!(!page.contains("b=\"2"));
    assert!(
        page.contains("width=\"600\"") && page.contains("color-scheme") && page.len() < 100_000
    );
}
