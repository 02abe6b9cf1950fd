//! Reading `daybrief.toml`: its shape first, then what its values mean together.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use lettre::message::Mailbox;
use toml::{Spanned, de::DeValue};
use url::Url;

use super::{
    ModelKind, Settings, StoreKind, is_private_host,
    shape::{self, Lines, Source, did_you_mean, written},
};
use crate::{
    error::{Problem, Problems},
    mail_address::{MailAddress, ascii_domain},
    text_file,
};

/// Reads the settings' file. Relative paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Settings, Problems> {
    whole(load_in_part(path))
}

/// Reads the settings' file as far as it goes, with everything that is wrong with it.
pub fn load_in_part(path: &Path) -> (Option<Settings>, Vec<Problem>) {
    let place = path.display().to_string();
    let text = match text_file::read(path) {
        Ok(text) => text,
        Err(error) => {
            let problem = error.at(&place);
            let problem = match problem.advice {
                Some(_) => problem,
                None => problem.advise(
                    "name the settings' file, or make one with `[instance]` and `name = \"…\"`",
                ),
            };
            return (None, vec![problem]);
        }
    };
    let (settings, problems) = parse_in_part(&text, &place);
    let settings = settings.map(|mut settings| {
        lies_in(&mut settings, path.parent().unwrap_or(Path::new("")));
        settings
    });
    (settings, problems)
}

/// The settings, or all that is wrong with them.
fn whole((settings, problems): (Option<Settings>, Vec<Problem>)) -> Result<Settings, Problems> {
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(Problems(problems)),
    }
}

/// Makes relative paths ones below the settings' folder.
fn lies_in(settings: &mut Settings, folder: &Path) {
    let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
    absolute(&mut settings.instance.data);
    settings.instance.objects.iter_mut().for_each(absolute);
    if let Some(ca_file) = settings
        .email
        .as_mut()
        .and_then(|email| email.ca_file.as_mut())
    {
        absolute(ca_file);
    }
    if let Some(folder) = &mut settings.folder {
        absolute(&mut folder.path);
    }
}

/// Reads settings from a text; `place` stands before the line in each problem. Paths stay as written.
pub fn parse(text: &str, place: &str) -> Result<Settings, Problems> {
    whole(parse_in_part(text, place))
}

fn parse_in_part(text: &str, place: &str) -> (Option<Settings>, Vec<Problem>) {
    let source = Source { place, text };
    let (table, broken) = source.table_in_part();
    let Some(table) = table else {
        return (None, broken.problems);
    };
    let mut problems = Vec::new();
    let value = Spanned::new(0..0, DeValue::Table(table));
    let read = shape::read_in_part::<Settings>(value, source, "", &mut problems);
    let read = read.map(|(mut settings, lines)| {
        let lines = if broken.problems.is_empty() {
            lines
        } else {
            lines.with_wrong("")
        };
        let mut check = Check {
            lines: &lines,
            problems: Vec::new(),
        };
        check.all(&settings);
        problems.append(&mut check.problems);
        settings.written = super::Written(lines);
        settings
    });
    if !broken.problems.is_empty() {
        problems.retain(|problem| broken.leaves(source, problem));
    }
    problems.extend(broken.problems);
    problems.sort_by_key(|problem| shape::line_of(problem.place.as_deref()));
    (read, problems)
}

struct Check<'s> {
    lines: &'s Lines,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn all(&mut self, settings: &Settings) {
        self.instance(settings);
        self.people(settings);
        self.models(settings);
        self.cost(settings);
        self.channels(settings);
        self.audit(settings);
        if settings.instance.air_gap {
            self.air_gap(settings);
        }
    }

    fn wrong(&mut self, code: &str, path: &str, what: &str, advice: impl Into<String>) {
        // What follows from a key that could not be read is told by that key alone.
        if self.lines.is_doubtful(path) {
            return;
        }
        self.problems.push(
            Problem::new(code, format!("`{path}` {what}"))
                .at(self.lines.at(path))
                .advise(advice),
        );
    }

    fn instance(&mut self, settings: &Settings) {
        let instance = &settings.instance;
        if !instance.zone_data.is_there() {
            self.wrong(
                "no-zone-data",
                "instance.zone_data",
                "is `system`, and this machine has no time zone data",
                "install the machine's package tzdata, or use \"bundled\"",
            );
        } else if let Err(unknown) = instance.zone_data.get(&instance.zone) {
            self.wrong(
                "unknown-zone",
                "instance.zone",
                &format!("is no IANA time zone: `{}`", instance.zone),
                unknown.advice(),
            );
        }
        let (host, port) = instance.listen.rsplit_once(':').unwrap_or_default();
        if instance.listen.parse::<SocketAddr>().is_err()
            && !(host == "localhost" && port.parse::<u16>().is_ok())
        {
            self.wrong(
                "bad-address",
                "instance.listen",
                &format!(
                    "is {}, which is no address with a port",
                    written(&instance.listen)
                ),
                "write an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"",
            );
        }
        if let Some(url) = &instance.url
            && self.url("instance.url", url).is_some()
            && url.ends_with('/')
        {
            self.wrong(
                "bad-url",
                "instance.url",
                "ends with a slash",
                "remove the slash: links begin with this address",
            );
        }
        if settings.store.kind == StoreKind::Mongodb && settings.store.url.is_none() {
            self.wrong(
                "missing-key",
                "store.url",
                "is missing, and the store is MongoDB",
                "add `url = \"env:MONGODB_URL\"` and set that variable to the connection string",
            );
        }
        if settings.store.kind == StoreKind::Mongodb && settings.store.database.is_empty() {
            self.wrong("empty", "store.database", "is empty", "name the database");
        }
    }

    fn people(&mut self, settings: &Settings) {
        for (index, domain) in settings.people.domains.iter().enumerate() {
            let plain = |label: &str| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            let ascii = ascii_domain(domain).unwrap_or_default();
            if !(ascii.contains('.') && ascii.split('.').all(plain)) {
                self.wrong(
                    "bad-domain",
                    &format!("people.domains[{index}]"),
                    &format!("is {}, which is no domain", written(domain)),
                    "write what stands after the @ of your addresses: \"acme.example\"",
                );
            }
        }
    }

    fn models(&mut self, settings: &Settings) {
        let mut seen = BTreeMap::new();
        for (index, model) in settings.models.iter().enumerate() {
            let path = |key: &str| format!("model[{index}].{key}");
            if let Some(first) = seen.insert(&model.id, index) {
                let first = self.lines.at(&format!("model[{first}].id"));
                self.wrong(
                    "two-of-one-id",
                    &path("id"),
                    &format!("is `{}`, and so is that at {first}", model.id),
                    "give each model its own id",
                );
            }
            if let Some(url) = &model.base_url {
                self.url(&path("base_url"), url);
            }
            if model.max_output_tokens >= model.context_tokens && model.context_tokens > 0 {
                self.wrong(
                    "out-of-range",
                    &path("max_output_tokens"),
                    "leaves no room for the question in `context_tokens`",
                    "make it smaller than `context_tokens`",
                );
            }
            let prices = [
                ("price_in_per_million", model.price_in_per_million),
                ("price_out_per_million", model.price_out_per_million),
            ];
            for (key, price) in prices {
                if price.is_some_and(|price| price.is_sign_negative() && !price.is_zero()) {
                    self.wrong("out-of-range", &path(key), "is below 0", "use 0 or more");
                }
            }
            let keys = prices
                .map(|(key, price)| (key, price.is_some()))
                .into_iter()
                .chain([("currency", model.currency.is_some())]);
            let (set, missing): (Vec<_>, Vec<_>) = keys.partition(|(_, set)| *set);
            if let (Some((key, _)), Some((missing, _))) = (set.first(), missing.first()) {
                self.wrong(
                    "missing-key",
                    &path(key),
                    &format!("stands without `{missing}`"),
                    "set both prices and their currency, or none of the three",
                );
            }
        }
        let routes = [
            ("wording", &settings.wording.route),
            ("questions", &settings.questions.route),
        ];
        let named = routes
            .into_iter()
            .flat_map(|(part, route)| route.iter().enumerate().map(move |named| (part, named)));
        for (part, (index, model)) in named {
            let known = settings.models.iter().any(|known| known.id == *model);
            if !known && !self.lines.is_wrong("model") {
                let known = settings.models.iter().map(|model| model.id.as_str());
                self.wrong(
                    "unknown-model",
                    &format!("{part}.route[{index}]"),
                    &format!("names `{model}`, and there is no [[model]] of that id"),
                    did_you_mean(model.as_str(), known),
                );
            }
        }
    }

    /// A cap on money holds only where every model that costs some has its price in the cap's currency.
    fn cost(&mut self, settings: &Settings) {
        let limits = &settings.limits;
        let (Some(cap), path) = (limits.company_monthly_cost, "limits.company_monthly_cost") else {
            return;
        };
        if cap.is_sign_negative() && !cap.is_zero() {
            self.wrong("out-of-range", path, "is below 0", "use 0 or more");
        }
        let Some(currency) = limits.currency else {
            self.wrong(
                "missing-key",
                path,
                "stands without `currency`",
                "add its currency, such as `currency = \"EUR\"`",
            );
            return;
        };
        for (index, model) in settings.models.iter().enumerate() {
            let what = match model.currency {
                Some(other) if other != currency => {
                    format!("has its prices in {other}, and `{path}` is in {currency}")
                }
                None if !model.local => format!("has no prices, and `{path}` is set"),
                _ => continue,
            };
            self.wrong(
                "no-price",
                &format!("model[{index}]"),
                &what,
                format!(
                    "set `price_in_per_million`, `price_out_per_million` and `currency = \"{currency}\"`"
                ),
            );
        }
    }

    fn channels(&mut self, settings: &Settings) {
        if let Some(email) = &settings.email {
            let sender = email.from.parse::<Mailbox>();
            if !sender.is_ok_and(|from| MailAddress::parse(from.email.as_ref()).is_ok()) {
                self.wrong(
                    "bad-mailbox",
                    "email.from",
                    &format!("is {}, which is no sender", written(&email.from)),
                    "write a name and an address: \"Daybrief <daybrief@acme.example>\"",
                );
            }
            if email.host.is_empty() || email.host.contains(['/', '@', ' ']) {
                self.wrong(
                    "bad-host",
                    "email.host",
                    "is no host name",
                    "write the name alone: \"smtp.acme.example\"; the port has its own key",
                );
            }
            if email.user.is_some() != email.password.is_some() {
                let (there, missing) = if email.user.is_some() {
                    ("user", "password")
                } else {
                    ("password", "user")
                };
                self.wrong(
                    "missing-key",
                    &format!("email.{there}"),
                    &format!("stands without `{missing}`"),
                    "set both, or neither for a relay that asks for none",
                );
            }
        }
        let api_url = settings
            .slack
            .as_ref()
            .and_then(|slack| slack.api_url.as_ref());
        if let Some(url) = api_url {
            self.url("slack.api_url", url);
        }
    }

    fn audit(&mut self, settings: &Settings) {
        let audit = &settings.audit;
        if let Some(url) = &audit.otlp {
            self.url("audit.otlp", url);
        }
        if let Some(address) = &audit.syslog
            && syslog(address).is_none()
        {
            self.wrong(
                "bad-address",
                "audit.syslog",
                "is no syslog receiver",
                "write `udp://` or `tcp://`, a host and a port, such as \"udp://127.0.0.1:514\"",
            );
        }
    }

    /// What does not stay on this machine or in its private networks.
    fn air_gap(&mut self, settings: &Settings) {
        let advice = "name a host of a private network (its address, a name without a dot, or one under .internal, \
                      .lan, .local or .corp), remove this, or set `air_gap = false`";
        let mut leaves = |path: &str, what: String| {
            self.wrong(
                "leaves-network",
                path,
                &format!("{what}, and `instance.air_gap` is set"),
                advice,
            );
        };
        let public = |url: &str| {
            Url::parse(url)
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .filter(|host| !is_private_host(host))
        };
        for (index, model) in settings.models.iter().enumerate() {
            match &model.base_url {
                Some(url) => {
                    if let Some(host) = public(url) {
                        leaves(
                            &format!("model[{index}].base_url"),
                            format!("leads to `{host}`"),
                        );
                    }
                }
                None if model.kind == ModelKind::Ollama => {}
                None => leaves(
                    &format!("model[{index}].kind"),
                    "without `base_url` leads to the vendor".to_owned(),
                ),
            }
        }
        for (path, url) in [
            ("audit.syslog", &settings.audit.syslog),
            ("audit.otlp", &settings.audit.otlp),
        ] {
            if let Some(host) = url.as_deref().and_then(public) {
                leaves(path, format!("leads to `{host}`"));
            }
        }
        if let Some(email) = &settings.email
            && !is_private_host(&email.host)
        {
            leaves("email.host", format!("is `{}`", email.host));
        }
        if let Some(slack) = &settings.slack {
            match &slack.api_url {
                Some(url) => {
                    if let Some(host) = public(url) {
                        leaves("slack.api_url", format!("leads to `{host}`"));
                    }
                }
                None => leaves("slack", "without `api_url` leads to slack.com".to_owned()),
            }
        }
    }

    /// An address of the web without a password in it.
    fn url(&mut self, path: &str, text: &str) -> Option<Url> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
        let Some(url) = url else {
            self.wrong(
                "bad-url",
                path,
                "is no web address",
                "begin it with https:// or http:// and name a host",
            );
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.wrong(
                "secret-in-clear",
                path,
                "holds a user or password",
                "remove it from the address, and replace that password at its source",
            );
            return None;
        }
        Some(url)
    }
}

/// The way (`udp`, `tcp`) and the `host:port` of a syslog receiver.
pub fn syslog(address: &str) -> Option<(SyslogWay, String)> {
    let url = Url::parse(address).ok()?;
    let way = match url.scheme() {
        "udp" => SyslogWay::Udp,
        "tcp" => SyslogWay::Tcp,
        _ => return None,
    };
    let bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none();
    let host = url.host_str().filter(|host| !host.is_empty() && bare)?;
    Some((way, format!("{host}:{}", url.port()?)))
}

/// How syslog messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyslogWay {
    /// RFC 5426.
    Udp,
    /// RFC 6587, each message preceded by its length.
    Tcp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(text: &str) -> String {
        parse(text, "daybrief.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_domain_of_people_is_what_stands_after_the_at() {
        for good in [
            "acme.example",
            "a-b.co.uk",
            "bücher.example",
            "xn--bcher-kva.example",
        ] {
            assert!(
                parse(&format!("[people]\ndomains = ['{good}']"), "x").is_ok(),
                "{good}"
            );
        }
        for bad in [
            "",
            "acme",
            "@acme.example",
            "a@acme.example",
            "*.acme.example",
            "acme..example",
            "https://acme.example",
        ] {
            let told = problems(&format!(
                "[people]\napproval = false\ndomains = ['acme.example', '{bad}']"
            ));
            assert!(
                told.starts_with("daybrief.toml:3: `people.domains[1]` is ")
                    && told.contains("which is no domain"),
                "{bad}: {told}"
            );
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_line() {
        let told = problems(
            "[instance]\nlisen = '0.0.0.0:80'\nair_gap = 'true'\n\n[store]\nkind = 'mongo'\n\n[email]\nhost = 'smtp.acme.example'\n\
             port = '587'\npassword = 'hunter2'\n\n[[model]]\nid = 'Big Model'\nkind = 'openai'\n\n[colour]\nx = 1\n",
        );
        for part in [
            "daybrief.toml:2: `instance.lisen` is no known key\n  → did you mean `listen`?",
            "daybrief.toml:3: `instance.air_gap` is text, expected `true` or `false`\n  → leave the quotes away",
            "daybrief.toml:6: `store.kind` is not one of `sqlite`, `mongodb`\n  → did you mean `mongodb`?",
            "daybrief.toml:10: `email.port` is text, expected a whole number from 1 to 65535\n  → leave the quotes away",
            "daybrief.toml:11: `email.password` names no place of a secret",
            "env:EMAIL_PASSWORD",
            "daybrief.toml:8: `email`: `from` is missing\n  → add `from = …`: The sender",
            "daybrief.toml:14: `model[0].id`: `Big Model` is not a name",
            "daybrief.toml:13: `model[0]`: `model` is missing",
            "daybrief.toml:17: `colour` is no known key",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn values_that_mean_nothing_are_told_with_their_line() {
        let told = problems(
            "[instance]\nzone = 'Europe/Belin'\nlisten = '8080'\nurl = 'https://brief.acme.example/'\n[store]\nkind = 'mongodb'\n\
             [[model]]\nid = 'a'\nkind = 'openai'\nmodel = 'm'\nbase_url = 'llm.lan'\n[[model]]\nid = 'a'\nkind = 'ollama'\nmodel = 'm'\n\
             base_url = 'http://me:hunter2@llm.lan'\n[wording]\nroute = ['a',\n  'aa']\n[email]\nhost = 'smtp'\nfrom = 'nobody'\nuser = 'x'\n\
             [audit]\nkeep_days = 0\nsyslog = '127.0.0.1:514'\notlp = 'collector:4318'\n",
        );
        for part in [
            "daybrief.toml:2: `instance.zone` is no IANA time zone: `Europe/Belin`\n  → did you mean `Europe/Berlin`?",
            "daybrief.toml:3: `instance.listen` is `8080`, which is no address",
            "daybrief.toml:4: `instance.url` ends with a slash",
            "daybrief.toml:5: `store.url` is missing",
            "daybrief.toml:11: `model[0].base_url` is no web address",
            "daybrief.toml:13: `model[1].id` is `a`, and so is that at daybrief.toml:8",
            "daybrief.toml:16: `model[1].base_url` holds a user or password",
            "daybrief.toml:19: `wording.route[1]` names `aa`",
            "daybrief.toml:22: `email.from` is `nobody`, which is no sender",
            "daybrief.toml:23: `email.user` stands without `password`",
            "daybrief.toml:25: `audit.keep_days` is 0, which is out of range\n  → use a whole number, 1 or more",
            "daybrief.toml:26: `audit.syslog` is no syslog receiver",
            "daybrief.toml:27: `audit.otlp` is no web address",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_cap_on_money_wants_every_price_in_its_currency() {
        let told = problems(
            "[limits]\ncompany_monthly_cost = 100\ncurrency = 'EUR'\nwarn_at_percent = 101\n",
        );
        assert!(
            told.contains("daybrief.toml:4: `limits.warn_at_percent` is 101, which is out of range\n  → use a whole number from 1 to 100"),
            "{told}"
        );
        let told = problems("[limits]\ncompany_monthly_cost = 100\ncurrency = 'Euro'\n");
        assert!(
            told.contains("daybrief.toml:3: `Euro` is not a currency"),
            "{told}"
        );
        let told = problems("[limits]\ncompany_monthly_cost = 100\n");
        assert!(
            told.contains(
                "daybrief.toml:2: `limits.company_monthly_cost` stands without `currency`"
            ),
            "{told}"
        );
        let model = |id: &str, rest: &str| {
            format!("[[model]]\nid = '{id}'\nkind = 'openai'\nmodel = 'm'\n{rest}\n")
        };
        let limits = "[limits]\ncompany_monthly_cost = 100.5\ncurrency = 'EUR'\n";
        let told = problems(&format!(
            "{limits}{}{}{}{}",
            model("free", "local = true"),
            model("cloud", ""),
            model(
                "dollars",
                "currency = 'USD'\nprice_in_per_million = 1\nprice_out_per_million = -2"
            ),
            model("half", "price_out_per_million = 1"),
        ));
        for part in [
            "daybrief.toml:9: `model[1]` has no prices",
            "daybrief.toml:14: `model[2]` has its prices in USD",
            "daybrief.toml:20: `model[2].price_out_per_million` is below 0",
            "daybrief.toml:25: `model[3].price_out_per_million` stands without `price_in_per_million`",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert!(!told.contains("model[0]"), "{told}");
        let good = parse(
            &format!(
                "{limits}{}",
                model(
                    "m",
                    "currency = 'eur'\nprice_in_per_million = 0.1\nprice_out_per_million = 15"
                )
            ),
            "x",
        )
        .unwrap();
        let price = good.models[0].price_in_per_million.unwrap();
        assert_eq!(
            price.to_string(),
            "0.1",
            "as written, not as a float is near it"
        );
    }

    #[test]
    fn an_air_gap_names_each_setting_that_leaves_the_network() {
        let told = problems(
            "[instance]\nair_gap = true\n[[model]]\nid = 'cloud'\nkind = 'anthropic'\nmodel = 'm'\n[[model]]\nid = 'far'\nkind = 'openai'\n\
             model = 'm'\nbase_url = 'https://api.example.com/v1'\n[[model]]\nid = 'near'\nkind = 'ollama'\nmodel = 'm'\n\
             base_url = 'http://10.0.0.7:11434'\n[email]\nhost = 'smtp.example.com'\nfrom = 'a@b.example'\n[slack]\ntoken = 'env:SLACK'\n\
             [audit]\nsyslog = 'udp://logs.example.com:514'\notlp = 'http://8.8.8.8:4318'\n",
        );
        for part in [
            "daybrief.toml:23: `audit.syslog` leads to `logs.example.com`",
            "daybrief.toml:24: `audit.otlp` leads to `8.8.8.8`",
            "daybrief.toml:5: `model[0].kind` without",
            "daybrief.toml:11: `model[1].base_url` leads to `api.example.com`",
            "daybrief.toml:18: `email.host` is `smtp.example.com`",
            "daybrief.toml:20: `slack` without",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        assert!(!told.contains("model[2]"), "{told}");
    }

    #[test]
    fn every_syntax_error_is_told() {
        let told = problems("[instance\nname = 'x'\n[store]\nkind = \n");
        assert!(told.contains("daybrief.toml:1: is not TOML"), "{told}");
        assert!(told.contains("daybrief.toml:4: is not TOML"), "{told}");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daybrief.toml");
        std::fs::write(
            &path,
            "[instance]\nobjects = ['objects', '/etc/daybrief']\n[folder]\npath = 'out'\n",
        )
        .unwrap();
        let settings = load(&path).unwrap();
        assert_eq!(settings.instance.data, folder.path().join("data"));
        assert_eq!(
            settings.instance.objects,
            [
                folder.path().join("objects"),
                PathBuf::from("/etc/daybrief")
            ]
        );
        assert_eq!(settings.folder.unwrap().path, folder.path().join("out"));
        assert_eq!(parse("", "x").unwrap(), Settings::default());
        assert!(
            load(&folder.path().join("none"))
                .unwrap_err()
                .to_string()
                .contains("cannot be read")
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z\\[\\]{}=.\"'0-9 \n-]|model|instance|id|true){0,80}") {
            let _ = parse(&text, "x");
        }

        #[test]
        fn no_key_or_value_panics(key in "[a-zä._\\[]{0,12}", value in any::<String>()) {
            let _ = parse(&format!("[instance]\n{key:?} = {}", toml::Value::String(value)), "x");
        }
    }
}
