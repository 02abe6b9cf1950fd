//! `daybrief ask`: one question, answered from live data.

use std::{io::IsTerminal, path::Path};

use clap::Args;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    no_role, one, open,
    output::{self, print_part},
    print, print_json, tell_of_models, to_stderr, unknown,
};
use crate::{
    access::{self, Principal, Surface},
    app::App,
    converse::Question,
    domain::turn::{Table, TurnEvent, TurnOutcome},
    error::{Problem, Problems},
    ids::{ConversationId, RoleId, RunId, UserId},
    text::Language,
    zones,
};

/// Events that wait to be printed.
const EVENTS_AT_ONCE: usize = 256;
/// Exit code where nobody was asked: no right, no budget, too many questions.
const REFUSED: u8 = 4;

/// `ask …`
#[derive(Debug, Args)]
pub struct Ask {
    question: String,
    /// Under which role; the person's first without it.
    #[arg(long)]
    role: Option<RoleId>,
    /// As whom. Without a person no conversation is kept.
    #[arg(long)]
    user: Option<UserId>,
    /// The conversation that it goes on with, as the last answer named it.
    #[arg(long, value_name = "ID")]
    conversation: Option<ConversationId>,
    /// The run whose brief it is about.
    #[arg(long, value_name = "RUN")]
    about: Option<RunId>,
    /// As if it were asked there, in this shared channel: only what the place may see is told.
    #[arg(long, requires = "channel")]
    surface: Option<Surface>,
    #[arg(long, requires = "surface")]
    channel: Option<String>,
    /// IANA zone of the reader.
    #[arg(long)]
    zone: Option<String>,
    /// `en`, `de`, `fr` or `es`.
    #[arg(long, value_parser = language)]
    language: Option<Language>,
}

fn language(tag: &str) -> Result<Language, String> {
    [
        Language::English,
        Language::German,
        Language::French,
        Language::Spanish,
    ]
    .into_iter()
    .find(|language| language.tag() == tag)
    .ok_or_else(|| "use en, de, fr or es".to_owned())
}

/// Asks. Exit code 0 answered, 3 answered in part or without a model, 4 refused, 1 a problem. Ctrl-C stops the answer.
pub async fn run(command: Ask, config: &Path, json: bool) -> Result<u8, Problems> {
    let app = open(config).await?;
    let code = ask(&app, command, json).await;
    app.shutdown().await;
    code
}

async fn ask(app: &App, command: Ask, json: bool) -> Result<u8, Problems> {
    let question = question(app, command).await?;
    tell_of_models(app);
    let stop = CancellationToken::new();
    let (stopper, giving_up) = (stop.clone(), stop.clone());
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopper.cancel();
        }
    });
    let (sender, mut events) = mpsc::channel(EVENTS_AT_ONCE);
    let asked = app.converse.ask(question, sender, stop);
    tokio::pin!(asked);
    let mut screen = Screen::new(json);
    let done = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => {
                screen.show(event);
                // Nobody reads on, so nothing more is asked.
                if output::is_over() {
                    giving_up.cancel();
                }
            }
            done = &mut asked => break done,
        }
    };
    while let Ok(event) = events.try_recv() {
        screen.show(event);
    }
    let done = done.map_err(one)?;
    Ok(match done.outcome {
        TurnOutcome::Answered => 0,
        TurnOutcome::InPart | TurnOutcome::WithoutModel | TurnOutcome::Cancelled => 3,
        TurnOutcome::Refused | TurnOutcome::Revoked => REFUSED,
        TurnOutcome::Failed => 1,
    })
}

/// The question with who asks it. A conversation is held under the role that it began with.
async fn question(app: &App, command: Ask) -> Result<Question, Problems> {
    let objects = app
        .parts
        .objects()
        .await
        .map_err(|error| one(error.into()))?;
    let surface = command.surface.unwrap_or(Surface::CommandLine);
    let defaults = &app.parts.company.defaults;
    let (principal, zone, language) = match &command.user {
        Some(id) => {
            let user = objects
                .users
                .iter()
                .find(|user| user.id == *id)
                .ok_or_else(|| {
                    let known = objects.users.iter().map(|user| user.id.as_str());
                    one(unknown("user", id.as_str(), known))
                })?;
            let role =
                access::effective_role(user, &objects.roles, command.role.as_ref(), &[], surface)
                    .map_err(|error| no_role(user, &objects.roles, command.role.as_ref(), &error))?;
            (
                Principal::person(user.id.clone(), role, surface),
                user.zone.clone(),
                user.language,
            )
        }
        None => {
            let role = command.role.clone().ok_or_else(|| {
                one(Problem::new("no-role", "nobody is named")
                    .advise("name a role with --role or a person with --user"))
            })?;
            if !objects.roles.iter().any(|known| known.id == role) {
                let known = objects.roles.iter().map(|role| role.id.as_str());
                return Err(one(unknown("role", role.as_str(), known)));
            }
            (Principal::nobody(role, surface), None, None)
        }
    };
    let problem = |code: &'static str, what: String, advice: &str| {
        one(Problem::new(code, what).advise(advice))
    };
    let text = command.question.trim();
    if text.is_empty() {
        return Err(problem(
            "no-question",
            "the question is empty".to_owned(),
            "write it in quotes",
        ));
    }
    if let Some(zone) = &command.zone {
        zones::get(zone).map_err(|unknown| one(Problem::from(unknown).at("--zone")))?;
    }
    let store = &app.parts.store;
    if let Some(id) = &command.conversation {
        let known = store.conversations().get(id).await;
        if known.map_err(|error| one(error.into()))?.is_none() {
            let what = format!("there is no conversation `{id}`");
            let advice = "leave --conversation out to begin one; an answer ends with its id";
            return Err(problem("unknown-conversation", what, advice));
        }
    }
    if let Some(id) = &command.about {
        let run = store
            .runs()
            .get(id)
            .await
            .map_err(|error| one(error.into()))?;
        let channel = command.channel.as_deref();
        let is_theirs = |run: &crate::domain::run::Run| {
            run.is_read_by(principal.user.as_ref(), &principal.role, channel)
        };
        if !run.as_ref().is_some_and(is_theirs) {
            let what = format!("no brief of a run `{id}` was sent to them");
            return Err(problem(
                "unknown-run",
                what,
                "name somebody whom it was sent to with --user; the JSON of a brief names its run",
            ));
        }
    }
    Ok(Question {
        principal,
        text: text.to_owned(),
        conversation: command.conversation,
        about: command.about,
        channel: command.channel,
        zone: command
            .zone
            .or(zone)
            .unwrap_or_else(|| defaults.zone.clone()),
        language: command.language.or(language).unwrap_or(defaults.language),
    })
}

/// What is shown of a turn.
struct Screen {
    json: bool,
    live: bool,
    citations: Vec<String>,
    tables: Vec<Table>,
    in_line: bool,
}

impl Screen {
    fn new(json: bool) -> Self {
        Self {
            json,
            live: !json && std::io::stderr().is_terminal(),
            citations: Vec::new(),
            tables: Vec::new(),
            in_line: false,
        }
    }

    fn show(&mut self, event: TurnEvent) {
        if self.json {
            return print_json(&event);
        }
        match event {
            TurnEvent::Step { text, done, of } => {
                if self.live {
                    let count = if of > 1 {
                        format!(" ({done} of {of})")
                    } else {
                        String::new()
                    };
                    to_stderr(&format!("… {text}{count}"));
                }
            }
            TurnEvent::Delta { text } => {
                self.in_line = !text.ends_with('\n');
                print_part(&text);
            }
            TurnEvent::Citation(citation) => {
                let object = citation
                    .object
                    .map_or(String::new(), |object| format!(", {object}"));
                let link = citation
                    .link
                    .map_or(String::new(), |link| format!("  {link}"));
                self.citations.push(format!(
                    "[{}] {}{object}, as of {}{link}",
                    citation.number,
                    citation.source,
                    citation.as_of.strftime("%Y-%m-%d %H:%M UTC"),
                ));
            }
            TurnEvent::Table(table) => self.tables.push(table),
            TurnEvent::Proposed { proposal, .. } => to_stderr(&format!(
                "look at it with  daybrief proposal show {proposal}"
            )),
            TurnEvent::HeldBack { count, .. } => {
                to_stderr(&format!("{count} places were left out"));
            }
            TurnEvent::Done(done) => {
                if self.in_line {
                    print("");
                }
                for table in &self.tables {
                    print(&drawn(table));
                }
                for citation in &self.citations {
                    print(citation);
                }
                if let Some(problem) = &done.problem {
                    to_stderr(&problem.to_string());
                }
                if self.live {
                    to_stderr(&format!(
                        "go on with  --conversation {}  ({} tokens, {:.1} s)",
                        done.conversation,
                        done.usage.tokens_in + done.usage.tokens_out,
                        std::time::Duration::from_millis(done.took_ms).as_secs_f64()
                    ));
                }
            }
        }
    }
}

/// A table in columns of equal width.
fn drawn(table: &Table) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    let width = |text: &str| text.graphemes(true).count();
    let mut widths: Vec<usize> = table.columns.iter().map(|name| width(name)).collect();
    for row in &table.rows {
        for (cell, most) in row.iter().zip(widths.iter_mut()) {
            *most = width(cell).max(*most);
        }
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, most)| format!("{cell}{}", " ".repeat(most - width(cell).min(*most))))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![String::new(), table.title.clone(), line(&table.columns)];
    lines.extend(table.rows.iter().enumerate().map(|(at, row)| {
        let link = table.links.get(at).and_then(Option::as_ref);
        link.map_or_else(|| line(row), |link| format!("{}  {link}", line(row)))
    }));
    if table.more > 0 {
        lines.push(format!("+ {} more", table.more));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_even_columns_and_what_opens_each_row() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = Table {
            title: "Northwind".to_owned(),
            columns: row(["order id", "value"]),
            rows: vec![row(["11008", "4,680.90"]), row(["11019", "76.00"])],
            links: vec!["https://erp.acme.example/orders/11008".parse().ok(), None],
            more: 19,
        };
        let expected = "\nNorthwind\norder id  value\n\
                        11008     4,680.90  https://erp.acme.example/orders/11008\n11019     76.00\n+ 19 more";
        assert_eq!(drawn(&table), expected);
    }
}
