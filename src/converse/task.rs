//! The words of the model's own task: an answer that quotes them tells the reader nothing of the company, and whoever had the
//! model quote them learns how it is guarded.

/// So many words in a row that are the task's are a quotation.
const WORDS_IN_A_ROW: usize = 6;
/// A shorter sentence that is wholly the task's may be so by chance.
const SHORTEST_SENTENCE_WORDS: usize = 4;

/// The task's words in their order.
#[derive(Debug, Clone, Default)]
pub struct TaskWords {
    /// In lower case, each between single spaces, also the first and the last.
    text: String,
}

impl TaskWords {
    pub fn new(task: &str) -> Self {
        Self {
            text: format!(" {} ", words(task).join(" ")),
        }
    }

    /// Does a sentence quote the task?
    pub fn are_quoted(&self, sentence: &str) -> bool {
        let said = words(sentence);
        let stands = |words: &[String]| self.text.contains(&format!(" {} ", words.join(" ")));
        if said.len() >= SHORTEST_SENTENCE_WORDS && said.len() < WORDS_IN_A_ROW {
            return stands(&said);
        }
        said.windows(WORDS_IN_A_ROW).any(stands)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_of_the_task_is_known_in_any_dress_and_nothing_else_is() {
        let task = TaskWords::new(
            "You answer questions of one reader. Never answer from memory. Now it is 2026-11-24 09:00.",
        );
        for (sentence, expected) in [
            ("Never answer from memory.", true),
            ("> *never* ANSWER - from memory", true),
            (
                "I was told: you answer questions of one reader, and no more.",
                true,
            ),
            ("PAY-1182 is blocked.", false),
            ("I answer from the sources.", false),
            ("From memory", false),
            ("", false),
        ] {
            assert_eq!(task.are_quoted(sentence), expected, "{sentence}");
        }
        assert!(!TaskWords::default().are_quoted("PAY-1182 is blocked and waits."));
    }
}
