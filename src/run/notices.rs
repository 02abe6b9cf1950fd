//! Words about briefs instead of briefs: a reader never has to guess whether silence is good news, and the admin is told
//! once of everything that did not go as it should.

use jiff::Timestamp;

use super::{Parts, address, compose, make};
use crate::{
    domain::{
        brief::{Brief, Edition},
        briefing::Briefing,
        delivery::{Delivery, DeliveryState},
        rich::Rich,
        run::{Audience, Run, RunState, Target},
        schedule::ChannelKind,
    },
    error::Problem,
    ids::BriefingId,
    provision::Objects,
    store::StoreError,
    text::Language,
};

/// The word to the admin is a run of this briefing, which no file can define: its id is taken.
pub const NOTICE: &str = "daybrief-notice";

/// "07:10", "yesterday 07:10".
fn local(instant: Timestamp, run: &Run, now: Timestamp) -> String {
    let zone = make::zone(&run.audience.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let today = zone.to_datetime(now).date();
    run.audience.language.instant(instant, &zone, today)
}

/// The line that readers get instead of a brief whose time is over.
pub(super) fn too_late(run: &Run, briefing: &Briefing, now: Timestamp) -> Brief {
    let (due, expired) = (local(run.due, run, now), local(run.expires, run, now));
    let (subject, text) = compose::too_late(run.audience.language, &briefing.title, &due, &expired);
    compose::notice(compose::Notice {
        run: run.id.clone(),
        briefing: briefing.id.clone(),
        title: briefing.title.clone(),
        audience: &run.audience,
        due: run.due,
        now,
        edition: Edition::TooLate,
        subject,
        text,
    })
}

/// What a brief says of those before it: instants that were missed, briefs that did not arrive, quiet days.
pub(super) fn of_the_past(run: &Run, earlier: &[Run]) -> Vec<Rich> {
    let language = run.audience.language;
    let mut notices = Vec::new();
    if let (Some(first), count) = (run.missed.first(), run.missed.len()) {
        let since = local(*first, run, run.due);
        notices.push(compose::missed(language, count, &since));
    }
    if let Some(last) = earlier.first()
        && let RunState::Done {
            delivered, total, ..
        } = last.state
        && delivered < total
    {
        let due = local(last.due, run, run.due);
        notices.push(compose::not_reached(language, &due));
    }
    let quiet = earlier
        .iter()
        .take_while(|earlier| matches!(earlier.state, RunState::Quiet { .. }))
        .count();
    if quiet > 0 {
        notices.push(compose::quiet_days(language, quiet));
    }
    notices
}

/// Is it a Monday for its readers? Then also a quiet brief is sent, so that silence is never taken for failure.
pub(super) fn is_week_begin(run: &Run) -> bool {
    make::zone(&run.audience.zone).is_ok_and(|zone| {
        zone.to_datetime(run.due).date().weekday() == jiff::civil::Weekday::Monday
    })
}

/// Tells the admin that a brief was not made.
pub(super) async fn not_made(
    parts: &Parts,
    run: &Run,
    problem: &Problem,
) -> Result<(), StoreError> {
    let text = format!(
        "The brief `{}` for {} was not made. {problem}",
        run.briefing,
        run.audience.key()
    );
    let subject = format!("Brief {} was not made", run.briefing);
    tell_admin(parts, &format!("not-made/{}", run.id), &subject, &text).await
}

/// Tells the admin that a brief was too late.
pub(super) async fn late(parts: &Parts, run: &Run, now: Timestamp) -> Result<(), StoreError> {
    let text = format!(
        "The brief `{}` for {} was due {} and was not made until {}, past its time. Its readers were told so in one line. Run {}.",
        run.briefing,
        run.audience.key(),
        run.due,
        now,
        run.id
    );
    let subject = format!("Brief {} was too late", run.briefing);
    tell_admin(parts, &format!("late/{}", run.id), &subject, &text).await
}

/// Tells the admin which deliveries did not arrive, or may not have, or may have twice.
pub(super) async fn undelivered(
    parts: &Parts,
    run: &Run,
    deliveries: &[Delivery],
) -> Result<(), StoreError> {
    let mut missing = 0_usize;
    let lines: Vec<String> = deliveries
        .iter()
        .filter_map(|delivery| {
            let why = match &delivery.state {
                DeliveryState::Failed { why, .. } => format!("failed: {why}"),
                DeliveryState::Unclear { why, .. } => format!("may have arrived or not: {why}"),
                DeliveryState::Expired { .. } => "not delivered in time".to_owned(),
                DeliveryState::Sent { .. } => {
                    let why = delivery.again_after.as_ref()?;
                    return Some(format!(
                        "{} {}: sent again after an attempt whose end nobody saw ({why}); the channel did not have it a while \
                         later. Should it stand there twice, one can be removed.",
                        delivery.to.kind(),
                        delivery.to.target()
                    ));
                }
                // That is what the admin wanted.
                DeliveryState::Revoked { .. } => return None,
                DeliveryState::Waiting { .. }
                | DeliveryState::Sending { .. }
                | DeliveryState::InDoubt { .. } => return None,
            };
            missing += 1;
            Some(format!(
                "{} {}: {why}.",
                delivery.to.kind(),
                delivery.to.target()
            ))
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    // A word about a word that did not arrive would go the same way, for ever.
    if run.briefing.as_str() == NOTICE {
        tracing::error!(run = %run.id, what = lines.join(" "), "a word to the admin did not arrive");
        return Ok(());
    }
    let text = format!(
        "The brief `{}` due {} (run {}): {}",
        run.briefing,
        run.due,
        run.id,
        lines.join(" ")
    );
    let subject = match missing {
        0 => format!(
            "Brief {}: sent again after an unclear attempt",
            run.briefing
        ),
        _ => format!(
            "Brief {}: {missing} of {} not delivered",
            run.briefing,
            deliveries.len()
        ),
    };
    tell_admin(parts, &format!("undelivered/{}", run.id), &subject, &text).await
}

/// Sends a word to the admin, once for each `about`, over every channel on which they are reached.
pub async fn tell_admin(
    parts: &Parts,
    about: &str,
    subject: &str,
    text: &str,
) -> Result<(), StoreError> {
    tracing::error!(about, text, "the admin is told");
    let objects = parts.objects().await?;
    if let Some(run) = word(parts, &objects, about, subject, text) {
        parts.store.runs().create(&run, run.due).await?;
    }
    Ok(())
}

/// A word to the admin as a run that is composed; nothing where there is no admin.
pub(super) fn word(
    parts: &Parts,
    objects: &Objects,
    about: &str,
    subject: &str,
    text: &str,
) -> Option<Run> {
    let id = parts.company.admin.as_ref()?;
    let mut users = objects.users.iter();
    let admin = users.find(|user| user.id == *id && user.is_active())?;
    let role = admin.roles.first()?;
    let briefing = BriefingId::new(NOTICE).ok()?;
    let audience = Audience {
        role: role.clone(),
        // What is told to an admin is English.
        language: Language::English,
        zone: admin
            .zone
            .clone()
            .unwrap_or_else(|| parts.company.defaults.zone.clone()),
        recipients: parts
            .channels
            .keys()
            .filter_map(|kind| reach(admin, *kind))
            .collect(),
    };
    let now = parts.clock.now();
    // The same word has the same id whenever it is said.
    let id = parts.run_ids.of(about, Timestamp::UNIX_EPOCH, &audience);
    let brief = compose::notice(compose::Notice {
        run: id.clone(),
        briefing: briefing.clone(),
        title: "Daybrief".to_owned(),
        audience: &audience,
        due: now,
        now,
        edition: Edition::Notice,
        subject: subject.to_owned(),
        text: text.to_owned(),
    });
    Some(Run {
        id,
        schedule: None,
        briefing,
        audience,
        due: now,
        expires: now,
        missed: Vec::new(),
        by_hand: false,
        state: RunState::Composed {
            brief: Box::new(brief),
        },
    })
}

fn reach(admin: &crate::domain::people::User, kind: ChannelKind) -> Option<Target> {
    Some(Target {
        user: Some(admin.id.clone()),
        to: address(admin, kind)?,
    })
}
