//! Turns due instants into runs. The next due instant is always computed from the clock and the objects that are in
//! force, never kept; that a run is made once is the store's unique key over schedule, instant and audience.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{due::Timetable, rule::Rule};
use crate::{
    domain::{
        calendar::Calendar,
        run::{Audience, Run, RunIds, RunState},
        schedule::Schedule,
    },
    error::Problem,
    provision::Objects,
    run::{Defaults, audiences},
    store::{Kind, Store, StoreError, Stored},
    zones,
};

/// A due instant further back than this is no longer made up for; it is named as missed by the next brief.
pub const CATCH_UP: SignedDuration = SignedDuration::from_hours(24);
/// Missed instants that are looked for, and named, at most.
const MISSED_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 14);
const MOST_MISSED: usize = 10;

/// A schedule's instants for one audience.
#[derive(Debug)]
pub struct Times<'a> {
    pub schedule: &'a Schedule,
    pub audience: Audience,
    rule: Rule,
    zone: TimeZone,
    calendar: Option<&'a Calendar>,
    /// Not due before.
    since: Timestamp,
}

impl Times<'_> {
    /// The rule with what decides when it is due.
    pub fn timetable(&self) -> Timetable<'_> {
        Timetable {
            rule: &self.rule,
            zone: &self.zone,
            calendar: self.calendar,
            on_day_off: self.schedule.on_day_off,
        }
    }

    /// The zone that its times are read in.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The due instants after `from` at which a run will be made.
    pub fn after(&self, from: Timestamp) -> Option<super::due::Due> {
        self.timetable().after(from.max(self.since)).next()
    }

    /// The run that is due now, if its instant lies within the catch-up.
    fn due(&self, ids: &RunIds, now: Timestamp) -> Option<Run> {
        let since = now.checked_sub(CATCH_UP).ok()?.max(self.since);
        let due = self.timetable().latest(since, now)?.due;
        let minutes = i64::from(self.schedule.expires_after_minutes);
        Some(Run {
            id: ids.of(self.schedule.id.as_str(), due, &self.audience),
            schedule: Some(self.schedule.id.clone()),
            briefing: self.schedule.briefing.clone(),
            audience: self.audience.clone(),
            due,
            expires: due
                .checked_add(SignedDuration::from_mins(minutes))
                .unwrap_or(Timestamp::MAX),
            missed: Vec::new(),
            by_hand: false,
            state: RunState::Due,
        })
    }

    /// Due instants between the run before and this one for which there is none.
    async fn missed(&self, run: &Run, store: &Store) -> Result<Vec<Timestamp>, StoreError> {
        let earlier = store
            .runs()
            .due_before(&run.briefing, &run.audience, run.due, |_| true)
            .await?;
        // Without a run before it is not known that this audience expected anything.
        let Some(before) = earlier.first() else {
            return Ok(Vec::new());
        };
        let begin = run
            .due
            .checked_sub(MISSED_WITHIN)
            .unwrap_or(run.due)
            .max(self.since)
            .max(before.due);
        Ok(self
            .timetable()
            .after(begin)
            .map(|due| due.due)
            .take_while(|due| *due < run.due)
            .take(MOST_MISSED)
            .collect())
    }
}

/// The times of a schedule for each of its audiences. None where it is paused.
pub async fn times<'a>(
    stored: &'a Stored<Schedule>,
    objects: &'a Objects,
    store: &Store,
    defaults: &Defaults,
) -> Result<Result<Vec<Times<'a>>, Problem>, StoreError> {
    let schedule = &stored.object;
    let pause = store.objects().pause_of(&schedule.id).await?;
    if schedule.paused || pause.is_some_and(|pause| pause.paused) {
        return Ok(Ok(Vec::new()));
    }
    let since = pause.map_or(stored.since, |pause| pause.since.max(stored.since));
    Ok(times_since(schedule, objects, defaults, since))
}

fn times_since<'a>(
    schedule: &'a Schedule,
    objects: &'a Objects,
    defaults: &Defaults,
    since: Timestamp,
) -> Result<Vec<Times<'a>>, Problem> {
    let problem =
        |code, what: String| Problem::new(code, what).at(format!("schedule `{}`", schedule.id));
    let calendar = schedule
        .calendar
        .as_ref()
        .map(|id| {
            objects
                .calendars
                .iter()
                .find(|calendar| calendar.id == *id)
                .ok_or_else(|| problem("unknown-calendar", format!("there is no calendar `{id}`")))
        })
        .transpose()?;
    audiences(schedule, objects, defaults)
        .into_iter()
        .map(|audience| {
            let zone = match schedule.zone.as_str() {
                "recipient" => audience.zone.as_str(),
                zone => zone,
            };
            Ok(Times {
                rule: Rule::parse(&schedule.when)
                    .map_err(|error| problem("bad-rule", error.to_string()))?,
                zone: zones::get(zone)
                    .map_err(|unknown| problem("unknown-zone", unknown.to_string()))?,
                schedule,
                audience,
                calendar,
                since,
            })
        })
        .collect()
}

/// Makes the runs that are due now; how many are new. A schedule that cannot be read keeps no other from being made.
pub async fn make_due_runs(
    store: &Store,
    ids: &RunIds,
    objects: &Objects,
    defaults: &Defaults,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut made = 0;
    for stored in store.objects().all::<Schedule>(Kind::Schedule).await? {
        let times = match times(&stored, objects, store, defaults).await? {
            Ok(times) => times,
            Err(problem) => {
                tracing::error!(%problem, "a schedule is left out");
                continue;
            }
        };
        for times in times {
            let Some(mut run) = times.due(ids, now) else {
                continue;
            };
            if store.runs().get(&run.id).await?.is_some() || store.runs().is_made(&run).await? {
                continue;
            }
            run.missed = times.missed(&run, store).await?;
            if store.runs().create(&run, now).await? {
                tracing::info!(run = %run.id, briefing = %run.briefing, due = %run.due, "a run is due");
                made += 1;
            }
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{provision, text::Language};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ids() -> RunIds {
        RunIds::new(b"key")
    }

    fn defaults() -> Defaults {
        Defaults {
            zone: "Europe/Berlin".to_owned(),
            language: Language::English,
        }
    }

    fn objects(zone: &str, users: &[(&str, &str)]) -> Objects {
        Objects {
            users: users
                .iter()
                .map(|(id, zone)| {
                    toml::from_str(&format!(
                        "id = '{id}'\nname = '{id}'\nroles = ['vp']\nemail = '{id}@acme.example'\nzone = '{zone}'"
                    ))
                    .unwrap()
                })
                .collect(),
            schedules: vec![
                toml::from_str(&format!(
                    "id = 's'\nbriefing = 'b'\nwhen = 'daily at 07:00'\nzone = '{zone}'\nto = [{{ role = 'vp', via = ['email'] }}]"
                ))
                .unwrap(),
            ],
            ..Objects::default()
        }
    }

    async fn store_with(objects: &Objects, since: &str) -> Store {
        let store = Store::in_memory().await.unwrap();
        let changes = provision::plan(&store, objects).await.unwrap();
        provision::apply(&store, objects, &changes, at(since))
            .await
            .unwrap();
        store
    }

    async fn tick(store: &Store, objects: &Objects, now: &str) -> usize {
        make_due_runs(store, &ids(), objects, &defaults(), at(now))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_due_instant_makes_one_run_however_often_and_by_whom_it_is_seen() {
        let objects = objects("Europe/Berlin", &[("mara", "Europe/Berlin")]);
        let store = store_with(&objects, "2026-11-24T00:00:00Z").await;
        assert_eq!(tick(&store, &objects, "2026-11-24T05:59:59Z").await, 0);
        let (now, defaults) = (at("2026-11-24T06:00:01Z"), defaults());
        let ids = ids();
        let nodes = (0..8).map(|_| make_due_runs(&store, &ids, &objects, &defaults, now));
        let made: usize = futures_util::future::join_all(nodes)
            .await
            .into_iter()
            .map(Result::unwrap)
            .sum();
        assert_eq!(made, 1);
        assert_eq!(tick(&store, &objects, "2026-11-24T06:00:05Z").await, 0);
        assert_eq!(tick(&store, &objects, "2026-11-25T06:00:05Z").await, 1);
    }

    #[tokio::test]
    async fn a_run_that_was_named_in_another_way_is_not_made_again() {
        let objects = objects("UTC", &[("mara", "UTC")]);
        let store = store_with(&objects, "2026-11-24T00:00:00Z").await;
        let now = at("2026-11-24T07:00:05Z");
        let before = RunIds::new(b"as an earlier version named it");
        let made = make_due_runs(&store, &before, &objects, &defaults(), now).await;
        assert_eq!(made.unwrap(), 1);
        assert_eq!(tick(&store, &objects, "2026-11-24T07:00:07Z").await, 0);
        assert_eq!(tick(&store, &objects, "2026-11-25T07:00:07Z").await, 1);
    }

    #[tokio::test]
    async fn a_new_or_resumed_schedule_is_not_due_for_what_was_before() {
        let objects = objects("UTC", &[("mara", "UTC")]);
        let store = store_with(&objects, "2026-11-24T08:00:00Z").await;
        assert_eq!(tick(&store, &objects, "2026-11-24T08:00:05Z").await, 0);
        let id = &objects.schedules[0].id;
        store
            .objects()
            .pause(id, true, at("2026-11-25T06:00:00Z"))
            .await
            .unwrap();
        assert_eq!(tick(&store, &objects, "2026-11-25T07:00:05Z").await, 0);
        store
            .objects()
            .pause(id, false, at("2026-11-25T09:00:00Z"))
            .await
            .unwrap();
        assert_eq!(tick(&store, &objects, "2026-11-25T09:00:05Z").await, 0);
        assert_eq!(tick(&store, &objects, "2026-11-26T07:00:05Z").await, 1);
    }

    #[tokio::test]
    async fn each_recipient_has_their_own_seven_o_clock() {
        let objects = objects(
            "recipient",
            &[("mara", "Europe/Zurich"), ("kim", "America/New_York")],
        );
        let store = store_with(&objects, "2026-11-24T00:00:00Z").await;
        assert_eq!(tick(&store, &objects, "2026-11-24T06:00:05Z").await, 1);
        assert_eq!(tick(&store, &objects, "2026-11-24T11:59:59Z").await, 0);
        assert_eq!(tick(&store, &objects, "2026-11-24T12:00:05Z").await, 1);
    }

    #[tokio::test]
    async fn what_was_slept_through_is_made_once_late_and_the_rest_is_named() {
        let objects = objects("UTC", &[("mara", "UTC")]);
        let store = store_with(&objects, "2026-11-20T00:00:00Z").await;
        assert_eq!(tick(&store, &objects, "2026-11-20T07:00:05Z").await, 1);
        // The machine slept from Friday to Tuesday.
        assert_eq!(tick(&store, &objects, "2026-11-24T09:30:00Z").await, 1);
        let audience = &audiences(&objects.schedules[0], &objects, &defaults())[0];
        let run = ids().of("s", at("2026-11-24T07:00:00Z"), audience);
        let run = store.runs().get(&run).await.unwrap().unwrap();
        assert_eq!(
            run.missed,
            [
                at("2026-11-21T07:00:00Z"),
                at("2026-11-22T07:00:00Z"),
                at("2026-11-23T07:00:00Z")
            ]
        );
    }

    #[tokio::test]
    async fn a_broken_schedule_keeps_no_other_from_its_time() {
        let mut objects = objects("UTC", &[("mara", "UTC")]);
        let mut broken = objects.schedules[0].clone();
        broken.id = crate::ids::ScheduleId::new("broken").unwrap();
        broken.zone = "Mars/Base".to_owned();
        objects.schedules.insert(0, broken);
        let store = store_with(&objects, "2026-11-24T00:00:00Z").await;
        assert_eq!(tick(&store, &objects, "2026-11-24T07:00:05Z").await, 1);
    }
}
