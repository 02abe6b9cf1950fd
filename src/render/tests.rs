use jiff::Timestamp;
use url::Url;

use super::{sample, *};
use crate::{domain::finding::Status, text::Language};

fn instance() -> Instance {
    Instance {
        name: "Acme Ltd".to_owned(),
        role: Some("VP Engineering".to_owned()),
        page: Url::parse("https://daybrief.acme.example/briefs/0123").ok(),
    }
}

fn editions() -> Vec<(&'static str, Brief)> {
    vec![
        ("engineering", sample::engineering()),
        ("quiet", sample::quiet()),
        ("degraded", sample::degraded()),
        ("nothing", sample::nothing()),
        ("hostile", sample::hostile()),
    ]
}

/// Each language and edition.
fn all() -> impl Iterator<Item = (String, Brief)> {
    let languages = [
        Language::English,
        Language::German,
        Language::French,
        Language::Spanish,
    ];
    languages.into_iter().flat_map(|language| {
        editions().into_iter().map(move |(name, mut brief)| {
            brief.language = language;
            (format!("{name} {}", language.tag()), brief)
        })
    })
}

#[test]
fn the_forms_of_a_working_day_are_as_reviewed() {
    let brief = sample::engineering();
    let mail = email(&brief, &instance());
    insta::assert_snapshot!("engineering.email.html", mail.html);
    insta::assert_snapshot!("engineering.email.txt", mail.text);
    let slack = slack(&brief, &instance());
    insta::assert_snapshot!(
        "engineering.slack",
        format!(
            "{}\n{:#}\n{:#?}",
            slack.text,
            serde_json::json!(slack.blocks),
            slack.replies
        )
    );
    insta::assert_snapshot!(
        "engineering.terminal",
        text(&brief, &instance(), 100, true).replace('\u{1b}', "␛")
    );
    insta::assert_snapshot!("engineering.web", web(&brief, &instance()));
}

#[test]
fn the_forms_of_other_days_are_as_reviewed() {
    for (name, brief) in [
        ("quiet", sample::quiet()),
        ("degraded", sample::degraded()),
        ("nothing", sample::nothing()),
    ] {
        insta::assert_snapshot!(
            format!("{name}.txt"),
            text(&brief, &instance(), TEXT_WIDTH, false)
        );
        let slack = slack(&brief, &instance());
        insta::assert_snapshot!(
            format!("{name}.slack"),
            format!("{:#}", serde_json::json!(slack.blocks))
        );
    }
    let mut german = sample::degraded();
    german.language = Language::German;
    insta::assert_snapshot!("german.txt", text(&german, &instance(), TEXT_WIDTH, false));
}

#[test]
fn every_slack_message_and_reply_keeps_the_limits() {
    for (name, brief) in all() {
        let message = slack(&brief, &instance());
        assert_eq!(check_limits(&message.blocks), Ok(()), "{name}");
        assert!(message.text.encode_utf16().count() <= 1_000, "{name}");
        assert!(!message.replies.is_empty(), "{name}");
        for (text, blocks) in &message.replies {
            assert!(!text.is_empty(), "{name}");
            assert_eq!(check_limits(blocks), Ok(()), "{name}");
        }
    }
}

#[test]
fn items_without_room_in_slack_stand_whole_in_the_thread() {
    let mut brief = sample::engineering();
    let long = "word ".repeat(110);
    for item in brief.decide.iter_mut().chain(&mut brief.watch) {
        item.body = crate::domain::rich::Rich::plain(format!("{long}end{}.", item.number));
    }
    for number in 6..=22 {
        let mut item = brief.watch[0].clone();
        item.number = number;
        item.body = crate::domain::rich::Rich::plain(format!("{long}end{number}."));
        brief.watch.push(item);
    }
    let message = slack(&brief, &instance());
    let main = serde_json::json!(message.blocks).to_string();
    let thread = format!("{:?}", message.replies);
    for number in 1..=22 {
        let end = format!("end{number}.");
        assert!(
            main.contains(&end) || thread.contains(&end),
            "item {number} is cut"
        );
    }
    assert!(main.contains("end1.") && !main.contains("end22."));
}

#[test]
fn every_mail_is_small_and_says_the_same_in_both_parts() {
    for (name, brief) in all() {
        let mail = email(&brief, &instance());
        assert!(
            mail.html.len() <= EMAIL_HTML_MAX_BYTES,
            "{name}: {}",
            mail.html.len()
        );
        assert!(!mail.subject.contains(['\r', '\n', '\u{1b}']), "{name}");
        assert_eq!(mail.list, "vp-engineering-morning");
    }
    let brief = sample::engineering();
    let mail = email(&brief, &instance());
    let flat = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for item in brief.items() {
        let words = item.headline.spans()[0].text.trim().to_owned();
        assert!(flat.contains(&words), "{words} in text");
        assert!(mail.html.contains(&words), "{words} in HTML");
        let open = item.open.as_ref().unwrap();
        assert!(mail.text.contains(open.url.as_str()));
        assert!(mail.html.contains(&open.url.as_str().replace('&', "&amp;")));
    }
}

#[test]
fn nothing_of_a_source_becomes_markup_or_a_mention() {
    let brief = sample::hostile();
    let mail = email(&brief, &instance());
    let page = web(&brief, &instance());
    for html in [&mail.html, &page] {
        assert!(!html.contains("<script"));
        assert!(!html.contains("<b>](") && !html.contains("<!channel>"));
        assert!(!html.contains('\u{1b}') && !html.contains('\u{202e}'));
    }
    // A header is plain text, in which Slack reads no mention.
    let mut blocks = slack(&brief, &instance()).blocks;
    assert_eq!(blocks[0]["text"]["type"], "plain_text");
    blocks.remove(0);
    let slack = serde_json::json!(blocks).to_string();
    assert!(!slack.contains("<!channel>") && slack.contains("&lt;!channel&gt;"));
    assert!(!slack.contains("\"verbatim\":false"));
    let terminal = text(&brief, &instance(), 80, true);
    assert!(!terminal.contains("\u{1b}[2J") && !terminal.contains('\u{202e}'));
}

#[test]
fn a_row_gives_no_format_to_a_slack_message() {
    let text = "*Next:* _x_ ~s~ :fire: :+1: `code` > quote & PAY_1 2*3 at 06:58:30, card_retry";
    let shown =
        "∗Next:∗ ˍxˍ ∼s∼ ∶fire: ∶+1: ˋcodeˋ &gt; quote &amp; PAY_1 2∗3 at 06:58:30, card_retry";
    let quoted = format!("> {text}");
    let mut brief = sample::engineering();
    let link = Url::parse("https://jira.acme.example/browse/A_1?a=*b*&c=_d_").ok();
    for item in brief.decide.iter_mut().chain(&mut brief.watch) {
        for part in [&mut item.headline, &mut item.body, &mut item.next] {
            *part = crate::domain::rich::Rich::plain(&quoted);
            part.push(text, link.clone());
        }
        item.open.as_mut().unwrap().label = text.to_owned();
        item.status = crate::domain::finding::Status::Worse {
            from: 1.into(),
            to: 2.into(),
            unit: text.to_owned(),
            days: 1,
        };
    }
    brief.notices = vec![crate::domain::rich::Rich::plain(text)];
    brief.bottom_line = crate::domain::rich::Rich::plain(text);
    brief.subject = text.to_owned();
    brief.resolved[0].said = text.to_owned();
    let message = slack(&brief, &instance());
    assert_eq!(message.text, shown);
    let mut texts = vec![message.text.clone()];
    let mut all = vec![serde_json::json!(message.blocks)];
    all.extend(message.replies.into_iter().map(|(_, blocks)| blocks.into()));
    while let Some(value) = all.pop() {
        match value {
            serde_json::Value::Array(values) => all.extend(values),
            serde_json::Value::Object(fields) if fields.get("type") == Some(&"mrkdwn".into()) => {
                texts.push(fields["text"].as_str().unwrap().to_owned());
            }
            serde_json::Value::Object(fields) => all.extend(fields.into_values()),
            _ => {}
        }
    }
    // Every text of the brief is in one of them as it is shown, and no mark of a row is left beside those of ours.
    assert!(texts.iter().filter(|text| text.contains(shown)).count() >= 6);
    for text in texts {
        for mark in [
            "*Next:* _",
            "_x_",
            "~",
            "`",
            " :fire:",
            ":+1:",
            "\n&gt;",
            "2*3",
        ] {
            assert!(!text.contains(mark), "{mark} in {text}");
        }
    }
}

#[test]
fn no_form_loads_anything_or_runs_anything() {
    for (name, brief) in all() {
        let mail = email(&brief, &instance()).html;
        let page = web(&brief, &instance());
        for html in [mail, page] {
            let lower = html.to_lowercase();
            for word in [
                "<img",
                "<script",
                "<link",
                "<iframe",
                "<form",
                "@import",
                "url(",
                " src=",
                " onclick=",
            ] {
                assert!(!lower.contains(word), "{name}: {word}");
            }
        }
    }
}

#[test]
fn a_mail_is_one_column_of_tables_that_keep_the_readers_colours() {
    let html = email(&sample::engineering(), &instance()).html;
    assert!(html.contains(r#"<meta name="color-scheme" content="light dark">"#));
    assert!(html.contains(r#"<meta name="supported-color-schemes" content="light dark">"#));
    assert!(html.contains(r#"<html lang="en""#));
    assert!(html.contains("<!--[if mso]><table role=\"presentation\" width=\"600\""));
    let body = html.split("<body").nth(1).unwrap();
    let tag = body.split('>').next().unwrap();
    assert!(!tag.contains("color"), "{tag}");
    assert!(!html.contains("{{") && !html.contains("{%"));
    // A layout table is no table of data to a screen reader.
    let tables = html.matches("<table").count();
    assert_eq!(tables, html.matches("<table role=\"presentation\"").count());
}

#[test]
fn neither_tools_nor_the_admins_details_reach_a_reader() {
    for (name, brief) in editions() {
        let mail = email(&brief, &instance());
        let slack = slack(&brief, &instance());
        let all = [
            mail.html,
            mail.text,
            web(&brief, &instance()),
            format!("{slack:?}"),
            text(&brief, &instance(), 80, false),
        ]
        .concat();
        for word in ["jira_search", "/issues/0", "10.0.0.7", &"a".repeat(64)] {
            assert!(!all.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn a_links_number_stands_behind_its_phrase_and_outside_of_quotations() {
    let said = |line: &str| {
        let mut brief = sample::engineering();
        brief.bottom_line = sample::rich(line);
        let text = text(&brief, &instance(), 200, false);
        let line = text
            .lines()
            .skip_while(|line| *line != "BOTTOM LINE")
            .nth(1);
        line.unwrap().to_owned()
    };
    for (line, numbered) in [
        (
            "Release 4.12 has [3 blockers](a.example/1) with [2 days](a.example/1) left. It is late.",
            "Release 4.12 has 3 blockers with 2 days left [1]. It is late.",
        ),
        (
            "It is open (“[Drivers cannot sign in](a.example/1)”), and [5](a.example/2) is due.",
            "It is open (“Drivers cannot sign in”) [1], and 5 is due [2].",
        ),
        (
            "[A](a.example/1) renews in [38 days](a.example/1) and has [1 ticket](a.example/2)",
            "A renews in 38 days [1] and has 1 ticket [2]",
        ),
        (
            "It costs [EUR 1,200.50](a.example/1) at [06:58](a.example/1) today, at least.",
            "It costs EUR 1,200.50 at 06:58 today [1], at least.",
        ),
    ] {
        assert_eq!(said(line), numbered);
    }
}

#[test]
fn lines_keep_the_width_but_for_addresses() {
    for width in [40, 76, 100] {
        for line in text(&sample::engineering(), &instance(), width, false).lines() {
            let length = line.chars().count();
            assert!(length <= width || line.contains("https://"), "{line}");
        }
    }
}

#[test]
fn a_source_of_another_day_is_shown_with_its_date() {
    let mut brief = sample::engineering();
    brief.sources[0].as_of = "2026-11-23T06:09:00Z".parse::<Timestamp>().ok();
    let text = text(&brief, &instance(), 100, false);
    assert!(
        text.contains("Jira Mon 23 Nov 07:09 · GitLab 06:58"),
        "{text}"
    );
}

#[test]
fn a_gap_that_no_notice_says_stands_in_the_foot() {
    let text = text(&sample::degraded(), &instance(), 200, false);
    assert!(text.contains("Checked 17 of 21 signals"));
    assert!(text.contains("Sentry –"));
    assert!(text.contains("Not checked: Jira did not answer in time (2 signals)."));
    let mut brief = sample::degraded();
    brief.notices.clear();
    let text = super::text(&brief, &instance(), 200, false);
    assert!(text.contains("Sentry did not answer in time (2 signals)"));
    let gap = &mut brief.gaps[0];
    gap.titles = vec!["New errors".to_owned(), "Slow pages".to_owned()];
    gap.last_good = "2026-11-23T06:09:00Z".parse().ok();
    let said = super::text(&brief, &instance(), 200, false);
    assert!(said.contains("Sentry did not answer in time (2 signals: New errors, Slow pages; last good check yesterday 07:09)"), "{said}");
    brief.gaps[0].in_part = true;
    let said = super::text(&brief, &instance(), 200, false);
    assert!(said.contains("(2 signals in part: New errors,"), "{said}");
}

#[test]
fn what_only_passed_has_no_tick_in_any_form() {
    let mut brief = sample::quiet();
    brief.resolved[0].passed = true;
    let mail = email(&brief, &instance());
    let forms = [
        mail.text,
        mail.html,
        web(&brief, &instance()),
        serde_json::json!(slack(&brief, &instance()).blocks).to_string(),
    ];
    for form in forms {
        assert!(!form.contains('✓') && form.contains("INFRA-402"), "{form}");
    }
}

#[test]
fn french_labels_keep_their_space_before_a_colon() {
    let mut brief = sample::degraded();
    brief.language = Language::French;
    let mail = email(&brief, &instance());
    for label in [
        "Prochaine étape",
        "Non vérifié",
        "Pourquoi vous recevez ceci",
    ] {
        assert!(
            mail.html.contains(&format!("{label}\u{a0}:")),
            "{label}: {}",
            mail.html
        );
        assert!(!mail.text.contains(&format!("{label}:")), "{label}");
    }
    assert!(mail.html.contains("«\u{a0}Engineering\u{a0}»"));
}

#[test]
fn the_words_above_the_line_are_those_that_a_form_shows_there() {
    let mark = regex::Regex::new(r"\[\d+\]").unwrap();
    for (name, mut brief) in all().filter(|(name, _)| !name.starts_with("hostile")) {
        for status in [
            Status::New,
            Status::Ongoing { days: 0 },
            Status::Ongoing { days: 4 },
        ] {
            for item in &mut brief.watch {
                item.status = status.clone();
            }
            brief.more_resolved = 2;
            let text = text(&brief, &instance(), TEXT_WIDTH, false);
            let above = text.split("-----").next().unwrap();
            let shown: Vec<&str> = above
                .lines()
                .filter(|line| !line.trim_start().starts_with('→'))
                .collect();
            let shown = mark.replace_all(&shown.join("\n"), "").into_owned();
            let words = crate::text::word_count(&shown);
            assert_eq!(words, brief.words_above_the_line(), "{name}: {shown}");
        }
    }
}

#[test]
fn what_is_not_said_above_the_line_is_listed_below_it_with_its_record() {
    let mut brief = sample::engineering();
    brief.more = 5;
    let url = brief.rest[0].open.as_ref().unwrap().url.as_str().to_owned();
    let mail = email(&brief, &instance());
    let slack = slack(&brief, &instance());
    let main = serde_json::json!(slack.blocks).to_string();
    assert!(main.contains("+ 5 more in this thread") && !main.contains("certificates"));
    let below = mail.text.split("-----").last().unwrap().to_owned();
    for form in [
        below,
        mail.html,
        web(&brief, &instance()),
        format!("{:?}", slack.replies),
    ] {
        assert!(form.contains("Two certificates end"), "{form}");
        assert!(form.contains("and 3 more"), "{form}");
        assert!(form.contains(&url), "{form}");
    }
    assert!(mail.text.contains("+ 5 more, listed below"));
}

#[test]
fn a_folder_has_the_page_first_and_the_brief_as_data() {
    let brief = sample::engineering();
    let FolderMessage { files, mail } = folder(&brief, &instance());
    assert_eq!(mail, email(&brief, &instance()));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["brief.html", "brief.txt", "brief.json", "slack.json"]
    );
    let read: Brief = serde_json::from_slice(&files[2].1).unwrap();
    assert_eq!(read, brief);
}

#[test]
fn the_foot_names_the_role_as_people_do() {
    let said = |instance: &Instance| text(&sample::engineering(), instance, 200, false);
    assert!(said(&instance()).contains("You have the role VP Engineering; “Engineering” was due"));
    let mut nameless = instance();
    nameless.role = Some("{title} {due}".to_owned());
    assert!(said(&nameless).contains("the role {title} {due}; “Engineering” was due Tue"));
}

#[test]
fn the_white_words_on_severity_colours_can_be_read() {
    // WCAG 2.2, relative luminance and contrast ratio; 4.5 is level AA.
    let luminance = |colour: &str| {
        let part = |range: std::ops::Range<usize>| {
            let value = f64::from(u8::from_str_radix(&colour[range], 16).unwrap()) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1..3) + 0.7152 * part(3..5) + 0.0722 * part(5..7)
    };
    let contrast = |a: &str, b: &str| {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    };
    for (name, brief) in editions() {
        let html = email(&brief, &instance()).html;
        for cell in html.split("bgcolor=\"").skip(1) {
            let colour = &cell[..7];
            assert!(contrast(colour, "#ffffff") >= 4.5, "{name}: {colour}");
        }
    }
    for (text, page) in [
        ("#0b57d0", "#ffffff"),
        ("#5f6368", "#ffffff"),
        ("#a8c7fa", "#1f1f1f"),
        ("#bdc1c6", "#1f1f1f"),
    ] {
        assert!(contrast(text, page) >= 4.5, "{text} on {page}");
    }
}

/// Writes the samples where `DAYBRIEF_SAMPLES` says, to be looked at in a browser.
#[test]
fn samples_are_written_where_asked() {
    let Some(folder) = std::env::var_os("DAYBRIEF_SAMPLES").map(std::path::PathBuf::from) else {
        return;
    };
    for (name, brief) in all() {
        let name = name.replace(' ', ".");
        let mail = email(&brief, &instance());
        std::fs::write(folder.join(format!("{name}.email.html")), mail.html).unwrap();
        std::fs::write(folder.join(format!("{name}.txt")), mail.text).unwrap();
        std::fs::write(
            folder.join(format!("{name}.web.html")),
            web(&brief, &instance()),
        )
        .unwrap();
    }
}
