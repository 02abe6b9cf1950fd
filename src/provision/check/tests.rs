use super::*;
use crate::{provision, settings};

fn checked(objects: &str, settings: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("o.toml"), objects).unwrap();
    let objects = provision::read(&[folder.path().to_owned()])
        .unwrap()
        .over(provision::shipped().unwrap());
    let checked = check(
        &objects,
        &settings::parse(settings, "daybrief.toml").unwrap(),
    );
    let text = |problems: Vec<Problem>| {
        crate::error::Problems(problems)
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    };
    (text(checked.errors), text(checked.warnings))
}

const GOOD: &str = "[connector]\nid = 'crm'\ntitle = 'CRM'\ncommand = ['crm']\ntools = { query = 'read', add = 'action' }\n\
        [role]\nid = 'sales'\ntitle = 'Sales'\n[[role.grants]]\nconnector = 'crm'\ntools = ['query']\n\
        [[user]]\nid = 'ann'\nname = 'Ann'\nemail = 'ann@acme.example'\nroles = ['sales']\n\
        [briefing]\nid = 'b'\ntitle = 'B'\nrole = 'sales'\n[[signal]]\nid = 's'\ntitle = 'S'\nconnector = 'crm'\ntool = 'query'\n\
        key = 'item.id'\nheadline = 'Late'\nnext = 'Call.'\n\
        [schedule]\nid = 'm'\nbriefing = 'b'\nwhen = 'weekdays at 07:00'\nzone = 'Europe/Berlin'\nto = [{ user = 'ann', via = ['email'] }]\n";
const EMAIL: &str = "[email]\nhost = 'smtp'\nfrom = 'a@b.example'\n";

#[test]
fn what_fits_together_is_silent_and_unused_shipped_briefings_are_too() {
    assert_eq!(checked(GOOD, EMAIL), (String::new(), String::new()));
}

#[test]
fn each_change_for_the_worse_is_told_with_its_place_and_what_to_do() {
    for (from, to, settings, told) in [
        (
            "connector = 'crm'\ntool = ",
            "connector = 'cmr'\ntool = ",
            EMAIL,
            "o.toml:24: briefing `b`: there is no connector `cmr`\n  → did you mean `crm`?",
        ),
        (
            "role = 'sales'",
            "role = 'seles'",
            EMAIL,
            "o.toml:20: briefing `b`: there is no role `seles`\n  → did you mean `sales`?",
        ),
        (
            "roles = ['sales']",
            "roles = ['sales', 'x']",
            EMAIL,
            "o.toml:16: user `ann`: there is no role `x`",
        ),
        (
            "briefing = 'b'",
            "briefing = 'bb'",
            EMAIL,
            "o.toml:31: schedule `m`: there is no briefing `bb`",
        ),
        (
            "briefing = 'b'",
            "briefing = 'ceo-morning'",
            EMAIL,
            "briefing `ceo-morning`: there is no connector `ledger`",
        ),
        (
            "'weekdays at 07:00'",
            "'sometimes'",
            EMAIL,
            "o.toml:32: schedule `m`: `sometimes` is not understood",
        ),
        (
            "'Europe/Berlin'",
            "'Berlin'",
            EMAIL,
            "o.toml:33: schedule `m`: there is no IANA time zone `Berlin`\n  → did you mean `Europe/Berlin`?",
        ),
        (
            "zone = ",
            "calendar = 'de'\nzone = ",
            EMAIL,
            "o.toml:33: schedule `m`: there is no calendar `de`",
        ),
        (
            "user = 'ann', ",
            "user = 'anne', ",
            EMAIL,
            "o.toml:34: schedule `m`: there is no user `anne`\n  → did you mean `ann`?",
        ),
        (
            "user = 'ann', ",
            "user = 'ann', as = 'cto', ",
            EMAIL,
            "o.toml:34: schedule `m`: there is no role `cto`",
        ),
        (
            "via = ['email']",
            "via = ['slack']",
            EMAIL,
            "schedule `m`: the user `ann` is to get it via slack and has no member id",
        ),
        (
            "via = ['email']",
            "via = ['folder']",
            EMAIL,
            "schedule `m`: the settings have no [folder]",
        ),
        (
            "via = ['email']",
            "via = ['email']",
            "",
            "schedule `m`: the settings have no [email]",
        ),
        (
            "via = ['email']",
            "via = []",
            EMAIL,
            "schedule `m`: `via` names no channel",
        ),
        (
            "{ query = 'read', add = 'action' }",
            "{}",
            EMAIL,
            "o.toml:5: connector `crm`: `tools` is empty",
        ),
        (
            "command = ['crm']",
            "url = 'http://crm.acme.example'",
            EMAIL,
            "o.toml:4: connector `crm`: `url` is neither https nor on this machine",
        ),
        (
            "command = ['crm']",
            "command = ['crm']\nenv = { CRM_TOKEN = 'hunter2' }",
            EMAIL,
            "o.toml:5: connector `crm`: `env.CRM_TOKEN` holds a secret in clear",
        ),
        (
            "command = ['crm']",
            "url = 'https://crm.acme.example'\nauth = { kind = 'client-credentials', client_id = 'd', \
             client_secret = { secret = 'env:X' }, token_url = 'http://sso.acme.example/token' }",
            EMAIL,
            "o.toml:5: connector `crm`: `auth.token_url` cannot be used: `sso.acme.example` would be reached without",
        ),
        (
            "command = ['crm']",
            "url = 'https://crm.acme.example'\nauth = { kind = 'authorization-code' }\n\
             headers = { Authorization = { secret = 'env:X' } }",
            EMAIL,
            "o.toml:5: connector `crm`: `auth` and an `authorization` header exclude each other",
        ),
        (
            "command = ['crm']",
            "url = 'https://crm.example.com'",
            "[instance]\nair_gap = true\n",
            "`url` leads to `crm.example.com`",
        ),
        (
            "[[user]]",
            "[[user]]\nid = 'bob'\nname = 'Bob'\nemail = 'ANN@acme.example'\nroles = ['sales']\n[[user]]",
            EMAIL,
            "o.toml:20: user `ann`: has the same `email` as the user `bob` (o.toml:15)",
        ),
        (
            "tools = ['query']",
            "tools = ['query']\n[[role.grants]]\nconnector = 'cmr'",
            EMAIL,
            "o.toml:13: role `sales`: there is no connector `cmr`",
        ),
        (
            "",
            "",
            "[instance]\nadmin = 'bob'\n",
            "daybrief.toml:2: `instance.admin` names `bob`, and there is no user of that id",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let errors = checked(&GOOD.replacen(from, to, 1), settings).0;
        assert!(errors.contains(told), "{told}\nnot in\n{errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}

#[test]
fn signals_that_a_role_may_not_read_are_a_warning() {
    let (errors, warnings) = checked(
        &GOOD.replacen("tools = ['query']", "tools = ['other']", 1),
        EMAIL,
    );
    assert_eq!(errors, "");
    assert!(
            warnings.starts_with("o.toml:20: briefing `b`: 1 of 1 signals of `b` will always be gaps for the role `sales`: `s`"),
            "{warnings}"
        );
    let (_, warnings) = checked(
        &GOOD
            .replacen("to = [{ user = 'ann', via", "to = [{ role = 'none', via", 1)
            .replace("'none'", "'idle'")
            .replacen(
                "[role]",
                "[[role]]\nid = 'idle'\ntitle = 'Idle'\n[[role]]",
                1,
            ),
        EMAIL,
    );
    assert!(
        warnings.contains("nobody has the role `idle`"),
        "{warnings}"
    );
    assert!(
        warnings.contains("will always be gaps for the role `idle`"),
        "{warnings}"
    );
}

#[test]
fn rights_that_lead_nowhere_are_told() {
    let place = "[[place]]\nid = 'all'\nsurface = 'slack'\nchannel = 'C1'\nas = 'sales'\n";
    let channel = "to = [{ slack_channel = 'C1', as = 'sales' }]";
    let slack = "[slack]\ntoken = 'env:SLACK'\n[email]\nhost = 'smtp'\nfrom = 'a@b.example'\n";
    let good = format!(
        "{}{place}",
        GOOD.replacen("to = [{ user = 'ann', via = ['email'] }]", channel, 1)
    );
    assert_eq!(checked(&good, slack), (String::new(), String::new()));
    let when = |condition: &str| {
        (
            "tools = ['query']".to_owned(),
            format!("tools = ['query']\nwhen = [{{ {condition} }}]"),
        )
    };
    for ((from, to), told) in [
        (
            when("tools = ['qeury'], arg = 'name', equals = 'x'"),
            "o.toml:12: role `sales`: the condition `grants[0].when[0]` on `name` is about the tool `qeury`, which the grant on `crm` does not name\n  → did you mean `query`?",
        ),
        (
            when("arg = 'name'"),
            "role `sales`: the condition `grants[0].when[0]` on `name` has no rule, so it never holds",
        ),
        (
            when("arg = 'params..x', equals = 1"),
            "role `sales`: the condition `grants[0].when[0]` on `params..x` names no argument",
        ),
        (
            when("arg = 'sql', statement = 'select'"),
            "role `sales`: the condition `grants[0].when[0]` on `sql` lists no tables",
        ),
        (
            when("arg = 'sql', equals = 'x', tables = ['t']"),
            "role `sales`: the condition `grants[0].when[0]` on `sql` has `tables` or `dialect` without `statement`",
        ),
        (
            ("surface = 'slack'".to_owned(), "surface = 'web'".to_owned()),
            "place `all`: nobody shares a place on `web`",
        ),
        (
            ("\nchannel = 'C1'".to_owned(), "\nchannel = ' '".to_owned()),
            "place `all`: `channel` is empty",
        ),
        (
            (
                "channel = 'C1'\nas = 'sales'".to_owned(),
                "channel = 'C1'\nas = 'seles'".to_owned(),
            ),
            "place `all`: there is no role `seles`\n  → did you mean `sales`?",
        ),
        (
            (
                "channel = 'C1'\nas = 'sales'".to_owned(),
                "channel = 'C1'\nas = 'member'".to_owned(),
            ),
            "schedule `m`: `C1` gets it as `sales`, and the place `all` (o.toml:39) clears it as `member`",
        ),
        (
            (
                "[[place]]".to_owned(),
                format!("{}[[place]]", place.replace("'all'", "'first'")),
            ),
            "place `all`: is the channel of the place `first` (o.toml:38) too",
        ),
        (
            (
                "title = 'Sales'".to_owned(),
                "title = 'Sales'\nsurfaces = ['web']".to_owned(),
            ),
            "place `all`: the role `sales` is not used on `slack`, so nothing may be seen there",
        ),
    ] {
        assert!(good.contains(&from), "{from}");
        let errors = checked(&good.replacen(&from, &to, 1), slack).0;
        assert!(errors.contains(told), "{told}\nnot in\n{errors}");
    }
}

#[test]
fn a_person_without_a_role_is_told_unless_one_comes_with_a_group() {
    let without = GOOD.replacen("roles = ['sales']", "roles = []", 1);
    assert!(
        checked(&without, EMAIL)
            .0
            .contains("user `ann`: has no role")
    );
    let with_group = without.replacen(
        "title = 'Sales'",
        "title = 'Sales'\ngroups = ['acme-sales']",
        1,
    );
    assert!(!checked(&with_group, EMAIL).0.contains("has no role"));
    let waiting = without.replacen("roles = []", "roles = []\nstate = 'waiting'", 1);
    assert!(!checked(&waiting, EMAIL).0.contains("has no role"));
}

#[test]
fn the_last_words_of_a_name_say_that_it_is_a_secret() {
    for secret in [
        "JIRA_TOKEN",
        "Authorization",
        "X-Api-Key",
        "password",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        assert!(is_secret_name(secret), "{secret}");
    }
    for plain in ["TOKEN_FILE", "PROJECT_KEY", "MONKEY", "KEY", ""] {
        assert!(!is_secret_name(plain), "{plain}");
    }
}

#[test]
fn what_weakens_a_brief_is_a_warning_with_its_line() {
    for (from, to, told) in [
        (
            "\nnext = 'Call.'",
            "",
            "o.toml:22: briefing `b`: signal `s`: `next` is missing",
        ),
        (
            "next = 'Call.'",
            "next = 'Call.'\nseverity = \"'high' if item.x else 'low'\"",
            "o.toml:29: briefing `b`: signal `s`: `severity` can be high and `can_be_high` is not set",
        ),
        (
            "next = 'Call.'",
            "next = 'Call.'\nrank = 'days_since(item.due)'\n[[signal]]\nid = 't'\ntitle = 'T'\nconnector = 'crm'\ntool = 'query'\n\
             key = 'item.id'\nheadline = 'Late'\nnext = 'Call.'\nrank = 'item.amount'",
            "o.toml:29: briefing `b`: signal `s`: `rank` counts something else than that of other signals",
        ),
        (
            "{ query = 'read', add = 'action' }",
            "{ '*' = 'read' }",
            "o.toml:5: connector `crm`: `tools` has every tool as one that reads",
        ),
        (
            "'weekdays at 07:00'",
            "'monthly on the 31st at 07:00'",
            "o.toml:32: schedule `m`: not due in February, April, June, September and November",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let (errors, warnings) = checked(&GOOD.replacen(from, to, 1), EMAIL);
        assert_eq!(errors, "", "{to}");
        assert!(warnings.contains(told), "{told}\nnot in\n{warnings}");
    }
    let acting = GOOD
        .replacen("{ query = 'read', add = 'action' }", "{ '*' = 'read' }", 1)
        .replacen(
            "tools = ['query']\n",
            "tools = ['query']\nactions = ['add']\n",
            1,
        );
    let (_, warnings) = checked(&acting, EMAIL);
    assert!(
        warnings.contains("granted `add` as an action"),
        "{warnings}"
    );
}

#[test]
fn addresses_are_taken_as_people_have_them_and_what_is_none_is_told_for_what_it_is() {
    let with = |email: &str| checked(&GOOD.replacen("ann@acme.example", email, 1), EMAIL).0;
    for email in [
        "ann@bücher.example",
        "dörte+x@acme.example",
        "\"ann b\"@acme.example",
    ] {
        let errors = with(email);
        assert_eq!(errors, "", "{email}");
    }
    for (email, why) in [
        ("Ann <ann@acme.example>", "holds a name or brackets"),
        (
            "ann@acme..example",
            "a domain that no name server could know",
        ),
        ("ann\u{200b}@acme.example", "a sign that cannot be seen"),
    ] {
        let errors = with(email);
        assert!(
            errors.contains("which is no address: it ") && errors.contains(why),
            "{errors}"
        );
    }
    let two = GOOD
        .replacen("ann@acme.example", "ann@bücher.example", 1)
        .replacen(
            "[[user]]",
            "[[user]]\nid = 'bob'\nname = 'Bob'\nemail = 'Ann@xn--bcher-kva.example'\nroles = ['sales']\n[[user]]",
            1,
        );
    let errors = checked(&two, EMAIL).0;
    assert!(
        errors.contains("has the same `email` as the user `bob`"),
        "{errors}"
    );
}

#[test]
fn a_folder_of_a_recipient_is_a_name_and_no_path() {
    let with = |folder: &str| {
        let to = format!("to = [{{ folder = '{folder}', as = 'sales' }}]");
        let objects = GOOD.replacen("to = [{ user = 'ann', via = ['email'] }]", &to, 1);
        checked(&objects, "[folder]\npath = 'briefs'\n").0
    };
    assert_eq!(with("board"), "");
    for path in ["../board", "/etc", "a/b", ".hidden", ""] {
        let errors = with(path);
        assert!(
            errors.contains("is not the name of a folder below"),
            "{path}: {errors}"
        );
    }
}

#[test]
fn what_is_set_and_does_nothing_is_told_with_its_line() {
    let model = "[[model]]\nid = 'big'\nkind = 'ollama'\nmodel = 'm'\n";
    for (more, told) in [
        (
            model.to_owned(),
            "daybrief.toml:5: the model `big` is set up and never asked: no route names it\n  → add \"big\" to `route` of `[wording]`",
        ),
        (
            format!("{model}output_limit = 'max_tokens'\n[questions]\nroute = ['big']\n"),
            "daybrief.toml:8: `model[0].output_limit` does nothing: it is for models of the kind `openai`",
        ),
        (
            "[store]\nurl = 'env:URL'\n".to_owned(),
            "daybrief.toml:5: `store.url` does nothing: the store is a file",
        ),
        (
            "[limits]\ncurrency = 'EUR'\n".to_owned(),
            "daybrief.toml:5: `limits.currency` does nothing",
        ),
    ] {
        let (errors, warnings) = checked(GOOD, &format!("{EMAIL}{more}"));
        assert_eq!(errors, "");
        assert!(warnings.starts_with(told), "{told}\nnot in\n{warnings}");
    }
    // One that a role names is asked.
    let named = GOOD.replacen("title = 'Sales'", "title = 'Sales'\nmodels = ['big']", 1);
    let (errors, warnings) = checked(&named, &format!("{EMAIL}{model}"));
    assert_eq!((errors.as_str(), warnings.as_str()), ("", ""));
}
