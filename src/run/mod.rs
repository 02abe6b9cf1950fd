//! Runs as durable state machines: due → composed → delivering → done. Each step is saved under the run's lease before the
//! next begins, so that a crash loses the step at hand and nothing else. A run that dies before it is composed asks its
//! sources afresh; one that dies after keeps its brief.

mod ahead;
mod asked;
mod audience;
mod make;
mod notices;
mod outage;
mod preflight;
mod rehearsal;
mod selection;
mod worker;

#[cfg(test)]
mod tests;

pub use ahead::{Ahead, tell_of_missing};
pub use audience::{Defaults, address, audiences};
pub use make::{Made, Maker, Occasion, zone};
pub use notices::tell_admin;
pub use outage::{Outage, StoreHealth, watch as watch_store};
pub use preflight::{Finding as PreflightFinding, preflight};
pub use rehearsal::{Rehearsal, rehearse};
pub use selection::Selector;
pub use worker::{Counts, Worker};

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{
    access::Surface,
    audit::{Act, Audit, Entry, Outcome},
    channels::Channel,
    clock::Clock,
    compose,
    domain::{
        brief::{Brief, Edition},
        briefing::WhenQuiet,
        calendar::Calendar,
        connector::Connector,
        delivery::{Delivery, DeliveryState},
        people::User,
        run::{Run, RunIds, RunState},
        schedule::ChannelKind,
    },
    error::Problem,
    guard::Guard,
    ids::{BriefingId, CalendarId, DeliveryId, RoleId, UserId, derived},
    provision::{self, Objects},
    render,
    store::{Kind, Leased, Store, StoreError},
};

/// A run that waits for its deliveries is looked at so often, besides whenever one of them ends.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(20);
/// The word that a brief is too late, or a notice, may arrive so long after.
const NOTICE_EXPIRES: SignedDuration = SignedDuration::from_hours(24);

/// What the instance is, beside its parts.
#[derive(Debug, Clone)]
pub struct Company {
    pub name: String,
    pub defaults: Defaults,
    pub calendar: Option<CalendarId>,
    /// Hosts that links may have besides those of the connectors.
    pub allowed_hosts: Vec<String>,
    /// The secrets of this instance, which no brief lets out.
    pub secrets: crate::guard::Secrets,
    /// Who is told when something fails.
    pub admin: Option<UserId>,
    /// How long a worker that fell silent keeps what it works on.
    pub lease: SignedDuration,
}

/// The parts that runs and deliveries are worked with.
#[derive(Clone)]
pub struct Parts {
    pub store: Store,
    pub audit: Audit,
    pub clock: Arc<dyn Clock>,
    pub maker: Maker,
    pub run_ids: RunIds,
    pub channels: BTreeMap<ChannelKind, Arc<dyn Channel>>,
    pub company: Arc<Company>,
}

impl Parts {
    /// The objects in force, from the store.
    pub async fn objects(&self) -> Result<Objects, StoreError> {
        provision::load(&self.store).await
    }

    /// The guard over these objects.
    pub fn guard(&self, objects: &Objects) -> Guard {
        self.guard_over(&objects.connectors)
    }

    fn guard_over<'a>(&self, connectors: impl IntoIterator<Item = &'a Connector>) -> Guard {
        let hosts = connectors
            .into_iter()
            .flat_map(|connector| connector.link_hosts.clone())
            .chain(self.company.allowed_hosts.clone());
        Guard::new(hosts, self.company.secrets.clone())
    }

    /// What a brief for this role says of the instance.
    fn instance(&self, objects: &Objects, role: &RoleId) -> render::Instance {
        render::Instance {
            name: self.company.name.clone(),
            role: objects.title_of(role),
            page: None,
        }
    }

    /// Takes a run as far as it goes now and saves each step. An error means that nothing more was done: another worker
    /// has it, or the store does not answer.
    pub async fn work_on(&self, run: &mut Leased<Run>) -> Result<(), StoreError> {
        loop {
            match &run.state {
                RunState::Due => {
                    run.state = self.make(run).await?;
                    if run.state.is_final() {
                        self.note(run, Outcome::Done).await?;
                        return self.store.runs().save(run, None).await;
                    }
                    self.store
                        .runs()
                        .save_and_keep(run, self.clock.now(), self.company.lease)
                        .await?;
                }
                RunState::Composed { brief } => {
                    let deliveries = deliveries(run, brief, self.clock.now());
                    self.store.outbox().queue(&deliveries).await?;
                    run.state = RunState::Delivering {
                        brief: brief.clone(),
                    };
                    return self.leave(run).await;
                }
                RunState::Delivering { brief } => {
                    let deliveries = self.store.outbox().of_run(&run.id).await?;
                    if !all_ended(&deliveries) {
                        return self.leave(run).await;
                    }
                    let delivered = deliveries
                        .iter()
                        .filter(|delivery| matches!(delivery.state, DeliveryState::Sent { .. }))
                        .count();
                    run.state = RunState::Done {
                        brief: brief.clone(),
                        delivered: u32::try_from(delivered).unwrap_or(u32::MAX),
                        total: u32::try_from(deliveries.len()).unwrap_or(u32::MAX),
                    };
                    let whole = delivered == deliveries.len();
                    let outcome = if whole {
                        Outcome::Done
                    } else {
                        Outcome::Failed
                    };
                    self.note(run, outcome).await?;
                    notices::undelivered(self, run, &deliveries).await?;
                    return self.store.runs().save(run, None).await;
                }
                RunState::Done { .. } | RunState::Quiet { .. } | RunState::Failed { .. } => {
                    return self.store.runs().save(run, None).await;
                }
            }
        }
    }

    /// Gives a run back until its deliveries have ended. The last of them may have ended while the run was in our hands, where
    /// it could not be woken: so that is looked for once more.
    async fn leave(&self, run: &Leased<Run>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let next = now.checked_add(LOOK_AGAIN).ok();
        self.store.runs().save(run, next).await?;
        if all_ended(&self.store.outbox().of_run(&run.id).await?) {
            self.store.runs().wake(&run.id, now).await?;
        }
        Ok(())
    }

    /// The end of a run in the audit trail.
    async fn note(&self, run: &Run, outcome: Outcome) -> Result<(), StoreError> {
        let why = match &run.state {
            RunState::Failed { problem } => problem.to_string(),
            _ => String::new(),
        };
        let outcome = match run.state {
            RunState::Failed { .. } => Outcome::Failed,
            _ => outcome,
        };
        self.audit
            .write(&[Entry {
                at: self.clock.now(),
                act: Act::Run,
                user: None,
                role: Some(run.audience.role.to_string()),
                surface: Surface::Schedule.name().to_owned(),
                on: format!("{}/{}", run.briefing, run.id),
                outcome,
                why,
                detail: format!("due {}, {}", run.due, run.state.name()),
            }])
            .await
            .map(|_| ())
    }

    /// The step from due on: a brief, a word that it is too late, or the problem that kept it from being made.
    async fn make(&self, run: &Run) -> Result<RunState, StoreError> {
        let objects = self.objects().await?;
        let now = self.clock.now();
        let Some(briefing) = objects
            .briefings
            .iter()
            .find(|briefing| briefing.id == run.briefing)
        else {
            let problem = Problem::new(
                "unknown-briefing",
                format!("there is no briefing `{}`", run.briefing),
            )
            .advise("apply it again, or change the schedule");
            return self.failed(run, problem).await;
        };
        if run.expires <= now {
            let brief = notices::too_late(run, briefing, now);
            notices::late(self, run, now).await?;
            return Ok(RunState::Composed {
                brief: Box::new(brief),
            });
        }
        let earlier = self
            .store
            .runs()
            .due_before(&run.briefing, &run.audience, run.due, enough)
            .await?;
        let before = last_read(&earlier);
        let occasion = Occasion {
            run: run.id.clone(),
            role: &run.audience.role,
            zone: &run.audience.zone,
            language: run.audience.language,
            calendar: self.calendar(&objects),
            surface: Surface::Schedule,
            schedule: run.schedule.as_ref(),
            due: run.due,
            previous: before.map_or(&[], |(brief, _)| brief.marks.as_slice()),
            since: before.map(|(_, due)| due),
            earlier: &earlier,
        };
        let made = self
            .maker
            .make(&objects, briefing, &occasion, &|_| {})
            .await;
        let mut brief = match made {
            Ok(made) => made.brief,
            Err(problem) => return self.failed(run, problem).await,
        };
        compose::add_notices(&mut brief, notices::of_the_past(run, &earlier));
        let brief = Box::new(brief);
        let skipped = briefing.when_quiet == WhenQuiet::Skip && brief.edition == Edition::Quiet;
        Ok(if skipped && !notices::is_week_begin(run) {
            RunState::Quiet { brief }
        } else {
            RunState::Composed { brief }
        })
    }

    /// The due runs that a brief of this briefing and role made now would go on from, the last one first: those of the
    /// audience, in `zone` where one is given, that had the newest.
    pub async fn due_before(
        &self,
        objects: &Objects,
        briefing: &BriefingId,
        role: &RoleId,
        zone: Option<&str>,
        due: Timestamp,
    ) -> Result<Vec<Run>, StoreError> {
        let mut newest: Vec<Run> = Vec::new();
        let schedules = objects.schedules.iter();
        for schedule in schedules.filter(|schedule| schedule.briefing == *briefing) {
            let audiences = audiences(schedule, objects, &self.company.defaults);
            for audience in audiences.iter().filter(|audience| {
                audience.role == *role && zone.is_none_or(|zone| audience.zone == zone)
            }) {
                let runs = self
                    .store
                    .runs()
                    .due_before(briefing, audience, due, enough)
                    .await?;
                let of = |runs: &[Run]| last_read(runs).map(|(_, due)| due);
                if of(&runs) > of(&newest) {
                    newest = runs;
                }
            }
        }
        Ok(newest)
    }

    /// The zone of those who get a briefing under this role by a schedule; the first where they have several.
    pub fn zone_of_readers(
        &self,
        objects: &Objects,
        briefing: &BriefingId,
        role: &RoleId,
    ) -> Option<String> {
        let schedules = objects.schedules.iter();
        schedules
            .filter(|schedule| schedule.briefing == *briefing)
            .flat_map(|schedule| audiences(schedule, objects, &self.company.defaults))
            .find(|audience| audience.role == *role)
            .map(|audience| audience.zone)
    }

    async fn failed(&self, run: &Run, problem: Problem) -> Result<RunState, StoreError> {
        tracing::error!(run = %run.id, briefing = %run.briefing, %problem, "a brief was not made");
        notices::not_made(self, run, &problem).await?;
        Ok(RunState::Failed { problem })
    }

    /// The company's calendar.
    pub fn calendar<'a>(&self, objects: &'a Objects) -> Option<&'a Calendar> {
        let id = self.company.calendar.as_ref()?;
        objects.calendars.iter().find(|calendar| calendar.id == *id)
    }

    /// Takes a delivery as far as it goes now.
    pub async fn deliver(&self, delivery: &mut Leased<Delivery>) -> Result<(), StoreError> {
        let Some(run) = self.store.runs().get(&delivery.run).await? else {
            return Err(StoreError::Unavailable(format!(
                "the run {} of a delivery is not there",
                delivery.run
            )));
        };
        let kind = delivery.to.channel();
        let missing = crate::channels::missing(kind);
        let channel = self.channels.get(&kind).unwrap_or(&missing);
        let attempt = crate::deliver::Attempt {
            store: &self.store,
            audit: &self.audit,
            channel: channel.as_ref(),
            clock: self.clock.as_ref(),
            lease: self.company.lease,
        };
        if !self.may_still_have(delivery, &run).await? {
            attempt.revoke(delivery).await?;
        } else if let Some(brief) = run.state.brief() {
            let objects = self.objects().await?;
            let cleared = self.guard(&objects).clear(brief.clone());
            let user = delivery.user.as_ref();
            let user = objects.users.iter().find(|known| Some(&known.id) == user);
            let instance = self.instance(&objects, &run.audience.role);
            let message = cleared.map(|brief| {
                let message = render::message(&brief, &instance, &delivery.to);
                match user {
                    Some(user) => message.addressed(&user.name),
                    None => message,
                }
            });
            attempt.run(delivery, message).await?;
        }
        if delivery.state.is_final() {
            self.store
                .runs()
                .wake(&delivery.run, self.clock.now())
                .await?;
        }
        Ok(())
    }

    /// Does the person still have the role? Asked right before sending: who was disabled since gets nothing more.
    async fn may_still_have(&self, delivery: &Delivery, run: &Run) -> Result<bool, StoreError> {
        let Some(user) = &delivery.user else {
            return Ok(true);
        };
        // What is being sent already is asked about, not taken back.
        if matches!(
            delivery.state,
            DeliveryState::Sending { .. } | DeliveryState::InDoubt { .. }
        ) {
            return Ok(true);
        }
        let stored = self
            .store
            .objects()
            .get::<User>(Kind::User, user.as_str())
            .await?;
        Ok(stored.is_some_and(|stored| {
            let user = stored.object;
            user.is_active() && user.roles.contains(&run.audience.role)
        }))
    }
}

/// The last brief of these runs that the next one can be held against, with when it was due.
pub fn last_read(earlier: &[Run]) -> Option<(&Brief, Timestamp)> {
    earlier
        .iter()
        .find_map(|earlier| Some((compares(earlier)?, earlier.due)))
}

/// The brief of a run, where the next one can be held against it: it was made from answers, and somebody got it.
fn compares(run: &Run) -> Option<&Brief> {
    let brief = run.state.brief()?;
    let lost = matches!(run.state, RunState::Done { delivered: 0, .. });
    let answered = !matches!(brief.edition, Edition::TooLate | Edition::Nothing);
    (answered && !lost).then_some(brief)
}

/// Is nothing from before this run needed? Quiet days are counted, a brief is held against one that can be compared with, and
/// a gap is held against one without.
fn enough(run: &Run) -> bool {
    let whole = compares(run).is_some_and(|brief| brief.gaps.is_empty());
    whole && !matches!(run.state, RunState::Quiet { .. })
}

fn all_ended(deliveries: &[Delivery]) -> bool {
    deliveries.iter().all(|delivery| delivery.state.is_final())
}

/// The deliveries of a composed run: one a recipient and channel, under ids that the same run always gives.
fn deliveries(run: &Run, brief: &Brief, now: Timestamp) -> Vec<Delivery> {
    let notice = matches!(brief.edition, Edition::TooLate | Edition::Notice);
    let expires = if notice {
        now.checked_add(NOTICE_EXPIRES).unwrap_or(Timestamp::MAX)
    } else {
        run.expires
    };
    run.audience
        .recipients
        .iter()
        .filter_map(|target| {
            let id = derived(&[run.id.as_str(), target.to.kind(), target.to.target()]);
            Some(Delivery {
                id: DeliveryId::new(id).ok()?,
                run: run.id.clone(),
                user: target.user.clone(),
                to: target.to.clone(),
                state: DeliveryState::Waiting {
                    next: now,
                    last: None,
                },
                attempts: 0,
                again_after: None,
                expires,
            })
        })
        .collect()
}
