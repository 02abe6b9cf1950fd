//! Whether a signal can find something high, read from its rule and not from what its author remembered to declare.

use minijinja::machinery::{ast::Expr, parse_expr};

use crate::domain::briefing::Signal;

/// True unless the rule of `severity` shows that it gives `'medium'` or `'low'` whatever the item is: then a gap in the signal
/// hides nothing high.
pub fn may_be_high(signal: &Signal) -> bool {
    signal.can_be_high || !parse_expr(&signal.severity).is_ok_and(|rule| is_lower(&rule))
}

fn is_lower(rule: &Expr<'_>) -> bool {
    match rule {
        Expr::Const(constant) => matches!(constant.value.as_str(), Some("medium" | "low")),
        Expr::IfExpr(choice) => {
            is_lower(&choice.true_expr) && choice.false_expr.as_ref().is_none_or(is_lower)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_can_be_high_unless_its_rule_shows_that_it_cannot() {
        let signal = |severity: &str| -> Signal {
            let mut signal: Signal = toml::from_str(
                "id = 's'\ntitle = 't'\nconnector = 'c'\ntool = 'q'\nheadline = 'h'",
            )
            .unwrap();
            severity.clone_into(&mut signal.severity);
            signal
        };
        for lower in [
            "'medium'",
            "('low')",
            "'medium' if item.high else 'low'",
            "'low' if item.a else ('medium' if item.b == 'high' else 'low')",
        ] {
            assert!(!may_be_high(&signal(lower)), "{lower}");
        }
        for may_be in [
            "'high'",
            "'high' if late > 7 else 'medium'",
            "'low' if item.a else ('medium' if item.b else 'high')",
            "item.severity",
            "item.level|lower",
            "{'P1': 'high'}[item.level]",
            "'hi' ~ 'gh'",
        ] {
            assert!(may_be_high(&signal(may_be)), "{may_be}");
        }
        let mut declared = signal("'medium'");
        declared.can_be_high = true;
        assert!(may_be_high(&declared));
    }
}
