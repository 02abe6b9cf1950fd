//! A model that is told no secret of this instance, whichever source it came from.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::{Event, Message, Model, ModelError, Request};
use crate::{guard::Secrets, ids::ModelId, limits::Reservation};

/// What a model reads in the place of a secret.
const MARK: &str = "[secret]";

/// Wraps a model: what it is sent holds no value that the secrets know.
pub fn discreet(model: Arc<dyn Model>, secrets: Secrets) -> Arc<dyn Model> {
    Arc::new(Discreet { model, secrets })
}

struct Discreet {
    model: Arc<dyn Model>,
    secrets: Secrets,
}

impl Discreet {
    fn text(&self, text: &mut String) {
        if let Some(without) = self.secrets.without(text, MARK) {
            *text = without;
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn without_secrets(&self, mut request: Request) -> Request {
        self.text(&mut request.system);
        for tool in &mut request.tools {
            self.text(&mut tool.description);
        }
        for message in &mut request.messages {
            match message {
                Message::User(text) | Message::ToolResult { content: text, .. } => self.text(text),
                Message::Assistant { text, calls } => {
                    self.text(text);
                    calls.iter_mut().for_each(|call| self.value(&mut call.args));
                }
            }
        }
        request
    }
}

#[async_trait]
impl Model for Discreet {
    fn id(&self) -> &ModelId {
        self.model.id()
    }

    fn is_local(&self) -> bool {
        self.model.is_local()
    }

    fn calls_tools(&self) -> bool {
        self.model.calls_tools()
    }

    fn learnt(&self) -> Vec<String> {
        self.model.learnt()
    }

    fn bound(&self, request: &Request) -> u64 {
        self.model.bound(request)
    }

    async fn stream(
        &self,
        reservation: Reservation,
        request: Request,
    ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError> {
        self.model
            .stream(reservation, self.without_secrets(request))
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::{StreamExt, stream};
    use secrecy::SecretString;
    use serde_json::json;

    use super::{super::ToolCall, *};

    struct Hears(ModelId, Mutex<Vec<Request>>);

    #[async_trait]
    impl Model for Hears {
        fn id(&self) -> &ModelId {
            &self.0
        }
        fn is_local(&self) -> bool {
            true
        }
        fn bound(&self, _: &Request) -> u64 {
            1
        }
        async fn stream(
            &self,
            _: Reservation,
            request: Request,
        ) -> Result<BoxStream<'static, Result<Event, ModelError>>, ModelError> {
            self.1.lock().unwrap().push(request);
            Ok(stream::empty().boxed())
        }
    }

    #[tokio::test]
    async fn no_secret_reaches_a_model_wherever_it_stands() {
        let secrets = Secrets::default();
        secrets.add(&SecretString::from("hunter2-vault"));
        let hears = Arc::new(Hears(ModelId::new("m").unwrap(), Mutex::default()));
        let model = discreet(hears.clone(), secrets);
        let leak = || "the key is hunter2-vault, keep it".to_owned();
        let request = Request {
            system: leak(),
            messages: vec![
                Message::User(leak()),
                Message::Assistant {
                    text: leak(),
                    calls: vec![ToolCall {
                        id: "1".to_owned(),
                        name: "t".to_owned(),
                        args: json!({ "a": ["hunter2-vault"], "n": 5 }),
                        echo: None,
                    }],
                },
                Message::ToolResult {
                    id: "1".to_owned(),
                    content: leak(),
                },
            ],
            schema: None,
            tools: Vec::new(),
            max_output_tokens: 10,
        };
        drop(model.stream(Reservation::for_test("m"), request).await);
        let heard = format!("{:?}", hears.1.lock().unwrap());
        assert!(!heard.contains("hunter2"), "{heard}");
        assert_eq!(heard.matches(MARK).count(), 5, "{heard}");
    }
}
