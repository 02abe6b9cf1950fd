//! What is asked and what came back, live: a line a source on standard error where that is a terminal.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{domain::connector::Connector, gather::Progress, ids::ConnectorId};

/// How often a line that waits turns its sign, in milliseconds.
const TURN_MILLISECONDS: u64 = 100;

/// Watches sources being asked.
pub struct Watch {
    lines: MultiProgress,
    sources: Mutex<BTreeMap<ConnectorId, Line>>,
    titles: BTreeMap<ConnectorId, String>,
}

struct Line {
    bar: ProgressBar,
    count: Count,
}

/// What one source was asked and answered.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    asked: usize,
    answered: usize,
    failed: usize,
    longest: Duration,
}

impl Count {
    fn said(self, title: &str) -> String {
        let waiting = self.asked.saturating_sub(self.answered + self.failed);
        let answers = if self.answered == 1 {
            "answer"
        } else {
            "answers"
        };
        let mut said = format!("{title}: {} {answers}", self.answered);
        if self.failed > 0 {
            said.push_str(&format!(", {} failed", self.failed));
        }
        if waiting > 0 {
            said.push_str(&format!(", asking for {waiting} more"));
        } else {
            said.push_str(&format!(", {} ms", self.longest.as_millis()));
        }
        said
    }
}

impl Watch {
    /// Draws nothing where standard error is no terminal, or where `quiet`.
    pub fn new(connectors: &[Connector], quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        Self {
            lines: MultiProgress::with_draw_target(target),
            sources: Mutex::default(),
            titles: connectors
                .iter()
                .map(|connector| (connector.id.clone(), connector.title.clone()))
                .collect(),
        }
    }

    /// Takes note of one event.
    pub fn note(&self, event: &Progress) {
        let (Progress::Asking { connector, .. }
        | Progress::Answered { connector, .. }
        | Progress::Failed { connector, .. }) = event;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let line = sources.entry(connector.clone()).or_insert_with(|| Line {
            bar: self.bar(),
            count: Count::default(),
        });
        match event {
            Progress::Asking { .. } => line.count.asked += 1,
            Progress::Answered { took, .. } => {
                line.count.answered += 1;
                line.count.longest = line.count.longest.max(*took);
            }
            Progress::Failed { .. } => line.count.failed += 1,
        }
        line.bar.set_message(line.count.said(self.title(connector)));
    }

    fn bar(&self) -> ProgressBar {
        let bar = self.lines.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(TURN_MILLISECONDS));
        bar
    }

    fn title<'a>(&'a self, connector: &'a ConnectorId) -> &'a str {
        self.titles
            .get(connector)
            .map_or(connector.as_str(), String::as_str)
    }

    /// Takes the lines away; what each source did, a line each.
    pub fn end(self) -> Vec<String> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let said = sources
            .iter()
            .map(|(connector, line)| {
                line.bar.finish_and_clear();
                line.count.said(self.title(connector))
            })
            .collect();
        let _ = self.lines.clear();
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_with_its_answers_failures_and_what_is_still_asked() {
        let watch = Watch::new(&[], true);
        let connector = ConnectorId::new("tracker").unwrap();
        let tool = "query".to_owned();
        for _ in 0..3 {
            watch.note(&Progress::Asking {
                connector: connector.clone(),
                tool: tool.clone(),
            });
        }
        watch.note(&Progress::Answered {
            connector: connector.clone(),
            tool: tool.clone(),
            bytes: 10,
            took: Duration::from_millis(7),
        });
        watch.note(&Progress::Failed {
            connector,
            tool,
            cause: crate::domain::finding::GapCause::Timeout,
        });
        assert_eq!(
            watch.end(),
            ["tracker: 1 answer, 1 failed, asking for 1 more"]
        );
    }
}
