//! Connecting: who the token is, where GitLab is, and a clear sentence for everything that can be wrong with either.

use super::lab::Lab;
use super::product::{Product, Setup};
use gitlab_sim::world::users::UserKind;
use gitlab_sim::{AccessLevel, Canned, Effect, Fault, Simulator, Source, TokenSpec, UserSpec, Visibility};
use gitlab_sync_host::connection::Refusal;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::sync::{Connected, Instance, Membership, MembershipPlace, TokenKind};

async fn connect(lab: &Lab, token: &str) -> Result<Connected, Refusal> {
    let product = Product::new(lab, Setup { token: Some(token), ..Setup::default() }).await;
    product.told(product.connection.connect().await)
}

fn json(status: u16, body: &str) -> Effect {
    let (content_type, body) = (Some("application/json".into()), Some(body.into()));
    Effect::Answer(Canned { status, content_type, body, headers: Vec::new() })
}

fn allowed(connected: &Connected) -> Vec<&str> {
    let good = connected.abilities.iter().filter(|ability| ability.allowed);
    good.map(|ability| ability.job.as_str()).collect()
}

const ALL: &[&str] = &["read-files", "write-files", "create-project", "manage-webhooks", "read-records"];
const ALL_BUT_CREATE: &[&str] = &["read-files", "write-files", "manage-webhooks", "read-records"];

#[tokio::test]
async fn every_kind_of_token_is_known_and_told_what_it_is_good_for() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let group = admin.create_group("acme", Visibility::Private);
    let project = lab.project("acme/handbook");
    let robot = UserSpec { kind: UserKind::ServiceAccount, ..UserSpec::person("service_account_7") };
    let robot = admin.create_user(robot).id;
    let oauth = admin.create_oauth_token(lab.alice, &["api"]);
    let token = |spec| admin.create_token(spec).secret;
    let permissions = ["User: Read", "Personal Access Token: Read"];
    for (secret, kind, jobs) in [
        (lab.canary.secret().to_owned(), TokenKind::Personal, ALL),
        (token(TokenSpec::personal(lab.alice, &["read_api"])), TokenKind::Personal, &["read-files", "read-records"]),
        (token(TokenSpec::personal(lab.alice, &["read_repository", "write_repository"])), TokenKind::Personal, &[]),
        (token(TokenSpec::project(project, &["api"])), TokenKind::Project, ALL_BUT_CREATE),
        (token(TokenSpec::group(group, &["api"])), TokenKind::Group, ALL_BUT_CREATE),
        (token(TokenSpec::personal(robot, &["api"])), TokenKind::ServiceAccount, ALL_BUT_CREATE),
        (token(TokenSpec::granular(lab.alice, &permissions)), TokenKind::FineGrained, ALL),
        (token(TokenSpec::granular(lab.alice, &[])), TokenKind::FineGrained, ALL),
        (oauth, TokenKind::Oauth, ALL),
    ] {
        let connected = connect(&lab, &secret).await.unwrap();
        assert_eq!((connected.token_kind, allowed(&connected).as_slice()), (kind, jobs), "{connected:?}");
        let refused = connected.abilities.iter().filter(|ability| !ability.allowed);
        assert!(refused.into_iter().all(|ability| ability.reason.len() > 10), "each no has a reason: {connected:?}");
    }
}

/// `Owner in group acme`, and whether there may be others.
fn roles(connected: &Connected) -> (Vec<String>, bool) {
    let words = |it: &Membership| match it.place {
        MembershipPlace::Project => format!("{} in project {}", it.role, it.path),
        MembershipPlace::Group => format!("{} in group {}", it.role, it.path),
    };
    (connected.roles.iter().map(words).collect(), connected.more_roles)
}

#[tokio::test]
async fn the_roles_of_every_kind_of_token_are_told_where_it_may_know_them() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let acme = admin.create_group("acme", Visibility::Private);
    let handbook = lab.project("acme/handbook");
    let site = lab.project("tools/site");
    let person = |name: &str| admin.create_user(UserSpec::person(name)).id;
    let (nobody, few, many) = (person("nobody"), person("few"), person("many"));
    admin.add_member(Source::Project(site), few, AccessLevel::Developer);
    admin.add_member(Source::Group(acme), few, AccessLevel::Owner);
    for number in 0..11 {
        let project = lab.project(&format!("many/p{number:02}"));
        admin.add_member(Source::Project(project), many, AccessLevel::Guest);
    }
    let robot = UserSpec { kind: UserKind::ServiceAccount, ..UserSpec::person("service_account_7") };
    let robot = admin.create_user(robot).id;
    admin.add_member(Source::Group(acme), robot, AccessLevel::Reporter);
    let oauth = admin.create_oauth_token(few, &["api"]);
    let token = |spec| admin.create_token(spec).secret;
    let permissions = ["User: Read", "Personal Access Token: Read"];
    let both = &["Owner in group acme", "Developer in project tools/site"][..];
    let newest = ["p10", "p09", "p08", "p07", "p06"].map(|name| format!("Guest in project many/{name}"));
    let newest = newest.each_ref().map(String::as_str);
    for (secret, told, more) in [
        (token(TokenSpec::personal(nobody, &["api"])), &[][..], false),
        (token(TokenSpec::personal(few, &["api"])), both, false),
        (token(TokenSpec::personal(few, &["read_api"])), both, false),
        (oauth, both, false),
        (token(TokenSpec::personal(many, &["api"])), &newest, true),
        (token(TokenSpec::personal(robot, &["api"])), &["Reporter in group acme"], false),
        (token(TokenSpec::project(handbook, &["api"])), &["Maintainer in project acme/handbook"], false),
        (token(TokenSpec::group(acme, &["read_api"])), &["Maintainer in group acme"], false),
        (token(TokenSpec::project(handbook, &["read_repository"])), &[], true),
        (token(TokenSpec::personal(few, &["read_user"])), &[], true),
        (token(TokenSpec::granular(few, &permissions)), &[], true),
        (token(TokenSpec::granular(few, &[])), &[], true),
    ] {
        let (connected, asked) = lab.requests(connect(&lab, &secret)).await;
        let connected = connected.unwrap();
        let told: Vec<String> = told.iter().map(|role| (*role).to_owned()).collect();
        assert_eq!(roles(&connected), (told, more), "{connected:?}");
        assert!(asked.len() <= 3, "{asked:?}");
        assert!(!connected.warnings.iter().any(|warning| warning.contains("role")), "{connected:?}");
    }
}

#[tokio::test]
async fn the_role_of_a_projects_or_groups_token_says_what_it_is_good_for() {
    use AccessLevel::{Developer, Guest, Maintainer, Owner, Planner, Reporter, SecurityManager};
    let lab = Lab::new().await;
    let admin = lab.admin();
    let acme = admin.create_group("acme", Visibility::Private);
    let handbook = lab.project("acme/handbook");
    let reads = "can read and not write. To write, use one of role Developer; to make the webhook too, Maintainer.";
    let hardly = "cannot write, and reads only projects that are not private. To write, use one of role Developer; ";
    for (level, name, jobs, warning) in [
        (Guest, "Guest", &["read-files", "read-records"][..], hardly),
        (Planner, "Planner", &["read-files", "read-records"], hardly),
        (Reporter, "Reporter", &["read-files", "read-records"], reads),
        (SecurityManager, "Security Manager", &["read-files", "read-records"], reads),
        (Developer, "Developer", &["read-files", "write-files", "read-records"], ""),
        (Maintainer, "Maintainer", ALL_BUT_CREATE, ""),
        (Owner, "Owner", ALL_BUT_CREATE, ""),
    ] {
        for (spec, place, words) in [
            (TokenSpec::project(handbook, &["api"]), MembershipPlace::Project, "acme/handbook"),
            (TokenSpec::group(acme, &["api"]), MembershipPlace::Group, "the group acme"),
        ] {
            let token = admin.create_token(TokenSpec { access_level: Some(level), ..spec }).secret;
            let connected = connect(&lab, &token).await.unwrap();
            let [held] = connected.roles.as_slice() else { panic!("{connected:?}") };
            assert_eq!((held.role.as_str(), held.place, connected.more_roles), (name, place, false));
            assert_eq!(allowed(&connected), jobs, "{connected:?}");
            let of = |job: &str| &connected.abilities.iter().find(|it| it.job == job).unwrap().reason;
            for (job, needed) in [("write-files", "Developer"), ("manage-webhooks", "Maintainer")] {
                let reason = format!("it needs role {needed}, and is {name} in {words}");
                assert_eq!(*of(job), if jobs.contains(&job) { String::new() } else { reason }, "{job}");
            }
            let sentence = format!("With role {name} in {words}, this token {warning}");
            assert_eq!(connected.warnings.len(), usize::from(!warning.is_empty()), "{connected:?}");
            assert!(connected.warnings.iter().all(|it| it.starts_with(&sentence)), "{connected:?}");
        }
    }
}

/// Widening the scope alone would not help.
#[tokio::test]
async fn a_token_of_narrow_scope_and_low_role_is_told_both() {
    let lab = Lab::new().await;
    let spec = TokenSpec {
        access_level: Some(AccessLevel::Reporter),
        ..TokenSpec::project(lab.project("acme/handbook"), &["read_api"])
    };
    let connected = connect(&lab, &lab.admin().create_token(spec).secret).await.unwrap();
    let reason = "it needs scope api; write_repository is for git only; it needs role Developer, and is Reporter in acme/handbook";
    assert_eq!(connected.abilities.iter().find(|it| it.job == "write-files").unwrap().reason, reason);
    let [scope, role] = connected.warnings.as_slice() else { panic!("{connected:?}") };
    assert!(scope.starts_with("With scope read_api, this token can read files, read records;"), "{scope}");
    assert!(role.starts_with("With role Reporter in acme/handbook, this token can read and not write."), "{role}");
}

/// What GitLab could not find out in time is null beside an error, and the query of an older one may be refused whole.
#[tokio::test]
async fn an_answer_with_errors_tells_what_it_tells() {
    let lab = Lab::new().await;
    let half = r#"{"data":{"currentUser":{"username":"alice","name":"Alice Adams","bot":false,"projectMemberships":null,
        "groupMemberships":{"nodes":[null,{"accessLevel":{"integerValue":50},"place":{"fullPath":"acme"}},
        {"accessLevel":null,"place":null}],"pageInfo":{"hasNextPage":false}}},"metadata":{"version":"16.0.0"}},
        "errors":[{"message":"Request timed out","path":["currentUser","projectMemberships"]}]}"#;
    let refused = r#"{"errors":[{"message":"Field 'projectMemberships' doesn't exist on type 'UserCore'"}]}"#;
    for (body, version, told) in [(half, Some("16.0.0"), &["Owner in group acme"][..]), (refused, None, &[])] {
        lab.admin().fault(Fault::on("POST", "/api/graphql", json(200, body)));
        let connected = connect(&lab, lab.canary.secret()).await.unwrap();
        lab.admin().clear_faults();
        let told: Vec<String> = told.iter().map(|role| (*role).to_owned()).collect();
        assert_eq!(roles(&connected), (told, true), "{connected:?}");
        assert_eq!((connected.username.as_str(), connected.version.as_deref()), ("alice", version));
        assert_eq!(allowed(&connected), ALL);
    }
}

#[tokio::test]
async fn a_person_sees_name_version_scopes_and_last_day() {
    let lab = Lab::new().await;
    let connected = connect(&lab, lab.canary.secret()).await.unwrap();
    assert_eq!((connected.username.as_str(), connected.name.as_str()), ("alice", "Alice Adams"));
    assert_eq!(connected.scopes, ["api"]);
    assert!(connected.version.unwrap().contains('.'));
    assert_eq!(connected.expires_on.unwrap().len(), "2027-01-31".len());
    assert!(connected.warnings.is_empty());
    let soon =
        jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(jiff::Span::new().days(6));
    let spec = TokenSpec { expires_at: Some(soon), ..TokenSpec::personal(lab.alice, &["api"]) };
    let warnings = connect(&lab, &lab.admin().create_token(spec).secret).await.unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("rotate it now"), "{warnings:?}");
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused_with_the_reason() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let yesterday = jiff::civil::date(2024, 1, 1);
    let expired = TokenSpec { expires_at: Some(yesterday), ..TokenSpec::personal(lab.alice, &["api"]) };
    let revoked = admin.create_token(TokenSpec::personal(lab.alice, &["api"]));
    admin.revoke_token(revoked.id);
    let blocked = admin.create_user(UserSpec::person("bob")).id;
    admin.change_user(blocked, |user| user.state = gitlab_sim::world::users::UserState::Blocked).unwrap();
    let blocked = admin.create_token(TokenSpec::personal(blocked, &["api"]));
    for (secret, code, words) in [
        (admin.create_token(expired).secret, "token-expired", "GitLab rejected the token: it has expired"),
        (revoked.secret, "token-rejected", "GitLab rejected the token: Token was revoked."),
        (blocked.secret, "token-rejected", "GitLab rejected the token: 403 Forbidden - Your account has been blocked."),
        ("glpat-never-was-one".into(), "token-rejected", "GitLab rejected the token"),
    ] {
        let refusal = connect(&lab, &secret).await.unwrap_err();
        assert_eq!(refusal.code, code, "{refusal:?}");
        assert!(refusal.message.starts_with(words), "{refusal:?}");
    }
}

#[tokio::test]
async fn what_is_not_a_gitlab_is_told_from_one_that_is_down() {
    let html = |status| Effect::Answer(Canned::html(status));
    let throttled =
        Canned { content_type: Some("text/plain".into()), body: Some("Retry later\n".into()), ..Canned::html(429) };
    for (effect, code, words) in [
        (html(404), "not-a-gitlab", "responded 404 for /api/v4/personal_access_tokens/self"),
        (
            json(404, r#"{"error":"404 Not Found"}"#),
            "not-a-gitlab",
            "responded 404 for /api/v4/personal_access_tokens/",
        ),
        (html(200), "not-a-gitlab", "instead of JSON"),
        (html(401), "not-a-gitlab", "instead of JSON"),
        (json(200, "[]"), "unexpected-reply", "/api/v4/personal_access_tokens/self"),
        (Effect::Redirect { status: 302, origin: "https://sso.example.com".into() }, "not-a-gitlab", "redirects"),
        (html(502), "server-unavailable", "502"),
        (html(503), "server-unavailable", "503"),
        (Effect::Drop, "host-unreachable", "Can't reach `http://127.0.0.1:"),
        (Effect::Answer(throttled), "rate-limited", "GitLab allows no more requests"),
    ] {
        let lab = Lab::new().await;
        lab.admin().fault(Fault::on_any("*", effect.clone()));
        let refusal = connect(&lab, lab.canary.secret()).await.unwrap_err();
        assert_eq!(refusal.code, code, "{effect:?}: {refusal:?}");
        assert!(refusal.message.contains(words), "{effect:?}: {refusal:?}");
    }
}

#[tokio::test]
async fn an_address_where_nothing_answers_is_named() {
    let lab = Lab::new().await;
    let setup = Setup { grant: |grant| grant.origin = Some("http://127.0.0.1:1".into()), ..Setup::default() };
    let product = Product::new(&lab, setup).await;
    let refusal = product.told(product.connection.connect().await).unwrap_err();
    assert_eq!(refusal.code, "host-unreachable");
    assert!(refusal.message.starts_with("Can't reach `http://127.0.0.1:1`"), "{refusal:?}");
    let setup = Setup { grant: |grant| grant.origin = Some("http://gitlab.invalid".into()), ..Setup::default() };
    let product = Product::new(&lab, setup).await;
    let refusal = product.told(product.connection.connect().await).unwrap_err();
    assert!(refusal.message.contains("its name could not be resolved"), "{refusal:?}");
}

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_line_to_add() {
    let lab = Lab::new().await;
    for (grant, words) in [
        ((|grant| grant.network.private_addresses.clear()) as fn(&mut Grant), "private-addresses"),
        (|grant| grant.origin = None, "origin"),
    ] {
        let product = Product::new(&lab, Setup { grant, ..Setup::default() }).await;
        let (refusal, asked) = lab.requests(product.connection.connect()).await;
        let refusal = product.told(refusal).unwrap_err();
        assert_eq!(refusal.code, "denied", "{refusal:?}");
        assert!(refusal.denials.iter().any(|line| line.contains(words)), "{words}: {refusal:?}");
        assert!(asked.is_empty(), "{asked:?}");
    }
}

#[tokio::test]
async fn a_private_certificate_needs_the_authority_that_was_granted() {
    let lab = Lab::of(Simulator::builder().tls()).await;
    let product = lab.product().await;
    assert_eq!(product.told(product.connection.connect().await).unwrap().username, "alice");
    let setup = Setup { grant: |grant| grant.network.ca_pem = None, ..Setup::default() };
    let product = Product::new(&lab, setup).await;
    let refusal = product.told(product.connection.connect().await).unwrap_err();
    assert_eq!(refusal.code, "host-unreachable");
    assert!(refusal.message.contains("certificate") && refusal.remedy.contains("CA file"), "{refusal:?}");
}

#[tokio::test]
async fn a_gitlab_below_a_path_is_found_without_the_credential() {
    let lab = Lab::of(Simulator::builder().base_path("/gitlab")).await;
    let at = |base: &str| Instance {
        scheme: "http".into(),
        authority: lab.gitlab.url().trim_start_matches("http://").trim_end_matches("/gitlab").into(),
        base_path: base.into(),
    };
    let product = lab.product().await;
    let (found, asked) = lab.requests(product.connection.locate(vec![at("/gitlab")])).await;
    assert_eq!(product.told(found).unwrap(), at("/gitlab"));
    assert_eq!(asked, ["GET /gitlab/api/v4/user"]);
    let credential = lab.admin().log().entries()[0].header("authorization");
    assert_eq!(credential, None, "nobody knows yet who answers there");
    assert_eq!(product.told(product.connection.connect().await).unwrap().username, "alice");

    let root = Product::new(&lab, Setup { grant: |grant| grant.base_path.clear(), ..Setup::default() }).await;
    let refusal = root.told(root.connection.locate(vec![at("")]).await).unwrap_err();
    assert_eq!(refusal.code, "not-a-gitlab");
    assert!(refusal.message.contains("responded 404 for /api/v4/user"), "{refusal:?}");
    let outside = product.told(product.connection.locate(vec![at("/other")]).await).unwrap_err();
    assert_eq!(outside.code, "denied", "{outside:?}");
}

#[tokio::test]
async fn connecting_takes_two_requests_at_once() {
    let lab = Lab::new().await;
    let product = lab.product().await;
    for _ in 0..2 {
        lab.admin().fault(Fault::on_any("*", Effect::Latency { ms: 50, jitter_ms: 0 }));
        let (connected, mut asked) = lab.requests(product.connection.connect()).await;
        product.told(connected).unwrap();
        lab.admin().clear_faults();
        asked.sort();
        assert_eq!(asked, ["GET /api/v4/personal_access_tokens/self", "POST /api/graphql"]);
        assert_eq!(lab.admin().log().totals().max_in_flight, 2);
    }
    assert_eq!(lab.admin().log().totals().connections, 0, "the second time it is warm");
}

#[tokio::test]
async fn a_connection_of_one_tenant_never_uses_the_token_of_another() {
    let lab = Lab::new().await;
    let bob = lab.admin().create_user(UserSpec::person("bob")).id;
    let other = lab.admin().create_token(TokenSpec::personal(bob, &["api"])).secret;
    let (alice, bob) =
        (lab.product().await, Product::new(&lab, Setup { token: Some(&other), ..Setup::default() }).await);
    for _ in 0..3 {
        let (left, right) = tokio::join!(alice.connection.connect(), bob.connection.connect());
        assert_eq!((left.unwrap().username.as_str(), right.unwrap().username.as_str()), ("alice", "bob"));
    }
}

#[tokio::test]
async fn a_new_token_is_used_from_the_next_call_on() {
    let lab = Lab::new().await;
    let product = lab.product().await;
    lab.admin().revoke_token(lab.token);
    assert_eq!(product.told(product.connection.connect().await).unwrap_err().code, "token-rejected");
    let next = lab.admin().create_token(TokenSpec::personal(lab.alice, &["api"])).secret;
    product.put_token(&next).await;
    assert_eq!(product.told(product.connection.connect().await).unwrap().username, "alice");
}

#[tokio::test]
async fn a_gitlab_that_is_too_old_is_told_its_version_and_the_one_that_is_needed() {
    for (version, old) in [("15.11.3-ee", true), ("16.0.0", false), ("19.5.0-pre", false)] {
        let lab = Lab::of(Simulator::builder().version(version.parse().unwrap())).await;
        let product = lab.product().await;
        match product.told(product.connection.connect().await) {
            Ok(connected) => assert!(!old && connected.version.as_deref() == Some(version), "{connected:?}"),
            Err(refusal) => {
                assert!(old, "{refusal:?}");
                assert_eq!(refusal.code, "version-too-old");
                assert!(refusal.message.contains("it is 15.11.3-ee, and 16.0 is needed"), "{refusal:?}");
            }
        }
    }
}

#[tokio::test]
async fn narrow_scopes_get_a_sentence_that_says_which_jobs_they_allow() {
    let lab = Lab::new().await;
    for (scopes, sentence) in [
        (&["api"][..], None),
        (
            &["read_api"],
            Some(
                "With scope read_api, this token can read files, read records; it cannot write files, create project, \
                 manage webhooks. For those, use scope api.",
            ),
        ),
        (
            &["read_repository", "write_repository"],
            Some("With scope read_repository, write_repository alone, this token is good for none of these jobs: "),
        ),
        (&["read_user"], Some("With scope read_user alone, this token is good for none of these jobs: ")),
    ] {
        let token = lab.admin().create_token(TokenSpec::personal(lab.alice, scopes)).secret;
        let connected = connect(&lab, &token).await.unwrap();
        let told = connected.warnings.first().map(String::as_str);
        assert_eq!(told.is_some(), sentence.is_some(), "{scopes:?}: {told:?}");
        assert!(told.unwrap_or_default().starts_with(sentence.unwrap_or_default()), "{scopes:?}: {told:?}");
    }
    let token = lab.admin().create_token(TokenSpec::personal(lab.alice, &["read_user"])).secret;
    assert_eq!(connect(&lab, &token).await.unwrap().username, "alice", "asked for by its number");
}
