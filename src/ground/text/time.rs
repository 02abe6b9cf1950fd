//! Lengths and points of time as people say them: "8 h", "3 days", "2 months", "13:07", "yesterday 22:40".

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::{Decimal, RoundingStrategy};

use super::Language;

/// Longer than this many hours is said in days, and longer than this many days in months.
const MAX_HOURS: i64 = 48;
const MAX_DAYS: i64 = 60;
/// Days of a mean Gregorian month: 146,097 days in 4,800 months.
const DAYS_PER_MONTH: Decimal = Decimal::from_parts(30_436_875, 0, 0, false, 6);
/// A weekday alone names a day of the last week.
const MAX_WEEKDAY_DAYS: i32 = 6;

/// In which case a language with cases puts what is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Case {
    #[default]
    Plain,
    /// German behind "seit", "vor", "nach" and their like: "seit 3 Tagen".
    Dative,
}

/// German prepositions after which a length stands in the dative (Duden).
const DATIVE: [&str; 13] = [
    "ab",
    "aus",
    "bei",
    "binnen",
    "in",
    "mit",
    "nach",
    "seit",
    "von",
    "vor",
    "zu",
    "innerhalb",
    "zwischen",
];

impl Language {
    /// The case of what follows these words.
    pub fn case_after(self, before: &str) -> Case {
        let last = before.split_whitespace().next_back().unwrap_or_default();
        let is_dative = self == Self::German
            && before.ends_with(char::is_whitespace)
            && DATIVE.contains(&last.to_lowercase().as_str());
        if is_dative { Case::Dative } else { Case::Plain }
    }

    /// Does this number take the singular? In French all below two do (Unicode CLDR), elsewhere one alone.
    pub fn is_one(self, number: Decimal) -> bool {
        match self {
            Self::French => number.abs() < Decimal::TWO,
            _ => number.abs() == Decimal::ONE,
        }
    }

    /// The number with the name of what is counted, in the singular or the plural.
    fn counted(self, number: Decimal, [one, several]: [&str; 2]) -> String {
        let name = if self.is_one(number) { one } else { several };
        format!("{} {name}", self.number(number, None))
    }

    /// A length in calendar days; more than sixty are said in months.
    pub fn days(self, days: i64, case: Case) -> String {
        if days.abs() > MAX_DAYS {
            let months = (Decimal::from(days) / DAYS_PER_MONTH)
                .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
            return self.counted(
                months,
                match (self, case) {
                    (Self::English, _) => ["month", "months"],
                    (Self::German, Case::Plain) => ["Monat", "Monate"],
                    (Self::German, Case::Dative) => ["Monat", "Monaten"],
                    (Self::French, _) => ["mois", "mois"],
                    (Self::Spanish, _) => ["mes", "meses"],
                },
            );
        }
        self.counted(
            days.into(),
            match (self, case) {
                (Self::English, _) => ["day", "days"],
                (Self::German, Case::Plain) => ["Tag", "Tage"],
                (Self::German, Case::Dative) => ["Tag", "Tagen"],
                (Self::French, _) => ["jour", "jours"],
                (Self::Spanish, _) => ["día", "días"],
            },
        )
    }

    /// A length in days that are worked, called so.
    pub fn working_days(self, days: i64, case: Case) -> String {
        self.counted(
            days.into(),
            match (self, case) {
                (Self::English, _) => ["working day", "working days"],
                (Self::German, Case::Plain) => ["Arbeitstag", "Arbeitstage"],
                (Self::German, Case::Dative) => ["Arbeitstag", "Arbeitstagen"],
                (Self::French, _) => ["jour ouvré", "jours ouvrés"],
                (Self::Spanish, _) => ["día laborable", "días laborables"],
            },
        )
    }

    /// A length in hours: less than one in minutes, more than 48 in days.
    pub fn hours(self, hours: Decimal, case: Case) -> String {
        if hours.abs() > Decimal::from(MAX_HOURS) {
            let days = (hours / Decimal::from(24))
                .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
            return i64::try_from(days).map_or_else(
                |_| format!("{}\u{a0}h", self.number(hours, Some(0))),
                |days| self.days(days, case),
            );
        }
        let minutes = (hours * Decimal::from(60))
            .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        if minutes.abs() < Decimal::from(60) {
            return format!("{}\u{a0}min", self.number(minutes, None));
        }
        let digits = u32::from(!hours.round_dp(1).fract().is_zero());
        format!("{}\u{a0}h", self.number(hours, Some(digits)))
    }

    /// A point of time: the clock alone where it is today, the weekday within the last week, and the date where it is older.
    /// What lies ahead has its date from the day after tomorrow on.
    pub fn instant(self, instant: Timestamp, zone: &TimeZone, today: Date) -> String {
        let local = zone.to_datetime(instant);
        let date = local.date();
        let clock = format!("{:02}:{:02}", local.hour(), local.minute());
        let away = today.until(date).map_or(i32::MAX, |span| span.get_days());
        let on = |day: &str| match self {
            Self::English => format!("{day} {clock}"),
            Self::German => format!("{day} {clock} Uhr"),
            Self::French => format!("{day} à {clock}"),
            Self::Spanish => format!("{day} a {}", spanish_clock(local.hour(), &clock)),
        };
        // An article belongs to the date where the language has one.
        let the_date = match self {
            Self::English | Self::German => self.date(date, today),
            Self::French => format!("le {}", self.date(date, today)),
            Self::Spanish => format!("el {}", self.date(date, today)),
        };
        match away {
            0 => match self {
                Self::English | Self::French => clock,
                Self::German => format!("{clock} Uhr"),
                Self::Spanish => spanish_clock(local.hour(), &clock),
            },
            -1 => on(["yesterday", "gestern", "hier", "ayer"]
                .get(self as usize)
                .copied()
                .unwrap_or_default()),
            1 => on(["tomorrow", "morgen", "demain", "mañana"]
                .get(self as usize)
                .copied()
                .unwrap_or_default()),
            away if (-MAX_WEEKDAY_DAYS..0).contains(&away) => on(&match self {
                Self::Spanish => format!("el {}", self.weekday(date)),
                _ => self.weekday(date).to_owned(),
            }),
            away if away < 0 => the_date,
            _ => on(&the_date),
        }
    }
}

/// "las 13:07", "la 01:07".
fn spanish_clock(hour: i8, clock: &str) -> String {
    let article = if hour == 1 { "la" } else { "las" };
    format!("{article} {clock}")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const ALL: [Language; 4] = [
        Language::English,
        Language::German,
        Language::French,
        Language::Spanish,
    ];

    fn each(say: impl Fn(Language) -> String) -> [String; 4] {
        ALL.map(|language| say(language).replace(['\u{a0}', '\u{202f}'], " "))
    }

    #[test]
    fn lengths_are_said_in_the_unit_that_people_use_and_in_the_right_number() {
        let days = |days| each(|language| language.days(days, Case::Plain));
        assert_eq!(days(1), ["1 day", "1 Tag", "1 jour", "1 día"]);
        assert_eq!(days(0), ["0 days", "0 Tage", "0 jour", "0 días"]);
        assert_eq!(days(60), ["60 days", "60 Tage", "60 jours", "60 días"]);
        assert_eq!(days(61), ["2 months", "2 Monate", "2 mois", "2 meses"]);
        assert_eq!(days(400), ["13 months", "13 Monate", "13 mois", "13 meses"]);
        let hours = |hours: &str| {
            let hours: Decimal = hours.parse().unwrap();
            each(|language| language.hours(hours, Case::Plain))
        };
        assert_eq!(hours("8"), ["8 h"; 4]);
        assert_eq!(hours("1.5"), ["1.5 h", "1,5 h", "1,5 h", "1,5 h"]);
        assert_eq!(hours("0.5"), ["30 min"; 4]);
        assert_eq!(hours("0.999"), ["1 h"; 4]);
        assert_eq!(hours("48"), ["48 h"; 4]);
        assert_eq!(hours("76"), ["3 days", "3 Tage", "3 jours", "3 días"]);
        assert_eq!(hours("1600"), ["2 months", "2 Monate", "2 mois", "2 meses"]);
        assert_eq!(
            each(|language| language.working_days(2, Case::Plain)),
            [
                "2 working days",
                "2 Arbeitstage",
                "2 jours ouvrés",
                "2 días laborables"
            ]
        );
    }

    #[test]
    fn german_takes_the_dative_behind_the_words_that_want_it() {
        let said = |before: &str| {
            let case = Language::German.case_after(before);
            format!("{before}{}", Language::German.days(3, case))
        };
        assert_eq!(said("Offen seit "), "Offen seit 3 Tagen");
        assert_eq!(said("Vor "), "Vor 3 Tagen");
        assert_eq!(said("Der Auftrag ist "), "Der Auftrag ist 3 Tage");
        assert_eq!(Language::English.case_after("in "), Case::Plain);
    }

    #[test]
    fn a_point_of_time_is_told_as_near_as_it_is() {
        let zone = TimeZone::get("Europe/Zurich").unwrap();
        let said = |instant: &str| {
            let instant = instant.parse().unwrap();
            each(|language| language.instant(instant, &zone, date(2026, 11, 24)))
        };
        assert_eq!(
            said("2026-11-24T12:07:00Z"),
            ["13:07", "13:07 Uhr", "13:07", "las 13:07"]
        );
        assert_eq!(
            said("2026-11-23T21:40:00Z"),
            [
                "yesterday 22:40",
                "gestern 22:40 Uhr",
                "hier à 22:40",
                "ayer a las 22:40"
            ]
        );
        assert_eq!(
            said("2026-11-21T17:05:00Z"),
            [
                "Sat 18:05",
                "Sa. 18:05 Uhr",
                "sam. à 18:05",
                "el sáb a las 18:05"
            ]
        );
        assert_eq!(
            said("2026-11-17T12:07:00Z"),
            [
                "Tue 17 Nov",
                "Di. 17. Nov.",
                "le mar. 17 nov.",
                "el mar 17 nov"
            ]
        );
        assert_eq!(
            said("2026-11-26T16:00:00Z"),
            [
                "Thu 26 Nov 17:00",
                "Do. 26. Nov. 17:00 Uhr",
                "le jeu. 26 nov. à 17:00",
                "el jue 26 nov a las 17:00"
            ]
        );
        // The reader's day, not that of UTC.
        assert_eq!(said("2026-11-23T23:30:00Z")[0], "00:30");
        assert_eq!(said("2026-11-24T00:30:00Z")[3], "la 01:30");
    }
}
