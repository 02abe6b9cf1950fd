use super::*;

fn role(id: &str, more: &str) -> Role {
    toml::from_str(&format!("id = '{id}'\ntitle = 'R'\n{more}")).unwrap()
}

fn user(id: &str, email: &str, roles: &str, state: &str) -> User {
    toml::from_str(&format!(
        "id = '{id}'\nname = 'N'\nemail = '{email}'\nroles = {roles}\nstate = '{state}'"
    ))
    .unwrap()
}

fn roles() -> Vec<Role> {
    vec![
        role("member", ""),
        role("finance", "groups = ['acme-finance', 'controllers']"),
        role("vp", "groups = ['leads']\nsurfaces = ['web', 'email']"),
    ]
}

fn claims(email: &str, groups: &[&str]) -> Claims {
    Claims {
        email: email.to_owned(),
        email_verified: true,
        name: "N".to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn id(id: &str) -> RoleId {
    RoleId::new(id).unwrap()
}

#[test]
fn only_people_who_are_known_or_of_a_domain_come_in() {
    let users = [
        user("ann", "Ann@Partner.example", "['member']", "active"),
        user("gone", "gone@acme.example", "['finance']", "disabled"),
        user("new", "new@acme.example", "['finance']", "waiting"),
        user("bare", "bare@acme.example", "[]", "active"),
        user("lost", "lost@acme.example", "['no-such-role']", "active"),
        user("a", "twice@acme.example", "['member']", "active"),
        user("b", "TWICE@acme.example", "['finance']", "active"),
    ];
    let domains = ["acme.example".to_owned()];
    let open = Admission {
        domains: &domains,
        approval: false,
        users: &users,
    };
    let asking = Admission {
        approval: true,
        ..open
    };
    let closed = Admission {
        domains: &[],
        ..open
    };
    let known = |user: Option<&str>, roles: &[&str]| Admitted::Known {
        user: user.map(|user| UserId::new(user).unwrap()),
        roles: roles.iter().map(|role| id(role)).collect(),
    };
    let refused = |admitted: &Admitted| matches!(admitted, Admitted::Refused(_));

    // Who is known comes in from anywhere, with their roles and those of their groups.
    for rules in [&open, &asking, &closed] {
        assert_eq!(
            admit(&claims("ann@partner.example", &[]), rules, &roles()),
            known(Some("ann"), &["member"])
        );
        assert_eq!(
            admit(
                &claims("ANN@partner.EXAMPLE", &["controllers", "leads"]),
                rules,
                &roles()
            ),
            known(Some("ann"), &["member", "finance", "vp"])
        );
        assert!(refused(&admit(
            &claims("gone@acme.example", &["leads"]),
            rules,
            &roles()
        )));
        assert_eq!(
            admit(&claims("new@acme.example", &["leads"]), rules, &roles()),
            Admitted::Waiting
        );
        assert!(refused(&admit(
            &claims("twice@acme.example", &[]),
            rules,
            &roles()
        )));
    }
    // A stranger of the domain: at once with a group, else by an admin.
    assert_eq!(
        admit(
            &claims("eve@acme.example", &["acme-finance"]),
            &open,
            &roles()
        ),
        known(None, &["finance"])
    );
    for (groups, rules) in [
        (&["acme-finance"][..], &asking),
        (&[][..], &open),
        (&["Acme-Finance"][..], &open),
        (&["acme"][..], &open),
    ] {
        assert_eq!(
            admit(&claims("eve@acme.example", groups), rules, &roles()),
            Admitted::Waiting
        );
    }
    // Who has no role that exists waits.
    for email in ["bare@acme.example", "lost@acme.example"] {
        assert_eq!(
            admit(&claims(email, &[]), &open, &roles()),
            Admitted::Waiting
        );
    }
    // Nobody else.
    for email in [
        "eve@evil.example",
        "eve@sub.acme.example",
        "eve@notacme.example",
        "eve@acme.example.evil.test",
        "eve@acme.example@evil.test",
        "eve@evil.test@acme.example",
        "@acme.example",
        "eve@",
        "acme.example",
        "",
    ] {
        assert!(
            refused(&admit(&claims(email, &["leads"]), &open, &roles())),
            "{email}"
        );
    }
    assert!(refused(&admit(
        &claims("eve@acme.example", &["leads"]),
        &closed,
        &roles()
    )));
}

#[test]
fn an_address_that_nobody_vouches_for_is_no_address() {
    let users = [user("ann", "ann@acme.example", "['member']", "active")];
    let domains = ["acme.example".to_owned()];
    let rules = Admission {
        domains: &domains,
        approval: false,
        users: &users,
    };
    let claims = Claims {
        email_verified: false,
        ..claims("ann@acme.example", &["leads"])
    };
    assert!(matches!(
        admit(&claims, &rules, &roles()),
        Admitted::Refused(_)
    ));
}

#[test]
fn one_role_counts_in_a_conversation_and_it_is_one_of_theirs() {
    let ann = |roles: &str, state: &str| user("ann", "ann@acme.example", roles, state);
    let groups = |list: &[&str]| list.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
    let web = Surface::Web;
    for (given, state, chosen, in_groups, surface, expected) in [
        ("['member']", "active", None, &[][..], web, Some("member")),
        ("['vp', 'member']", "active", None, &[], web, Some("vp")),
        (
            "['vp', 'member']",
            "active",
            None,
            &[],
            Surface::Slack,
            Some("member"),
        ),
        (
            "['vp', 'member']",
            "active",
            Some("member"),
            &[],
            web,
            Some("member"),
        ),
        ("['member']", "active", Some("finance"), &[], web, None),
        (
            "['member']",
            "active",
            Some("finance"),
            &["controllers"],
            web,
            Some("finance"),
        ),
        (
            "['member']",
            "active",
            None,
            &["controllers"],
            web,
            Some("member"),
        ),
        ("[]", "active", None, &["controllers"], web, Some("finance")),
        ("[]", "active", None, &["others"], web, None),
        ("['vp']", "active", None, &[], Surface::Slack, None),
        (
            "['vp', 'member']",
            "active",
            Some("vp"),
            &[],
            Surface::Slack,
            None,
        ),
        ("['no-such-role']", "active", None, &[], web, None),
        (
            "['no-such-role', 'member']",
            "active",
            None,
            &[],
            web,
            Some("member"),
        ),
        ("['member']", "disabled", None, &["leads"], web, None),
        ("['member']", "waiting", None, &["leads"], web, None),
    ] {
        let chosen = chosen.map(id);
        let got = effective_role(
            &ann(given, state),
            &roles(),
            chosen.as_ref(),
            &groups(in_groups),
            surface,
        );
        assert_eq!(
            got.as_ref().ok().map(RoleId::as_str),
            expected,
            "{given} {state} {chosen:?} {in_groups:?} {surface}: {got:?}"
        );
    }
}
