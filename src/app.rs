//! The composition root: builds the parts and hands each only what it needs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    access::Access,
    audit::Audit,
    channels::{Channel, FolderChannel, SlackChannel, SmtpChannel, unusable},
    clock::{Clock, SystemClock},
    connectors::{
        Accepted, Connectors, KeptToken, PinnedHash, Pins, PinsError, SecretSource,
        SecretUnavailable, TokenKeeper, reach,
    },
    converse::{self, Converse, TurnLimits},
    domain::{
        finding::{Gap, GapCause},
        run::RunIds,
        schedule::ChannelKind,
    },
    error::{Problem, Problems},
    guard,
    ids::{CalendarId, ConnectorId, ModelId, UserId},
    limits::Limits,
    models::{self, Model},
    provision::Objects,
    run::{Company, Defaults, Maker, Parts, Selector},
    secrets::{
        self, SecretRef,
        vault::{Vault, derive, fresh_key},
    },
    settings::{self, Settings},
    store::{PinRow, Store, StoreError},
    text_file::{self, NoText},
    zones,
};

/// The name of the key's file in the data folder.
pub const KEY_FILE: &str = "daybrief.key";
/// The store's own secret from which the keys of marks and audit are derived. No person's secret can have this name.
const ROOT: &str = ".root";
/// The longest description of a tool that is kept for an admin to look at, in characters.
const LONGEST_DESCRIPTION: usize = 64_000;

/// Where secrets are: the environment, files, the store.
#[derive(Clone)]
pub struct Secrets {
    store: Store,
    vault: Arc<Vault>,
    /// Every value that was resolved: no door lets one out.
    known: guard::Secrets,
}

impl Secrets {
    /// The vault, to seal with.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Opens every secret of the store, so that the doors know them before anything is asked. One that does not open is
    /// told where it is used.
    async fn learn(&self) -> Result<(), StoreError> {
        for name in self.store.secrets().names().await? {
            if let Some(sealed) = self.store.secrets().get(&name).await?
                && let Ok(value) = self.vault.open(&name, &sealed)
            {
                self.known.add(&value);
            }
        }
        Ok(())
    }

    async fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        let SecretRef::Store(name) = reference else {
            return local_secret(reference).await;
        };
        let unavailable =
            |why: String| SecretUnavailable(format!("the secret `{reference}` {why}"));
        let sealed = self
            .store
            .secrets()
            .get(name)
            .await
            .map_err(|error| unavailable(error.to_string()))?
            .ok_or_else(|| {
                unavailable(format!(
                    "is not there: set it with `daybrief secret set {name}`"
                ))
            })?;
        self.vault
            .open(name, &sealed)
            .map_err(|error| unavailable(format!("does not open: {error}")))
    }
}

/// A secret of the environment or of a file.
async fn local_secret(reference: &SecretRef) -> Result<SecretString, SecretUnavailable> {
    let unavailable = |why: &str| SecretUnavailable(format!("the secret `{reference}` {why}"));
    match reference {
        SecretRef::Store(_) => Err(unavailable("cannot be in the store here")),
        SecretRef::Env(_) | SecretRef::File(_) => {
            secrets::local(reference).map_err(|why| unavailable(&why))
        }
    }
}

#[async_trait]
impl SecretSource for Secrets {
    async fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretUnavailable> {
        let value = self.resolve(reference).await?;
        self.known.add(&value);
        Ok(value)
    }
}

/// Sign-ins lie sealed among the store's own secrets.
#[async_trait]
impl TokenKeeper for Secrets {
    async fn load(&self, name: &str) -> Result<Option<KeptToken>, SecretUnavailable> {
        let sealed = self.store.secrets().get(name).await.map_err(sign_in)?;
        sealed
            .map(|sealed| {
                Ok(KeptToken {
                    text: self.vault.open(name, &sealed).map_err(sign_in)?,
                    version: sealed.nonce,
                })
            })
            .transpose()
    }

    async fn replace(
        &self,
        name: &str,
        seen: Option<&str>,
        text: &SecretString,
    ) -> Result<Option<String>, SecretUnavailable> {
        let secrets = self.store.secrets();
        let present = secrets.get(name).await.map_err(sign_in)?;
        if present.as_ref().map(|sealed| sealed.nonce.as_str()) != seen {
            return Ok(None);
        }
        let sealed = self.vault.seal(name, text).map_err(sign_in)?;
        let replaced = secrets.replace(name, present.as_ref(), &sealed).await;
        Ok(replaced.map_err(sign_in)?.then_some(sealed.nonce))
    }

    async fn forget(&self, name: &str) -> Result<bool, SecretUnavailable> {
        self.store.secrets().delete(name).await.map_err(sign_in)
    }
}

fn sign_in(error: impl std::fmt::Display) -> SecretUnavailable {
    SecretUnavailable(format!("the sign-in cannot be read or kept: {error}"))
}

/// Pins in the store.
struct StorePins(Store);

#[async_trait]
impl Pins for StorePins {
    async fn get(
        &self,
        connector: &ConnectorId,
        tool: &str,
    ) -> Result<Option<Accepted>, PinsError> {
        let row = self.0.pins().get(connector, tool).await.map_err(pins)?;
        Ok(row.map(|row| Accepted {
            hash: PinnedHash(row.accepted),
            text: row.description,
        }))
    }

    async fn first_seen(
        &self,
        connector: &ConnectorId,
        tool: &str,
        hash: &PinnedHash,
        canonical: &str,
    ) -> Result<(), PinsError> {
        self.0
            .pins()
            .change(connector, tool, |before| {
                before.is_none().then(|| PinRow {
                    tool: tool.to_owned(),
                    accepted: hash.0.clone(),
                    waiting: None,
                    description: crate::text::shorten(canonical, LONGEST_DESCRIPTION),
                })
            })
            .await
            .map_err(pins)
    }

    async fn changed(
        &self,
        connector: &ConnectorId,
        tool: &str,
        hash: &PinnedHash,
        canonical: &str,
    ) -> Result<(), PinsError> {
        let waiting = (
            hash.0.clone(),
            crate::text::shorten(canonical, LONGEST_DESCRIPTION),
        );
        self.0
            .pins()
            .change(connector, tool, |before| {
                let row = before?;
                (row.waiting.as_ref() != Some(&waiting)).then(|| PinRow {
                    waiting: Some(waiting.clone()),
                    ..row
                })
            })
            .await
            .map_err(pins)
    }
}

fn pins(error: crate::store::StoreError) -> PinsError {
    PinsError(error.to_string())
}

/// An instance with all its parts.
pub struct App {
    pub settings: Settings,
    pub parts: Parts,
    /// Answers questions.
    pub converse: Converse,
    pub secrets: Secrets,
    /// What is set up and cannot be used, such as a channel whose secret is not there. The rest works without.
    pub problems: Vec<Problem>,
}

impl App {
    /// The instance of these settings. Opens the store, connects to nothing else.
    pub async fn open(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Problems> {
        let one = |problem: Problem| Problems(vec![problem]);
        private_folder(&settings.instance.data).map_err(one)?;
        let vault = vault(&settings).await.map_err(one)?;
        let url = match &settings.store.url {
            Some(url) => Some(local_secret(url).await.map_err(|error| {
                one(Problem::new("secret", error.to_string()).at("[store] url"))
            })?),
            None => None,
        };
        let store = Store::open(&settings.store, url.as_ref(), &settings.instance.data)
            .await
            .map_err(|error| one(error.into()))?;
        Self::over(settings, store, vault, clock).await
    }

    /// An instance that keeps nothing and delivers nowhere.
    pub async fn temporary(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Problems> {
        let one = |problem: Problem| Problems(vec![problem]);
        let vault =
            Vault::ephemeral().map_err(|error| one(Problem::new("internal", error.to_string())))?;
        let store = Store::in_memory()
            .await
            .map_err(|error| one(error.into()))?;
        Self::over(settings, store, vault, clock).await
    }

    async fn over(
        settings: Settings,
        store: Store,
        vault: Vault,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Problems> {
        let one = |problem: Problem| Problems(vec![problem]);
        let root = root(&store, &vault).await.map_err(one)?;
        let secrets = Secrets {
            store: store.clone(),
            vault: Arc::new(vault),
            known: guard::Secrets::default(),
        };
        secrets.learn().await.map_err(|error| one(error.into()))?;
        let audit = Audit::new(store.clone(), derive(&root, "audit"))
            .keeping(settings.audit.keep_arguments)
            .coming_first();
        zones::choose(settings.instance.zone_data);
        let zone = zones::get(&settings.instance.zone)
            .map_err(|unknown| one(Problem::from(unknown).at("[instance] zone")))?;
        let mut problems = Vec::new();
        let pool = Connectors::keeping(
            Vec::new(),
            Arc::new(secrets.clone()),
            Arc::new(StorePins(store.clone())),
            // A source answers when it answers, whatever instant a brief is made as of.
            Arc::new(SystemClock),
            Arc::new(secrets.clone()),
            reach(settings.instance.air_gap),
        );
        let maker = Maker {
            pool,
            access: Access::new(audit.clone(), store.clone()),
            clock: clock.clone(),
            fingerprint_key: Arc::from(derive(&root, "fingerprints").as_slice()),
            selector: Selector {
                models: models(&settings, &secrets, &mut problems).await,
                route: settings.wording.route.clone(),
                limits: Limits::new(store.clone(), zone, &settings),
                audit: audit.clone(),
                company: settings.instance.name.clone(),
            },
        };
        let converse = Converse::new(converse::Parts {
            store: store.clone(),
            audit: audit.clone(),
            access: maker.access.clone(),
            limits: maker.selector.limits.clone(),
            pool: maker.pool.clone(),
            clock: clock.clone(),
            models: maker.selector.models.clone(),
            route: if settings.questions.route.is_empty() {
                settings.wording.route.clone()
            } else {
                settings.questions.route.clone()
            },
            company: settings.instance.name.clone(),
            allowed_hosts: allowed_hosts(&settings),
            secrets: secrets.known.clone(),
            keep_days: settings.questions.keep_days,
            turn_limits: TurnLimits {
                calls: settings.questions.calls,
                seconds: settings.questions.seconds,
                ..TurnLimits::default()
            },
        });
        let channels = channels(&settings, &secrets, &clock, &mut problems).await;
        let company = Company {
            name: settings.instance.name.clone(),
            defaults: Defaults {
                zone: settings.instance.zone.clone(),
                language: settings.instance.language,
            },
            calendar: settings
                .instance
                .calendar
                .clone()
                .and_then(|id| CalendarId::new(id).ok()),
            allowed_hosts: allowed_hosts(&settings),
            secrets: secrets.known.clone(),
            admin: settings
                .instance
                .admin
                .clone()
                .and_then(|id| UserId::new(id).ok()),
            lease: SignedDuration::from_secs(settings.store.lease_seconds.max(1).into()),
        };
        for problem in &problems {
            tracing::warn!(%problem, "set up in part");
        }
        Ok(Self {
            problems,
            converse,
            parts: Parts {
                store,
                audit,
                clock,
                maker,
                run_ids: RunIds::new(&derive(&root, "runs")),
                channels,
                company: Arc::new(company),
            },
            settings,
            secrets,
        })
    }

    /// Why a model that is set up cannot be used.
    pub fn problem_of_model(&self, id: &ModelId) -> Option<&Problem> {
        let place = model_place(id);
        let mut problems = self.problems.iter();
        problems.find(|problem| problem.place.as_ref() == Some(&place))
    }

    /// Ends all connections.
    pub async fn shutdown(&self) {
        self.parts.maker.pool.shutdown().await;
    }
}

/// Hosts that links may have: those set, and the instance's own.
fn allowed_hosts(settings: &Settings) -> Vec<String> {
    let own = settings
        .instance
        .url
        .as_deref()
        .and_then(|url| url::Url::parse(url).ok())
        .and_then(|url| url.host_str().map(str::to_owned));
    settings
        .guard
        .allowed_hosts
        .iter()
        .cloned()
        .chain(own)
        .collect()
}

/// The keys of the settings, or the data folder's own, which is made where it is missing.
async fn vault(settings: &Settings) -> Result<Vault, Problem> {
    let secret = |error: SecretUnavailable, place: &str| {
        Problem::new("secret", error.to_string()).at(place.to_owned())
    };
    let key = match &settings.secrets.key {
        Some(reference) => local_secret(reference)
            .await
            .map_err(|error| secret(error, "[secrets] key"))?,
        None => key_file(&settings.instance.data).await?,
    };
    let mut old = Vec::new();
    for reference in &settings.secrets.old_keys {
        old.push(
            local_secret(reference)
                .await
                .map_err(|error| secret(error, "[secrets] old_keys"))?,
        );
    }
    Vault::new(&key, &old)
        .map_err(|error| match &settings.secrets.key {
            Some(reference) => Problem::new("bad-key", format!("`{reference}`, or an old key, is none: {error}"))
                .at("[secrets]"),
            None => Problem::new("bad-key", "holds no key: a key is 32 bytes in base64")
                .at(settings.instance.data.join(KEY_FILE).display().to_string())
                .advise(
                    "restore the file from a backup: what is sealed opens with that key alone; where nothing is kept yet, remove it, and it is made anew",
                ),
        })
}

/// The key in the data folder, readable by its owner alone.
async fn key_file(folder: &Path) -> Result<SecretString, Problem> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.join(KEY_FILE);
    let problem = |what: String| Problem::new("key-file", what).at(path.display().to_string());
    match text_file::read(&path) {
        Ok(text) => {
            others_cannot_read(&path)?;
            return Ok(SecretString::from(text.trim().to_owned()));
        }
        Err(NoText::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.at(&path.display().to_string())),
    }
    let key = fresh_key().map_err(|error| problem(error.to_string()))?;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| {
            use std::io::Write;
            file.write_all(key.expose_secret().as_bytes())
                .and_then(|()| file.sync_all())
                // Half a key would be found instead of none at the next start.
                .inspect_err(|_| drop(std::fs::remove_file(&path)))
        });
    match made {
        Ok(()) => Ok(key),
        // Another process made it in the same moment.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            text_file::read_or_tell(&path).map(|text| SecretString::from(text.trim().to_owned()))
        }
        Err(error) => Err(problem(format!("cannot be made: {error}")).advise(
            "let the account that runs `daybrief` write to the data folder, or name another in `[instance] data`",
        )),
    }
}

/// Refuses a key that other people of the machine can read: whoever has it opens every secret of the store.
fn others_cannot_read(path: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::PermissionsExt;
    const OF_OTHERS: u32 = 0o077;
    let mode = std::fs::metadata(path).map_or(0, |file| file.permissions().mode());
    if mode & OF_OTHERS == 0 {
        return Ok(());
    }
    Err(Problem::new(
        "key-file",
        format!(
            "the key can be read or changed by others (its mode is {:03o})",
            mode & 0o777
        ),
    )
    .at(path.display().to_string())
    .advise(format!("chmod 600 {}", path.display())))
}

/// The store's root secret, made with the store.
async fn root(store: &Store, vault: &Vault) -> Result<SecretString, Problem> {
    let broken = |error: crate::secrets::vault::VaultError| {
        Problem::new(
            "key",
            format!("the store's own secret does not open: {error}"),
        )
        .advise("give the key that the store was made with, as [secrets] key or among old_keys")
    };
    for _ in 0..2 {
        if let Some(sealed) = store.secrets().get(ROOT).await? {
            return vault.open(ROOT, &sealed).map_err(broken);
        }
        let sealed = vault
            .seal(ROOT, &fresh_key().map_err(broken)?)
            .map_err(broken)?;
        // Read again: another process may have been first.
        store.secrets().make(ROOT, &sealed).await?;
    }
    Err(Problem::new(
        "store",
        "the store does not keep what it is given",
    ))
}

/// The channels that the settings set up.
async fn channels(
    settings: &Settings,
    secrets: &Secrets,
    clock: &Arc<dyn Clock>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ChannelKind, Arc<dyn Channel>> {
    let mut channels: BTreeMap<ChannelKind, Arc<dyn Channel>> = BTreeMap::new();
    if let Some(email) = &settings.email {
        match email_channel(email, secrets, clock.clone()).await {
            Ok(channel) => {
                channels.insert(ChannelKind::Email, Arc::new(channel));
            }
            Err(problem) => {
                let why = problem.what.clone();
                channels.insert(ChannelKind::Email, unusable(ChannelKind::Email, why));
                problems.push(problem.at("[email]"));
            }
        }
    }
    if let Some(slack) = &settings.slack {
        match slack_channel(slack, secrets, clock.clone()).await {
            Ok(channel) => {
                channels.insert(ChannelKind::Slack, Arc::new(channel));
            }
            Err(problem) => {
                let why = problem.what.clone();
                channels.insert(ChannelKind::Slack, unusable(ChannelKind::Slack, why));
                problems.push(problem.at("[slack]"));
            }
        }
    }
    if let Some(folder) = &settings.folder {
        let from = settings.email.as_ref().map(|email| email.from.as_str());
        let channel = FolderChannel::new(folder, from, clock.clone());
        channels.insert(ChannelKind::Folder, Arc::new(channel));
    }
    channels
}

/// Where a problem of a model's settings is.
fn model_place(id: &ModelId) -> String {
    format!("[[model]] {id}")
}

/// The models that the settings set up. One that is set up in part is among them and says so when it is asked.
async fn models(
    settings: &Settings,
    secrets: &Secrets,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ModelId, Arc<dyn Model>> {
    let mut models = BTreeMap::new();
    for model in &settings.models {
        let place = model_place(&model.id);
        let key = match &model.api_key {
            Some(reference) => match secrets.secret(reference).await {
                Ok(key) => Some(key),
                Err(error) => {
                    let unavailable = models::unavailable(model, error.to_string());
                    models.insert(model.id.clone(), unavailable);
                    problems.push(
                        Problem::new("secret", error.to_string())
                            .at(place)
                            .advise(reference.advice()),
                    );
                    continue;
                }
            },
            None => None,
        };
        match models::build(model, key) {
            Ok(built) => {
                let built = models::discreet(built, secrets.known.clone());
                models.insert(model.id.clone(), built);
            }
            Err(error) => {
                let unavailable = models::unavailable(model, error.to_string());
                models.insert(model.id.clone(), unavailable);
                problems.push(Problem::new("model", error.to_string()).at(place));
            }
        }
    }
    models
}

async fn email_channel(
    email: &settings::Email,
    secrets: &Secrets,
    clock: Arc<dyn Clock>,
) -> Result<SmtpChannel, Problem> {
    let password = match &email.password {
        Some(reference) => Some(secrets.secret(reference).await.map_err(|error| {
            Problem::new("secret", error.to_string()).advise(reference.advice())
        })?),
        None => None,
    };
    SmtpChannel::new(email, password.as_ref(), clock).map_err(|error| {
        let problem = Problem::new("email", error.to_string());
        match error.advice() {
            Some(advice) => problem.advise(advice),
            None => problem,
        }
    })
}

async fn slack_channel(
    slack: &settings::Slack,
    secrets: &Secrets,
    clock: Arc<dyn Clock>,
) -> Result<SlackChannel, Problem> {
    let token = secrets
        .secret(&slack.token)
        .await
        .map_err(|error| Problem::new("secret", error.to_string()).advise(slack.token.advice()))?;
    SlackChannel::new(slack, &token, clock)
        .map_err(|error| Problem::new("slack", error.to_string()))
}

/// The calendar that a person's own command goes by: the company's, else the only one that is defined.
pub fn calendar_of<'a>(
    parts: &Parts,
    objects: &'a Objects,
) -> Option<&'a crate::domain::calendar::Calendar> {
    parts
        .calendar(objects)
        .or(match objects.calendars.as_slice() {
            [only] => Some(only),
            _ => None,
        })
}

/// The folder for what this node keeps, open to its owner alone where it is made here.
fn private_folder(path: &Path) -> Result<(), Problem> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            let (what, advice) = match error.kind() {
                std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => (
                    "is no folder, or lies below a file".to_owned(),
                    "name another folder, or move the file away",
                ),
                std::io::ErrorKind::PermissionDenied => (
                    "cannot be made: this account may not write there".to_owned(),
                    "make the folder and let the account that runs `daybrief` own it, or name another",
                ),
                _ => (
                    format!("cannot be made: {error}"),
                    "name another folder, or mend what keeps it from being made",
                ),
            };
            Problem::new("unwritable", what)
                .at(path.display().to_string())
                .advise(advice)
        })
}

/// What the admin can do about a gap.
pub fn gap_advice(gap: &Gap) -> String {
    let connector = &gap.connector;
    if let Some(advice) = gap.hint.as_ref().and_then(|hint| hint.advice.clone()) {
        return advice;
    }
    match gap.cause {
        GapCause::Timeout => {
            "ask for less, or raise `limits.timeout_seconds` of the connector".to_owned()
        }
        GapCause::Unreachable => format!("look at it with `daybrief connector tools {connector}`"),
        GapCause::TooLarge => {
            "ask for less, or raise `limits.max_bytes` of the connector".to_owned()
        }
        GapCause::Refused => {
            format!("correct the credential of `{connector}`, or the rights that it has there")
        }
        GapCause::Failed => format!(
            "correct `tool` or `args`, or the query that they name, or see whether the system behind it is there; `daybrief connector tools {connector}` has what the server offers"
        ),
        GapCause::NotAllowed => "grant it to the role, or remove the signal".to_owned(),
        GapCause::ToolChanged => {
            format!(
                "look at what changed and accept it with `daybrief connector accept {connector}`"
            )
        }
        GapCause::Shape => format!(
            "correct `items`; `daybrief connector call {connector} TOOL` shows the answer as signals see it"
        ),
        GapCause::Rule => {
            "correct the expression; where a field may be missing, say what counts then: `item.x|default(…)`".to_owned()
        }
    }
}

/// The folder of a path's file, created where it is missing, then open to its owner alone.
pub fn folder(path: PathBuf) -> Result<PathBuf, Problem> {
    private_folder(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let made = key_file(folder.path()).await.unwrap();
        let again = key_file(folder.path()).await.unwrap();
        assert_eq!(made.expose_secret(), again.expose_secret());
        let path = folder.path().join(KEY_FILE);
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = key_file(folder.path()).await.unwrap_err();
            assert!(
                refused
                    .to_string()
                    .contains("can be read or changed by others"),
                "{refused}"
            );
        }
    }
}
