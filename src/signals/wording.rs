//! The sentences of a signal: templates over its facts, kept as words and handles.

use std::collections::BTreeMap;

use minijinja::{
    Environment, UndefinedBehavior,
    machinery::{Instruction, get_compiled_template},
    value::Value,
};

use crate::domain::finding::{Fact, FactValue, Wording, WordingPart};

/// Around a fact's name while a template is filled in; private-use characters, which no template of ours holds.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

fn environment<'source>() -> Environment<'source> {
    let mut env = Environment::new();
    env.set_fuel(Some(50_000));
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env
}

/// Says what is wrong with a template, its form or a name that is no declared fact, and what to do.
pub(super) fn check(
    template: &str,
    facts: &BTreeMap<String, String>,
) -> Result<(), (String, String)> {
    let env = environment();
    let parsed = env.template_from_str(template).map_err(|error| {
        (
            format!("cannot be read: {}", super::engine::parsing(&error)),
            super::slips::of_sentence(template),
        )
    })?;
    if asks_more(&parsed) {
        return Err((
            "does more than to name facts and to ask whether one is there: a sentence knows no values".to_owned(),
            "add what is computed to `facts`, such as `amount = \"item.amount\"`, and write `{{ amount }}`".to_owned(),
        ));
    }
    let mut unknown: Vec<String> = parsed
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !facts.contains_key(name))
        .collect();
    unknown.sort();
    let Some(name) = unknown.first() else {
        return Ok(());
    };
    let nearest = facts
        .keys()
        .map(|fact| (strsim::damerau_levenshtein(fact, name), fact))
        .filter(|(distance, fact)| *distance <= 3 && *distance * 2 < fact.chars().count())
        .min();
    let advice = match nearest {
        Some((_, fact)) => format!("did you mean `{fact}`?"),
        None => format!("add `{name} = \"…\"` to `facts`, or name a fact that is there"),
    };
    Err((
        format!("names `{name}`, which is no fact of this signal"),
        advice,
    ))
}

/// Does the template do more than to say words and facts, and to leave some out where a fact is not there? Facts stand in it by
/// their handles, so that what compares or changes them would do so with a handle.
fn asks_more(template: &minijinja::Template<'_, '_>) -> bool {
    let instructions = &get_compiled_template(template).instructions;
    let mut all = (0..).map_while(|at| instructions.get(at));
    all.any(|instruction| {
        !matches!(
            instruction,
            Instruction::EmitRaw(_)
                | Instruction::Lookup(_)
                | Instruction::LoadConst(_)
                | Instruction::Not
                | Instruction::Emit
                | Instruction::Jump(_)
                | Instruction::JumpIfFalse(_)
                | Instruction::JumpIfFalseOrPop(_)
                | Instruction::JumpIfTrueOrPop(_)
        )
    })
}

/// The words and handles of a template over these facts. An empty text is false in `{% if %}`.
pub(super) fn wording(template: &str, facts: &BTreeMap<String, Fact>) -> Result<Wording, String> {
    let values = facts.iter().map(|(name, fact)| {
        let empty = matches!(&fact.value, FactValue::Text(text) if text.trim().is_empty());
        (
            name.clone(),
            Value::from(if empty {
                String::new()
            } else {
                format!("{OPEN}{name}{CLOSE}")
            }),
        )
    });
    let filled = environment()
        .render_str(template, Value::from_pairs(values))
        .map_err(|error| super::engine::reason(&error))?;
    let mut parts = Vec::new();
    for (index, piece) in filled.split(OPEN).enumerate() {
        let (fact, words) = match piece.split_once(CLOSE) {
            Some((fact, words)) if index > 0 => (Some(fact), words),
            _ => (None, piece),
        };
        parts.extend(fact.map(|fact| WordingPart::Fact(fact.to_owned())));
        if !words.is_empty() {
            parts.push(WordingPart::Words(words.to_owned()));
        }
    }
    Ok(Wording(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, Fact> {
        pairs
            .iter()
            .map(|(name, text)| {
                (
                    (*name).to_owned(),
                    Fact {
                        value: FactValue::Text((*text).to_owned()),
                        link: None,
                    },
                )
            })
            .collect()
    }

    #[test]
    fn a_sentence_keeps_its_handles_and_no_value_of_a_source() {
        let wording = wording(
            "Ask {{ who }} now{% if what %} about {{ what }}{% endif %}.",
            &facts(&[("who", "{{ evil }} \u{E000}x\u{E001}"), ("what", "")]),
        );
        assert_eq!(
            wording.unwrap().0,
            [
                WordingPart::Words("Ask ".into()),
                WordingPart::Fact("who".into()),
                WordingPart::Words(" now.".into()),
            ]
        );
    }

    #[test]
    fn a_sentence_that_compares_a_fact_is_refused_for_it_would_compare_its_handle() {
        let declared = BTreeMap::from([("late".to_owned(), String::new())]);
        for template in [
            "{{ late }}{% if late and not late %}!{% else %}.{% endif %}",
            "{% if late or late %}x{% endif %}",
        ] {
            assert_eq!(check(template, &declared), Ok(()), "{template}");
        }
        for template in [
            "{% if late > 7 %}very {% endif %}late",
            "{% if late == 1 %}day{% endif %}",
            "{% if late in ['1'] %}day{% endif %}",
            "{{ late|upper }}",
            "{{ late + 1 }}",
            "{{ late ~ 's' }}",
            "{{ late[0] }}",
            "{% set x = late %}{{ x }}",
        ] {
            assert!(check(template, &declared).is_err(), "{template}");
        }
    }

    #[test]
    fn a_name_that_is_no_fact_is_told_with_the_nearest() {
        let declared = BTreeMap::from([("amount".to_owned(), String::new())]);
        let (what, advice) = check("{{ amuont }}", &declared).unwrap_err();
        assert_eq!(what, "names `amuont`, which is no fact of this signal");
        assert_eq!(advice, "did you mean `amount`?");
        let (_, advice) = check("{{ item.amount }}", &declared).unwrap_err();
        assert!(advice.contains("to `facts`"), "{advice}");
    }
}
