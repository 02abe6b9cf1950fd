//! What a rule does that its reader may not expect: months that lack its date, day and weekday together.

use super::rule::{Days, LAST_DAY};

/// The most days that each month has, from January on.
const DAYS: [(&str, u32); 12] = [
    ("January", 31),
    ("February", 29),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];
const ALL_WEEKDAYS: u64 = 0b111_1111;
/// The shortest month's days in three years of four: from the next on a month may lack the date.
const DAYS_OF_ALL_MONTHS: u32 = 28;

/// With more dates than these a rule is a pattern, such as each second day, and lacks none in particular.
const MAX_NAMED_DATES: usize = 4;

/// Something that a rule does and its words do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Surprise {
    /// Months in which it counts and that have no such date.
    NoSuchDate { day: u32, months: Vec<&'static str> },
    /// Due on 29 February.
    LeapDay,
    /// A day that fits the date or the weekday counts.
    Either,
    /// A day has to fit the date and the weekday.
    Both,
}

impl std::fmt::Display for Surprise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchDate { day, months } => write!(
                f,
                "not due in {}, which {} no {day}{}; for the end of each month write \"monthly on the last day at 09:00\" or `L` \
                 as the day of cron",
                listed(months),
                if months.len() == 1 { "has" } else { "have" },
                ordinal(*day),
            ),
            Self::LeapDay => f.write_str("in February due in leap years alone, since it names the 29th"),
            Self::Either => f.write_str(
                "day of the month and weekday are both given: due on each day that fits either, as in crontab",
            ),
            Self::Both => f.write_str(
                "day of the month and weekday are both given, one of them with `*`: due on days that fit both, as in crontab",
            ),
        }
    }
}

/// Does no date of any year fit?
pub(super) fn is_impossible(days: &Days) -> bool {
    !days.either
        && days.day & LAST_DAY == 0
        && !months(days).any(|(_, most)| (1..=most).any(|day| days.day >> day & 1 == 1))
}

/// The surprises of these days.
pub(super) fn of(days: &Days) -> Vec<Surprise> {
    let mut found = Vec::new();
    let named = |day: u32| days.day >> day & 1 == 1;
    let is_pattern = (1..=31).filter(|day| named(*day)).count() > MAX_NAMED_DATES;
    // Where weekdays count too, a month without the date is due all the same.
    let dates = if is_pattern || days.either {
        0..=0
    } else {
        (DAYS_OF_ALL_MONTHS + 1)..=31
    };
    for day in dates {
        // A range that ends with it means the end of the month.
        if !named(day) || named(day - 1) || days.day & LAST_DAY != 0 {
            continue;
        }
        let without: Vec<&'static str> = months(days)
            .filter(|(_, most)| *most < day)
            .map(|(name, _)| name)
            .collect();
        if !without.is_empty() {
            found.push(Surprise::NoSuchDate {
                day,
                months: without,
            });
        }
        if day == 29 && months(days).any(|(_, most)| most == 29) {
            found.push(Surprise::LeapDay);
        }
    }
    let all_days = (1..=31).all(named);
    let restricted = !all_days && days.weekday != ALL_WEEKDAYS;
    if restricted && days.either {
        found.push(Surprise::Either);
    } else if restricted {
        found.push(Surprise::Both);
    }
    found
}

/// The months in which it counts.
fn months(days: &Days) -> impl Iterator<Item = (&'static str, u32)> + '_ {
    (1..)
        .zip(DAYS)
        .filter(|(number, _)| days.month >> number & 1 == 1)
        .map(|(_, month)| month)
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn ordinal(day: u32) -> &'static str {
    match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::Rule;

    fn told(rule: &str) -> String {
        let surprises = Rule::parse(rule).unwrap().surprises();
        let lines: Vec<String> = surprises.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn monthly_on_a_date_that_some_months_lack_says_which() {
        let all = told("monthly on the 31st at 07:00");
        assert!(
            all.starts_with("not due in February, April, June, September and November, which have no 31st; for the end"),
            "{all}"
        );
        assert!(told("0 7 30 * *").starts_with("not due in February, which has no 30th"));
        assert!(told("0 7 29 * *").contains("leap years alone"));
        assert!(told("0 7 29 2 *").contains("leap years alone"));
        for quiet in [
            "0 7 31 1,3 *",
            "0 7 28 * *",
            "0 7 28-31 * *",
            "0 7 25-31 * *",
            "0 7 31,L * *",
            "monthly on the last day at 9",
            "weekdays at 07:00",
            "0 7 */2 * *",
        ] {
            assert_eq!(told(quiet), "", "{quiet}");
        }
    }

    #[test]
    fn day_and_weekday_together_say_whether_either_or_both_count() {
        assert!(told("0 7 13 * 5").contains("fits either"));
        assert!(told("0 7 */2 * 1").contains("fit both"));
        assert_eq!(told("0 7 13 * *"), "");
    }
}
