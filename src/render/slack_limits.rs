//! What Slack accepts in one message, and the check of it.

use serde_json::Value;

/// Blocks in one message (docs.slack.dev, "Blocks").
pub(super) const MAX_BLOCKS: usize = 50;
/// Characters of a header's text (docs.slack.dev, "Header block").
pub(super) const MAX_HEADER_CHARACTERS: usize = 150;
/// Characters of a section's text (docs.slack.dev, "Section block").
pub(super) const MAX_SECTION_CHARACTERS: usize = 3_000;
/// Elements of a context block (docs.slack.dev, "Context block").
pub(super) const MAX_CONTEXT_ELEMENTS: usize = 10;
/// Characters of all texts of a message together. Not documented: a message that kept every documented limit was refused
/// with `msg_blocks_too_long` at about 13,200 characters (slackapi/bolt-js#2509).
pub(super) const MAX_SUM_CHARACTERS: usize = 12_000;

/// What a message has too much of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    #[error("{count} blocks; Slack takes {MAX_BLOCKS}")]
    Blocks { count: usize },
    #[error("block {block}: {characters} characters; Slack takes {max}")]
    Text {
        block: usize,
        characters: usize,
        max: usize,
    },
    #[error("block {block}: a text is empty")]
    Empty { block: usize },
    #[error("block {block}: {count} elements; Slack takes {MAX_CONTEXT_ELEMENTS}")]
    Elements { block: usize, count: usize },
    #[error("{characters} characters in all; {MAX_SUM_CHARACTERS} are safe")]
    Sum { characters: usize },
}

/// Checks the blocks of one message against Slack's limits, documented and observed.
pub fn check_limits(blocks: &[Value]) -> Result<(), LimitExceeded> {
    if blocks.len() > MAX_BLOCKS {
        return Err(LimitExceeded::Blocks {
            count: blocks.len(),
        });
    }
    let mut sum = 0;
    for (index, block) in blocks.iter().enumerate() {
        let max = match block.get("type").and_then(Value::as_str) {
            Some("header") => MAX_HEADER_CHARACTERS,
            _ => MAX_SECTION_CHARACTERS,
        };
        let elements = block
            .get("elements")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        if elements.len() > MAX_CONTEXT_ELEMENTS {
            return Err(LimitExceeded::Elements {
                block: index,
                count: elements.len(),
            });
        }
        let texts = elements
            .iter()
            .map(|element| element.get("text"))
            .chain([block.pointer("/text/text")])
            .flatten();
        for text in texts.filter_map(Value::as_str) {
            let characters = characters(text);
            if characters == 0 {
                return Err(LimitExceeded::Empty { block: index });
            }
            if characters > max {
                return Err(LimitExceeded::Text {
                    block: index,
                    characters,
                    max,
                });
            }
            sum += characters;
        }
    }
    if sum > MAX_SUM_CHARACTERS {
        return Err(LimitExceeded::Sum { characters: sum });
    }
    Ok(())
}

/// Length in UTF-16 code units: the greatest of the ways in which Slack may count.
pub(super) fn characters(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn section(length: usize) -> Value {
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x".repeat(length) } })
    }

    #[test]
    fn each_limit_is_checked_at_its_edge() {
        assert_eq!(check_limits(&[section(3_000)]), Ok(()));
        assert!(matches!(
            check_limits(&[section(3_001)]),
            Err(LimitExceeded::Text { .. })
        ));
        assert_eq!(check_limits(&vec![section(1); 50]), Ok(()));
        assert!(matches!(
            check_limits(&vec![section(1); 51]),
            Err(LimitExceeded::Blocks { count: 51 })
        ));
        assert_eq!(check_limits(&vec![section(3_000); 4]), Ok(()));
        assert!(matches!(
            check_limits(&vec![section(2_401); 5]),
            Err(LimitExceeded::Sum { characters: 12_005 })
        ));
        assert!(matches!(
            check_limits(&[section(0)]),
            Err(LimitExceeded::Empty { block: 0 })
        ));
        let header = |length| json!({ "type": "header", "text": { "type": "plain_text", "text": "x".repeat(length) } });
        assert_eq!(check_limits(&[header(150)]), Ok(()));
        assert!(check_limits(&[header(151)]).is_err());
        let context = |count: usize| json!({ "type": "context", "elements": vec![json!({ "type": "mrkdwn", "text": "x" }); count] });
        assert_eq!(check_limits(&[context(10)]), Ok(()));
        assert!(check_limits(&[context(11)]).is_err());
    }
}
