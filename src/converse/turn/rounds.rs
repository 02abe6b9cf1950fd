//! The rounds of a turn: what the model is asked and offered, and what it says.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::{End, Turn, Wanted, reader};
use crate::{
    access::{self, Standing},
    connectors::Pin,
    converse::{
        choose::{self, Offer},
        earlier::{self, Earlier, To},
        guided,
        prompt::{self, Task},
        reading::{Reading, Sight},
        speech::Speech,
        telling::Telling,
    },
    domain::connector::{Connector, ToolClass},
    error::Problem,
    guard::filter,
    limits::{Source, Spender},
    models::{BudgetLedger, Message, Model, Request, Route, Schema, Spoken, Tried},
};

/// Pieces of speech that wait to be told.
const HEARD_AT_ONCE: usize = 64;

impl Turn<'_> {
    /// Asks the model and what it asks for, round after round, until it has said what it has to say.
    pub(super) async fn rounds(&mut self, speech: &mut Speech) -> Result<End, Problem> {
        let limits = self.converse.turn_limits;
        let route = self.route();
        if route.is_empty() {
            self.problem = Some(self.no_route());
            return Ok(End::NoModel(self.words.no_model_set.to_owned()));
        }
        let calls_tools = |model: &std::sync::Arc<dyn Model>| model.calls_tools();
        if !route.models().first().is_some_and(calls_tools) {
            return self.guided(&route, speech).await;
        }
        let chosen = choose::choose(&self.topic(), &self.offers).into_iter();
        let mut offered: BTreeSet<String> = chosen.map(|offer| offer.name.clone()).collect();
        let mut messages = Vec::new();
        let mut corrected = false;
        for round in 0..limits.rounds {
            let last = round + 1 == limits.rounds || self.usage.tool_calls >= limits.calls;
            let wanted = if last {
                Wanted::Answer
            } else {
                Wanted::Tools(&offered)
            };
            let spoken = match self.talk(&route, &messages, wanted).await {
                Ok(spoken) => spoken,
                // It was learnt that its server takes no tools.
                Err(_) if round == 0 && !route.models().first().is_some_and(calls_tools) => {
                    return self.guided(&route, speech).await;
                }
                Err(tried) => return Ok(self.ended_by(&tried)),
            };
            let mut calls = spoken.calls;
            if last {
                calls.retain(|call| call.name == prompt::SAY);
            }
            if calls.is_empty() {
                self.prose = spoken.text;
                return Ok(if spoken.cut { End::Cut } else { End::Said });
            }
            let refused_before = self.telling.grounding.struck;
            let only_says = calls.iter().all(|call| call.name == prompt::SAY);
            let results = self.call(&calls, &mut offered, speech).await?;
            if self.is_revoked().await? {
                return Ok(End::Revoked);
            }
            if only_says {
                // What was refused may be mended once; what was said is said.
                let all_stood = self.telling.grounding.struck == refused_before;
                if last || corrected || all_stood && !self.telling.nothing_stood() {
                    return Ok(End::Said);
                }
                corrected = true;
            }
            messages.push(Message::Assistant {
                text: spoken.text,
                calls: calls.clone(),
            });
            for (call, content) in calls.into_iter().zip(results) {
                messages.push(Message::ToolResult {
                    id: call.id,
                    content,
                });
            }
        }
        Ok(End::Said)
    }

    /// The turn of a model that cannot ask for tools: it fills in one call to each source that the question speaks of. What
    /// they gave is said without it.
    async fn guided(&mut self, route: &Route, speech: &mut Speech) -> Result<End, Problem> {
        let topic = self.topic();
        let sources = choose::sources(&self.question.text, &topic, &self.offers);
        let form = guided::schema(&topic, &sources, &self.today.to_string());
        let names = sources.iter().flatten().map(|offer| offer.name.clone());
        let mut readable: BTreeSet<String> = names.collect();
        let Some(form) = form else {
            return Ok(End::Said);
        };
        let filled = match self.talk(route, &[], Wanted::Form(form)).await {
            Ok(spoken) => spoken,
            Err(tried) => return Ok(self.ended_by(&tried)),
        };
        let calls = guided::calls(&filled.text);
        if !calls.is_empty() {
            self.call(&calls, &mut readable, speech).await?;
            if self.is_revoked().await? {
                return Ok(End::Revoked);
            }
            return self.choose_of_the_menu(route, speech).await;
        }
        Ok(End::Said)
    }

    /// Has a model choose what is said from a menu of computed claims. The results themselves stand below.
    async fn choose_of_the_menu(
        &mut self,
        route: &Route,
        speech: &mut Speech,
    ) -> Result<End, Problem> {
        let menu = self.telling.menu();
        // A model that may see no value cannot read the menu: its first sentences are said without it.
        if menu.is_empty() || self.sight() == Sight::Blind {
            return Ok(End::Said);
        }
        let chosen = match self
            .talk(
                route,
                &[guided::menu_message(&menu)],
                Wanted::Form(guided::menu_schema(menu.len())),
            )
            .await
        {
            Ok(spoken) => guided::chosen(&spoken.text, menu.len()),
            // What is there is said without it; why it did not choose is in the log.
            Err(tried) => {
                self.ended_by(&tried);
                Vec::new()
            }
        };
        for claim in chosen.iter().filter_map(|at| menu.get(*at)) {
            // It was computed a moment ago.
            let _ = self.claim(&claim.claim, speech).await;
        }
        if !chosen.is_empty() {
            self.show_results(speech).await;
        }
        Ok(End::Said)
    }

    /// Who has lost the right in the meantime hears no word more, not even that a call was refused.
    async fn is_revoked(&self) -> Result<bool, Problem> {
        let principal = &self.question.principal;
        let standing = self.converse.access.standing(principal, self.who.role);
        Ok(standing.await? == Standing::Revoked)
    }

    /// The question with what it may go on from: "and last week?" alone names no source.
    fn topic(&self) -> String {
        let mut topic = self.question.text.clone();
        if let Some(Earlier { said, .. }) = self.earlier.last() {
            topic.push(' ');
            topic.push_str(&said.question);
            topic.push(' ');
            topic.push_str(&said.asked.join(" "));
        }
        if let Some(brief) = self.about {
            topic.push(' ');
            topic.push_str(&brief.bottom_line.text());
        }
        topic
    }

    fn route(&self) -> Route {
        let ids = if self.who.role.models.is_empty() {
            self.converse.route.iter()
        } else {
            self.who.role.models.iter()
        };
        Route::new(
            ids.filter_map(|id| self.converse.models.get(id).cloned())
                .collect(),
        )
    }

    /// What may leave: nothing of the connected schemas, unless the role may see technical detail.
    pub(super) fn filter(&self) -> filter::Filter {
        self.filter.get_or_init(|| self.new_filter()).clone()
    }

    fn new_filter(&self) -> filter::Filter {
        let tools = self
            .offers
            .iter()
            .flat_map(|offer| [offer.name.clone(), offer.tool.clone()])
            .chain([prompt::SAY, prompt::FIND_TOOLS].map(str::to_owned))
            .collect();
        let hosts = self
            .objects
            .connectors
            .iter()
            .flat_map(|connector| connector.link_hosts.clone())
            .chain(self.converse.allowed_hosts.iter().cloned())
            .collect();
        self.converse.filter(filter::Context {
            tools,
            prompts: vec![self.who.role.prompt.clone()],
            allowed_hosts: hosts,
            schema_role: self.who.role.technical,
            language: self.question.language,
            ..filter::Context::default()
        })
    }

    /// Begins to read: what a brief that the question is about has found is a result like any other, and what was claimed in
    /// earlier turns can be claimed again.
    pub(super) fn begin_reading(&mut self) {
        self.reading = Reading::new(self.filter());
        let titles: BTreeSet<String> = self
            .offers
            .iter()
            .filter(|offer| offer.class == ToolClass::Read)
            .map(|offer| offer.source.clone())
            .collect();
        let to = self.to_all_models();
        let earlier = self
            .earlier
            .iter()
            .flat_map(|turn| turn.claims(to))
            .cloned();
        let blind = self.sight() == Sight::Blind;
        let reader = reader(self.question, self.today, self.zone.clone(), blind);
        self.telling = Telling::new(reader, titles.into_iter().collect(), earlier, self.filter());
        if let Some(brief) = self.about
            && let Some(data) = earlier::brief_as_data(brief, to, self.connectors)
        {
            let items = data.get("items").cloned().unwrap_or_default();
            self.reading.read_own(&brief.title, items, brief.made);
            self.telling_reads();
        }
    }

    /// What was read last can be spoken of.
    pub(super) fn telling_reads(&mut self) {
        if let Some(source) = self.reading.as_source() {
            self.telling.add(source);
        }
    }

    /// What every model of the route may see.
    fn to_all_models(&self) -> To {
        let any_cloud = self.route().models().iter().any(|model| !model.is_local());
        if any_cloud {
            To::Cloud {
                blind: self.is_blind(),
            }
        } else {
            To::Local
        }
    }

    /// Every tool that the asker may ask for. A source that does not list its tools is missing.
    pub(super) async fn collect_offers(&mut self) {
        let role = self.who.role;
        let granted: Vec<&Connector> = self
            .connectors
            .values()
            .filter(|connector| {
                role.grants
                    .iter()
                    .any(|grant| grant.connector == connector.id)
            })
            .collect();
        self.converse.pool.replace(self.objects.connectors.clone());
        let mut offers = Vec::new();
        for (id, listed) in self.converse.tools(&granted).await {
            let Some(connector) = self.connectors.get(&id) else {
                continue;
            };
            let tools = match listed {
                Ok(tools) => tools,
                Err(why) => {
                    self.missing.insert(connector.title.clone(), why);
                    continue;
                }
            };
            for tool in tools.iter() {
                let pinned = !matches!(tool.pin, Pin::Changed { .. });
                let allowed = access::callable(role, connector, &tool.name).allowed;
                if let (true, true, Some(class)) = (pinned, allowed, tool.class) {
                    offers.push(Offer::new(
                        &id,
                        &connector.title,
                        &tool.name,
                        class,
                        tool.description.as_deref().unwrap_or_default(),
                        &access::arguments(role, connector, &tool.name, &tool.input_schema),
                    ));
                }
            }
        }
        self.offers = offers;
    }

    /// May a model that is not local see kinds only?
    fn is_blind(&self) -> bool {
        self.who.role.blind || self.connectors.values().any(|connector| connector.blind)
    }

    pub(super) fn sight(&self) -> Sight {
        let any_cloud = self.route().models().iter().any(|model| !model.is_local());
        if self.is_blind() && any_cloud {
            Sight::Blind
        } else {
            Sight::Values
        }
    }

    /// One round of the model, told on while it speaks. Before anything was read its words wait.
    async fn talk(
        &mut self,
        route: &Route,
        rounds: &[Message],
        wanted: Wanted<'_>,
    ) -> Result<Spoken, Vec<Tried>> {
        let offers: Vec<&Offer> = match &wanted {
            Wanted::Tools(names) => self
                .offers
                .iter()
                .filter(|offer| names.contains(&offer.name))
                .collect(),
            Wanted::Form(_) | Wanted::Answer => Vec::new(),
        };
        let form = match &wanted {
            Wanted::Form(form) => Some(Schema {
                name: "call".to_owned(),
                schema: form.clone(),
            }),
            Wanted::Tools(_) | Wanted::Answer => None,
        };
        let answer_tokens = self.converse.turn_limits.answer_tokens;
        let more = !offers.is_empty() && offers.len() < self.offers.len();
        let tools = match &wanted {
            Wanted::Form(_) => Vec::new(),
            Wanted::Tools(_) | Wanted::Answer => prompt::tools(&offers, more),
        };
        let blind = self.is_blind();
        let seeing = self.system(false);
        let blinded = blind.then(|| self.system(true));
        let answer_tokens = match wanted {
            Wanted::Form(_) => guided::FORM_TOKENS,
            Wanted::Tools(_) | Wanted::Answer => answer_tokens,
        };
        let before = |to: To| {
            let brief = self
                .about
                .and_then(|brief| earlier::brief_as_data(brief, to, self.connectors));
            prompt::messages(&self.question.text, &self.earlier, brief, to)
        };
        let (near, far) = (before(To::Local), before(To::Cloud { blind }));
        let request = |model: &dyn Model| Request {
            system: match &blinded {
                Some(blinded) if !model.is_local() => blinded.clone(),
                _ => seeing.clone(),
            },
            messages: if model.is_local() { &near } else { &far }
                .iter()
                .chain(rounds)
                .cloned()
                .collect(),
            schema: form.clone(),
            tools: tools.clone(),
            max_output_tokens: answer_tokens,
        };
        let spender = Spender {
            role: self.who.role,
            user: self.who.user,
            source: Source::Question {
                surface: self.question.principal.surface,
            },
        };
        let ledger = BudgetLedger {
            limits: &self.converse.limits,
            audit: &self.converse.audit,
            clock: self.converse.clock.as_ref(),
            spender,
            principal: &self.question.principal,
        };
        // Its own words are not told: what it has to say it claims.
        let (heard, mut hears) = mpsc::channel(HEARD_AT_ONCE);
        let talk = route.talk(&ledger, self.only_local, &request, heard, &self.halt);
        tokio::pin!(talk);
        let spoken = loop {
            tokio::select! {
                biased;
                Some(_) = hears.recv() => {}
                spoken = &mut talk => break spoken?,
            }
        };
        self.usage.model_calls += 1;
        self.usage.tokens_in += spoken.usage.tokens_in;
        self.usage.tokens_out += spoken.usage.tokens_out;
        self.warnings.extend(spoken.warnings.iter().cloned());
        Ok(spoken)
    }

    /// What a model is told of its task.
    pub(super) fn system(&self, blind: bool) -> String {
        let missing: Vec<&str> = self.missing.keys().map(String::as_str).collect();
        prompt::system(&Task {
            company: &self.converse.company,
            role: self.who.role,
            language: self.question.language,
            now: self.now_local(),
            today: self.today.to_string(),
            zone: &self.question.zone,
            missing: missing.join(", "),
            blind,
        })
    }

    fn now_local(&self) -> String {
        let local = self.zone.to_datetime(self.now);
        local.strftime("%Y-%m-%d %H:%M").to_string()
    }
}
