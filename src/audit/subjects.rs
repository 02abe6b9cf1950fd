//! Who stands behind a handle. That lies beside the chain, so that it can be erased, under a seal of the trail's key: who
//! can write the store but has not the key cannot put another person in the place of one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Act, Audit,
    chain::{Key, Origin, handle},
    verify::Broken,
};
use crate::store::{AuditRow, ERASED, FoundSubject, StoreError, Subject};

/// What stands where somebody was put in the place of a person.
pub const FORGED: &str = "forged-person";

/// Persons by whom the walked rows are, or whom they concern.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    /// Handles, and the first row that names each.
    named: BTreeMap<String, u64>,
    /// Handles of those whom rows say to be erased.
    erased: BTreeSet<String>,
}

impl People {
    pub fn note(&mut self, row: &AuditRow) {
        let part = |name| row.entry.get(name).and_then(Value::as_str);
        for handle in [part("user"), part("about")].into_iter().flatten() {
            if !self.named.contains_key(handle) {
                self.named.insert(handle.to_owned(), row.number);
            }
        }
        if part("act") == Some(Act::DataErase.name())
            && let Some(detail) = part("detail").and_then(|detail| detail.strip_prefix("handle "))
        {
            let handle = detail.split(':').next().unwrap_or_default();
            self.erased.insert(handle.to_owned());
        }
    }

    /// The first row that names the handle.
    fn first(&self, handle: &str) -> Option<u64> {
        self.named.get(handle).copied()
    }

    /// Takes over who is said to be erased by rows that were walked later.
    pub fn erased_also(&mut self, later: Self) {
        self.erased.extend(later.erased);
    }
}

/// What is wrong with who stands behind rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The first row that it concerns; nothing where no row names them.
    pub number: Option<u64>,
    pub what: Broken,
}

impl Key {
    /// Is the person's document as this instance wrote it?
    fn sealed(&self, subject: &Subject) -> bool {
        subject.seal.as_deref() == Some(&self.subject(&subject.user, &subject.handle))
    }

    fn sealing(&self, user: &str, handle: &str) -> Subject {
        Subject {
            user: user.to_owned(),
            handle: handle.to_owned(),
            seal: Some(self.subject(user, handle)),
        }
    }
}

impl Audit {
    /// Who stands behind the rows of a person, if anybody does and it is proven.
    pub(super) async fn subject(&self, user: &str) -> Result<Proven, StoreError> {
        let found = self.store.audit().subject(user).await?;
        Ok(found.map_or(Proven::Nobody, |found| self.proven(found)))
    }

    /// Who stands behind the rows of a person from now on. Nobody's word but ours is taken: somebody who was put in their
    /// place has to make room for a handle that is new, and the old one stays to be missed.
    pub(super) async fn settled(&self, user: &str) -> Result<Subject, StoreError> {
        if let Proven::Forged = self.subject(user).await? {
            tracing::error!(
                "who stands behind rows of the audit trail was changed: run `daybrief audit verify`"
            );
        }
        let fresh = self.key.sealing(user, &handle()?);
        let keep = |subject: &Subject| self.key.sealed(subject);
        self.store.audit().settle_subject(fresh, keep).await
    }

    pub(super) fn proven(&self, found: FoundSubject) -> Proven {
        match found.kept {
            Some(subject) if self.key.sealed(&subject) => Proven::Yes(subject),
            _ => Proven::Forged,
        }
    }

    /// What is shown for a handle.
    pub(super) async fn shown(&self, handle: &str) -> Result<String, StoreError> {
        let found = self.store.audit().behind(handle).await?;
        let any = !found.is_empty();
        let known = found
            .into_iter()
            .filter_map(|found| found.kept)
            .find(|subject| subject.handle == handle && self.key.sealed(subject));
        Ok(match known {
            Some(subject) => subject.user,
            None if any => FORGED.to_owned(),
            None => ERASED.to_owned(),
        })
    }

    /// Seals who stands behind handles where a version before seals wrote the trail last. Once the next row is written
    /// its head says that all are sealed, and this does nothing any more.
    pub(super) async fn seal_subjects(&self) -> Result<(), StoreError> {
        let rows = self.store.audit();
        let head = rows.head().await?;
        if head.is_none_or(|head| self.key.origin(&head) != Origin::BeforeSeals) {
            return Ok(());
        }
        let mut after: Option<String> = None;
        loop {
            let (found, last) = rows.scan_subjects(after.as_deref()).await?;
            let unsealed = found
                .into_iter()
                .filter_map(|found| found.kept)
                .filter(|subject| subject.seal.is_none());
            for subject in unsealed {
                let sealed = self.key.sealing(&subject.user, &subject.handle);
                rows.seal_subject(&sealed).await?;
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    /// Looks whether everybody whom rows name is there, as they were written, or erased; how many are not sealed yet.
    /// `all_sealed`: nobody may be without a seal.
    pub(super) async fn look_at(
        &self,
        people: &People,
        all_sealed: bool,
    ) -> Result<Result<u64, Wrong>, StoreError> {
        let rows = self.store.audit();
        let whole =
            |subject: &Subject| self.key.sealed(subject) || !all_sealed && subject.seal.is_none();
        let mut wrong: Option<(u64, Broken)> = None;
        for (handle, number) in &people.named {
            let found = rows.behind(handle).await?;
            let what = if found.is_empty() {
                (!people.erased.contains(handle)).then_some(Broken::PersonMissing)
            } else {
                let is_theirs = |found: &FoundSubject| {
                    let kept = found.kept.as_ref();
                    kept.is_some_and(|subject| subject.handle == *handle && whole(subject))
                };
                let good = found.len() == 1 && found.iter().all(is_theirs);
                (!good).then_some(Broken::PersonForged)
            };
            if let Some(what) = what
                && wrong.is_none_or(|(first, _)| *number < first)
            {
                wrong = Some((*number, what));
            }
        }
        if let Some((number, what)) = wrong {
            let number = Some(number);
            return Ok(Err(Wrong { number, what }));
        }
        let (mut unsealed, mut after) = (0, None::<String>);
        loop {
            let (found, last) = rows.scan_subjects(after.as_deref()).await?;
            for found in found {
                let subject = found.kept.as_ref();
                if !subject.is_some_and(whole) {
                    return Ok(Err(Wrong {
                        number: subject.and_then(|subject| people.first(&subject.handle)),
                        what: Broken::PersonForged,
                    }));
                }
                unsealed += u64::from(subject.is_some_and(|subject| subject.seal.is_none()));
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(Ok(unsealed)),
            }
        }
    }
}

/// Whether somebody stands behind a person's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proven {
    Yes(Subject),
    /// Somebody is said to, but not by us.
    Forged,
    Nobody,
}
