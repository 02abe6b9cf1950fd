//! A model that is set up in part, such as one whose key is not there. It stays known, so that whoever would ask it is told
//! why there is no answer instead of that there is no model.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::{Event, Model, ModelError, Request, wire};
use crate::{ids::ModelId, limits::Reservation, settings};

struct Unavailable {
    settings: settings::Model,
    why: String,
}

/// The model of these settings, each call of which fails at once and says `why`. Nothing is ever sent.
pub fn unavailable(settings: &settings::Model, why: impl Into<String>) -> Arc<dyn Model> {
    Arc::new(Unavailable {
        settings: settings.clone(),
        why: why.into(),
    })
}

#[async_trait]
impl Model for Unavailable {
    fn id(&self) -> &ModelId {
        &self.settings.id
    }

    fn is_local(&self) -> bool {
        self.settings.local
    }

    fn calls_tools(&self) -> bool {
        self.settings.tools == settings::ToolUse::Native
    }

    fn bound(&self, request: &Request) -> u64 {
        wire::bound(request)
    }

    async fn stream(
        &self,
        _: Reservation,
        _: Request,
    ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError> {
        Err(ModelError::Unavailable {
            why: self.why.clone(),
        })
    }
}
