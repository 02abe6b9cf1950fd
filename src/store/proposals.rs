//! Proposed actions and what became of them.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    driver::{Collection, Content, Range},
    from_body, kept_until, micros, to_body,
};
use crate::{
    domain::proposal::{Proposal, ProposalState},
    ids::ProposalId,
};

/// Proposals are kept so long after they were made.
const KEPT_DAYS: u32 = 400;
/// All are listed under one name.
const GROUP: &str = "proposals";

/// The proposals of a store.
pub struct Proposals<'a>(pub(super) &'a Store);

fn content(proposal: &Proposal) -> Result<Content, StoreError> {
    Ok(Content {
        body: to_body(Collection::Proposals, proposal.id.as_str(), proposal)?,
        group: Some(GROUP.to_owned()),
        order: micros(proposal.made),
        due: None,
        expires: Some(kept_until(proposal.made, KEPT_DAYS)),
    })
}

impl Proposals<'_> {
    /// Keeps a new proposal; false where its id is taken.
    pub async fn add(&self, proposal: &Proposal) -> Result<bool, StoreError> {
        let key = proposal.id.as_str();
        self.0
            .driver
            .insert(Collection::Proposals, key, &content(proposal)?)
            .await
    }

    pub async fn get(&self, id: &ProposalId) -> Result<Option<Proposal>, StoreError> {
        self.0
            .driver
            .get(Collection::Proposals, id.as_str())
            .await?
            .map(|document| from_body(Collection::Proposals, &document))
            .transpose()
    }

    /// The newest first.
    pub async fn newest(&self, limit: u32) -> Result<Vec<Proposal>, StoreError> {
        self.0
            .driver
            .list(
                Collection::Proposals,
                GROUP,
                Range::up_to(micros(Timestamp::MAX), limit),
            )
            .await?
            .iter()
            .map(|document| from_body(Collection::Proposals, document))
            .collect()
    }

    /// Moves a proposal from the state it was read in to another, as one step; false where somebody else moved it since.
    pub async fn advance(&self, read: &Proposal, state: ProposalState) -> Result<bool, StoreError> {
        let key = read.id.as_str();
        let Some(document) = self.0.driver.get(Collection::Proposals, key).await? else {
            return Ok(false);
        };
        let kept: Proposal = from_body(Collection::Proposals, &document)?;
        if kept.state != read.state {
            return Ok(false);
        }
        let next = Proposal { state, ..kept };
        self.0
            .driver
            .replace(
                Collection::Proposals,
                key,
                document.version,
                &content(&next)?,
            )
            .await
    }

    /// Removes a proposal; false where there was none.
    pub async fn delete(&self, id: &ProposalId) -> Result<bool, StoreError> {
        self.0
            .driver
            .delete(Collection::Proposals, id.as_str())
            .await
    }
}
