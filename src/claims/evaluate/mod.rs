//! Computing claims over results, one at a time.

mod ask;
mod base;
mod compare;
mod cond;
mod expr;
mod measure;
mod rank;
mod rows;
mod set;
mod trend;
mod view;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

pub(crate) use base::Base;
use view::View;

use crate::{
    claim::{Claim, Handle, Say, Set},
    computed::{Body, Computed, Origin},
    refusal::{Code, Refusal},
    result::{Reader, Results, Source},
};

/// Claims of one answer at most.
const MAX_CLAIMS: usize = 200;

/// Computes claims in their order; each may lean on those before it.
pub struct Evaluator {
    results: Results,
    reader: Reader,
    bases: RwLock<BTreeMap<Handle, Arc<Base>>>,
    /// The rows of claims that stand.
    views: BTreeMap<Handle, View>,
    /// Claims by their ids, as programs without values, those of earlier turns too.
    programs: BTreeMap<Handle, Claim>,
    refused: BTreeMap<Handle, Code>,
    computed: usize,
}

/// A claim's value, and the rows that later claims may take.
struct Done {
    body: Body,
    view: Option<View>,
    origins: Vec<Origin>,
}

impl Evaluator {
    /// An evaluator without claims.
    pub fn new(results: Results, reader: Reader) -> Self {
        Self {
            results,
            reader,
            bases: RwLock::default(),
            views: BTreeMap::new(),
            programs: BTreeMap::new(),
            refused: BTreeMap::new(),
            computed: 0,
        }
    }

    /// Claims of earlier turns, for `again`.
    pub fn remember(&mut self, programs: BTreeMap<Handle, Claim>) {
        self.programs = programs;
    }

    /// The claims that stand, as programs: what a later turn may build on.
    pub fn programs(&self) -> &BTreeMap<Handle, Claim> {
        &self.programs
    }

    /// Adds a result that came later.
    pub fn insert(&mut self, source: Source) {
        let bases = self.bases.get_mut();
        bases
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&source.handle);
        self.results.insert(source);
    }

    /// Computes one claim, as written.
    pub fn compute(&mut self, claim: &serde_json::Value) -> Result<Computed, Refusal> {
        let read = Claim::read(claim);
        let id = match &read {
            Ok(claim) => claim.id.clone(),
            Err(refusal) => refusal.id.clone(),
        };
        let done = read.and_then(|claim| self.compute_read(claim));
        if let (Err(refusal), Some(id)) = (&done, id) {
            self.views.remove(&id);
            self.programs.remove(&id);
            self.refused.insert(id, refusal.refused);
        }
        done
    }

    fn compute_read(&mut self, claim: Claim) -> Result<Computed, Refusal> {
        let id = claim.id.clone();
        self.computed += 1;
        let done = if self.computed > MAX_CLAIMS {
            Err(Refusal::new(
                Code::Limit,
                format!("at most {MAX_CLAIMS} claims"),
            ))
        } else {
            self.resolved(claim)
                .and_then(|claim| Ok((self.say(&claim.say)?, claim)))
        };
        let (done, claim) = done.map_err(|refusal| refusal.of(id.as_deref()))?;
        if let Some(id) = &id {
            self.refused.remove(id);
            self.views.remove(id);
            if let Some(view) = done.view {
                self.views.insert(id.clone(), view);
            }
            self.programs.insert(id.clone(), claim);
        }
        Ok(Computed {
            id,
            body: done.body,
            origins: done.origins,
        })
    }

    /// An `again` becomes the claim that it repeats, with its changes.
    fn resolved(&self, claim: Claim) -> Result<Claim, Refusal> {
        let Say::Again { claim: id, changes } = &claim.say else {
            return Ok(claim);
        };
        let Some(earlier) = self.programs.get(id) else {
            let has = self.programs.keys().cloned();
            return Err(Refusal::new(Code::Id, "there is no earlier claim of this id").having(has));
        };
        let mut say = earlier.say.clone();
        match &mut say {
            Say::Rows { set, .. }
            | Say::Value { set, .. }
            | Say::Which { set, .. }
            | Say::Trend { set, .. }
            | Say::Quote { set, .. } => change(set, changes),
            Say::Compare { a, b, .. } => {
                change(&mut a.set, changes);
                change(&mut b.set, changes);
            }
            _ => {
                return Err(Refusal::new(
                    Code::Id,
                    "`again` repeats rows, value, which, compare, trend or quote",
                ));
            }
        }
        Ok(Claim { id: claim.id, say })
    }

    fn say(&self, say: &Say) -> Result<Done, Refusal> {
        match say {
            Say::Rows { set, show } => self.rows(set, show),
            Say::Value { set, measures } => self.value(set, measures),
            Say::Which { set, meet, show } => self.which(set, meet, show),
            Say::Compare { a, b, how } => self.compare(a, b, *how),
            Say::Trend {
                set,
                along,
                measure,
            } => self.trend(set, along, measure),
            Say::Quote { set, column } => self.quote(set, column),
            Say::Gap { call, topic } => self.gap(call.as_deref(), topic.as_deref()),
            Say::Ask { set, options } => self.ask(set.as_ref(), options),
            Say::Again { .. } => Err(Refusal::new(Code::Form, "`again` of `again`")),
            Say::Assessment { about, role, text } => self.assessment(about, *role, text),
        }
    }

    fn is_claim(&self, handle: &str) -> bool {
        !handle.starts_with('R')
    }

    /// The rows of an earlier claim.
    fn view_of(&self, id: &str) -> Result<&View, Refusal> {
        if let Some(view) = self.views.get(id) {
            return Ok(view);
        }
        if self.refused.contains_key(id) {
            return Err(Refusal::new(
                Code::Id,
                format!("it leans on `{id}`, which was refused"),
            ));
        }
        if self.programs.contains_key(id) {
            return Err(Refusal::new(
                Code::Id,
                format!(
                    "`{id}` has no rows here: it is of an earlier turn (say `again`), or of two sets"
                ),
            ));
        }
        let has = self.views.keys().cloned();
        Err(Refusal::new(Code::Id, "there is no claim of this id above").having(has))
    }
}

/// Another result, or further conditions; the rest stays.
fn change(set: &mut Set, changes: &Set) {
    if !changes.of.is_empty() {
        set.of.clone_from(&changes.of);
    }
    set.conditions.extend(changes.conditions.iter().cloned());
    if !changes.row.is_empty() {
        set.row.clone_from(&changes.row);
    }
    for (to, from) in [
        (&mut set.against, &changes.against),
        (&mut set.except, &changes.except),
    ] {
        if from.is_some() {
            to.clone_from(from);
        }
    }
    if changes.group.is_some() {
        set.group.clone_from(&changes.group);
    }
    if changes.order.is_some() {
        set.order.clone_from(&changes.order);
    }
    set.skip = changes.skip.or(set.skip);
    set.top = changes.top.or(set.top);
}
