//! What a person sees who decides about a call: every character that will be sent, those that nobody would see by name.

use serde_json::{Map, Value};

use crate::text::visible;

/// Returns the arguments as JSON over several lines. A character without ink, or one that turns what is seen, stands as its
/// code point and name: `[U+202E right-to-left override]`.
pub fn preview(args: &Map<String, Value>) -> String {
    let json = serde_json::to_string_pretty(args).unwrap_or_default();
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        // The layout's own: within texts JSON writes it as `\n`.
        if c == '\n' || c == ' ' || (c.is_ascii() && !c.is_ascii_control()) {
            shown.push(c);
        } else if let Some(name) = name_of_unseen(c) {
            shown.push_str(&format!("[U+{:04X} {name}]", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The name of a character that is not seen as it is: Unicode's `Default_Ignorable_Code_Point`, its controls, its spaces but
/// the one that everybody writes, and what belongs to nobody.
fn name_of_unseen(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{ad}' => "soft hyphen",
        '\u{34f}' => "combining grapheme joiner",
        '\u{61c}' => "Arabic letter mark",
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "Hangul filler",
        '\u{17b4}' | '\u{17b5}' => "Khmer inherent vowel",
        '\u{180b}'..='\u{180d}'
        | '\u{180f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' => "variation selector",
        '\u{180e}' => "Mongolian vowel separator",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2060}' => "word joiner",
        '\u{2061}'..='\u{2064}' => "invisible operator",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        '\u{2800}' => "blank pattern",
        '\u{feff}' => "zero width no-break space",
        '\u{e0000}'..='\u{e007f}' => "tag",
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => "private use",
        '\u{a0}' | '\u{202f}' => "no-break space",
        _ if c.is_control() => "control",
        _ if c.is_whitespace() => "space",
        // Whatever else is taken out of what readers see.
        _ if visible(c.encode_utf8(&mut [0; 4])).chars().ne([c]) => "not seen",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::guard::filter::hidden_character;

    fn of(text: &str) -> String {
        preview(&Map::from_iter([("text".to_owned(), json!(text))]))
    }

    #[test]
    fn what_nobody_sees_is_named_and_all_else_stands_as_it_is() {
        for (text, shown) in [
            ("Grüße, 日本 €", "Grüße, 日本 €"),
            (
                "pay \u{202e}5001",
                "pay [U+202E right-to-left override]5001",
            ),
            ("to\u{200b}day", "to[U+200B zero width space]day"),
            ("a\u{e0041}", "a[U+E0041 tag]"),
            (
                "a\u{a0}b\u{3000}",
                "a[U+00A0 no-break space]b[U+3000 space]",
            ),
            ("\u{7f}\u{1b}\n\t", "[U+007F control]\\u001b\\n\\t"),
            (
                "\u{645}\u{6cc}\u{200c}\u{62e}",
                "\u{645}\u{6cc}[U+200C zero width non-joiner]\u{62e}",
            ),
        ] {
            assert_eq!(of(text), format!("{{\n  \"text\": \"{shown}\"\n}}"));
        }
    }

    proptest! {
        #[test]
        fn no_preview_holds_what_is_hidden(text in any::<String>()) {
            prop_assert_eq!(hidden_character(&of(&text)), None);
        }

        #[test]
        fn two_calls_that_differ_are_shown_differently(a in "[a-c\u{200b}\u{202e}\u{a0}\u{ad}]{0,6}", b in "[a-c\u{200b}\u{202e}\u{a0}\u{ad}]{0,6}") {
            prop_assert_eq!(a == b, of(&a) == of(&b));
        }
    }
}
