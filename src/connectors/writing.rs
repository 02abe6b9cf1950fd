//! Whether a tool seems to write, by what its server and its name say. It decides nothing: an admin is warned by it.

use serde_json::{Map, Value};

/// Verbs that a tool's name says what it does by. The first of either list decides: `list_merge_requests` reads.
const READING: [&str; 20] = [
    "get", "list", "search", "find", "read", "query", "fetch", "show", "describe", "count", "view",
    "check", "lookup", "download", "export", "select", "status", "diff", "log", "explain",
];
const WRITING: [&str; 27] = [
    "create",
    "update",
    "delete",
    "remove",
    "insert",
    "write",
    "drop",
    "send",
    "set",
    "add",
    "edit",
    "move",
    "merge",
    "upload",
    "patch",
    "put",
    "post",
    "execute",
    "close",
    "assign",
    "transition",
    "rename",
    "commit",
    "push",
    "reset",
    "expire",
    "publish",
];

/// What a server's annotations say (MCP 2025-11-25, `ToolAnnotations`): nothing where they say nothing.
pub(super) fn annotated(tool: &Map<String, Value>) -> Option<bool> {
    let says = |hint: &str| tool.get("annotations")?.get(hint)?.as_bool();
    match (says("readOnlyHint"), says("destructiveHint")) {
        (Some(true), _) => Some(false),
        (Some(false), _) | (None, Some(true)) => Some(true),
        (None, _) => None,
    }
}

/// Does its name say that it writes?
pub(super) fn is_named_so(name: &str) -> bool {
    words(name)
        .iter()
        .find_map(|word| {
            let word = word.as_str();
            match (READING.contains(&word), WRITING.contains(&word)) {
                (true, _) => Some(false),
                (_, true) => Some(true),
                _ => None,
            }
        })
        .unwrap_or(false)
}

/// The words of a name, in lower case: `jira_createIssue` has three.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_is_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && before_is_lower {
            words.push(String::new());
        }
        before_is_lower = c.is_lowercase();
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_verb_of_a_name_decides() {
        for writes in [
            "jira_create_issue",
            "createIssue",
            "delete-file",
            "git_commit",
            "hset_set",
            "API-post-page",
            "jira_transition_issue",
        ] {
            assert!(is_named_so(writes), "{writes}");
        }
        for reads in [
            "list_merge_requests",
            "get_created_issues",
            "query",
            "searchPosts",
            "issues",
            "git_log",
            "run_select_query",
            "settings",
        ] {
            assert!(!is_named_so(reads), "{reads}");
        }
    }

    #[test]
    fn what_a_server_says_of_a_tool_is_heard_where_it_says_something() {
        let says = |annotations: Value| {
            annotated(&Map::from_iter([("annotations".to_owned(), annotations)]))
        };
        use serde_json::json;
        assert_eq!(says(json!({ "readOnlyHint": true })), Some(false));
        assert_eq!(says(json!({ "readOnlyHint": false })), Some(true));
        assert_eq!(says(json!({ "destructiveHint": true })), Some(true));
        assert_eq!(
            says(json!({ "readOnlyHint": true, "destructiveHint": true })),
            Some(false)
        );
        assert_eq!(says(json!({ "destructiveHint": false })), None);
        assert_eq!(says(json!("x")), None);
        assert_eq!(annotated(&Map::new()), None);
    }
}
