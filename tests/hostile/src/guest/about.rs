//! What the guest says of itself: three usable profiles, or one broken thing.

use super::bindings::exports::gitlab_sync::connector::about::{
    Capture, Credential, CredentialUse, Description, JsonShape, Pin, Profile, Rule, Slot, SlotUse, WorkspaceUse,
};
use super::bindings::gitlab_sync::connector::types::Instance;
use super::bindings::gitlab_sync::connector::{clock, files, log, secrets, state};
use super::computing;
use super::wire::Request;
use crate::AboutMode;

const FORGED: &str = "kind\r\n\u{1b}[2J\u{1b}[1;32mapproved\u{1b}[0m\u{202e}lluf\0\u{7}";

pub(super) fn description() -> Description {
    let text = |honest: &str| match AboutMode::current() {
        AboutMode::ForgedTexts => FORGED.into(),
        AboutMode::LongTexts => "x".repeat(1 << 20),
        AboutMode::EmptyTexts => String::new(),
        _ => honest.to_string(),
    };
    let mut description = Description {
        name: text("hostile"),
        version: text("0.1.0"),
        contract: text("gitlab-sync:connector@0.1.0"),
        summary: text("misbehaves on request"),
        license: text("Apache-2.0"),
        source: text("tests/hostile"),
    };
    match AboutMode::current() {
        AboutMode::Loop => drop(computing::endless_loop()),
        AboutMode::Trap => drop(computing::trap()),
        AboutMode::CallHost => description.summary = call_host(),
        AboutMode::OtherContract => description.contract = "gitlab-sync:connector@7.0.0".into(),
        _ => {}
    }
    description
}

/// One call of each import, and what it said.
fn call_host() -> String {
    log::event(log::Level::Info, "hello from about", &[]);
    let instance = Instance { scheme: "https".into(), authority: "127.0.0.1".into(), base_path: String::new() };
    let heard = [
        format!("clock {}", clock::now()),
        format!("files {:?}", files::list("", None)),
        format!("state {:?}", state::get("base")),
        format!("secrets {:?}", secrets::status("token")),
        format!("http {}", Request::get(&instance, "/").send()),
    ];
    heard.join("; ")
}

pub(super) fn profiles() -> Vec<Profile> {
    let mut open = open();
    match AboutMode::current() {
        AboutMode::Loop => drop(computing::endless_loop()),
        AboutMode::Trap => drop(computing::trap()),
        AboutMode::ManyProfiles => return vec![none(); 100_000],
        AboutMode::TwinProfiles => return vec![narrow(), Profile { name: narrow().name, ..open }],
        mode => spoil(&mut open, mode),
    }
    vec![open, narrow(), none()]
}

/// Everything that the modes need, and no more than an operator could be talked into.
fn open() -> Profile {
    let slot = |name: &str, uses| Slot { name: name.into(), purpose: "for the test".into(), uses };
    let all = || vec![SlotUse::Generate, SlotUse::Forget, SlotUse::Matches, SlotUse::Verify, SlotUse::Rename];
    Profile {
        name: "hostile-open".into(),
        summary: "what the modes need".into(),
        credential: credential(),
        workspace: WorkspaceUse::ReadWrite,
        rules: vec![
            Rule { query: vec!["page".into(), "search".into()], ..rule("GET", "/hostile/{name}", 0) },
            rule("POST", "/hostile/{name}", 64 << 20),
            Rule { credential: CredentialUse::Withhold, ..rule("GET", "/open/{name}", 0) },
            Rule { json: Some(shape(&["mode", "name", "list"])), ..rule("POST", "/json/{#id}", 1 << 20) },
            Rule { fills: vec!["webhook".into()], ..rule("POST", "/filled/{#id}", 1 << 20) },
            Rule {
                fills: vec!["webhook".into()],
                captures: vec![Capture { field: "token".into(), slot: "webhook-next".into(), expires_field: None }],
                ..rule("POST", "/secret/{#id}", 1 << 20)
            },
        ],
        slots: vec![slot("token", vec![]), slot("webhook", all()), slot("webhook-next", all())],
    }
}

fn narrow() -> Profile {
    Profile {
        name: "hostile-narrow".into(),
        summary: "reads one path".into(),
        credential: credential(),
        workspace: WorkspaceUse::Read,
        rules: vec![
            Rule { max_reply_bytes: 1 << 10, ..rule("GET", "/hostile/{name}", 0) },
            rule("POST", "/hostile/{name}", 1 << 10),
        ],
        slots: vec![Slot { name: "token".into(), purpose: "for the test".into(), uses: vec![] }],
    }
}

fn none() -> Profile {
    Profile {
        name: "hostile-none".into(),
        summary: "nothing".into(),
        credential: credential(),
        workspace: WorkspaceUse::None,
        rules: vec![],
        slots: vec![Slot { name: "token".into(), purpose: "for the test".into(), uses: vec![] }],
    }
}

fn credential() -> Credential {
    Credential { slot: "token".into(), header: "private-token".into(), prefix: String::new() }
}

fn rule(method: &str, path: &str, max_request_bytes: u64) -> Rule {
    Rule {
        purpose: "for the test".into(),
        method: method.into(),
        path: path.into(),
        query: vec![],
        credential: CredentialUse::Attach,
        max_request_bytes,
        max_reply_bytes: 4 << 30,
        json: None,
        fills: vec![],
        captures: vec![],
    }
}

fn shape(keys: &[&str]) -> JsonShape {
    let pins = vec![Pin { key: "mode".into(), values: vec!["read".into()] }];
    JsonShape { keys: keys.iter().map(ToString::to_string).collect(), pins }
}

/// Makes one thing of the profile wrong.
fn spoil(profile: &mut Profile, mode: AboutMode) {
    let extra = |rules: &mut Vec<Rule>, rule| rules.push(rule);
    let rules = &mut profile.rules;
    match mode {
        AboutMode::ShiftingProfile if clock::now() % 2 == 1 => extra(rules, rule("DELETE", "/hostile/{name}", 0)),
        AboutMode::ForgedTexts => {
            profile.summary = FORGED.into();
            rules[0].purpose = FORGED.into();
            profile.slots[0].purpose = FORGED.into();
        }
        AboutMode::LongTexts => rules[0].purpose = "x".repeat(1 << 20),
        AboutMode::EmptyTexts => (profile.name, profile.summary, rules[0].purpose) = Default::default(),
        AboutMode::ManyRules => *rules = vec![rule("GET", "/hostile/{name}", 0); 100_000],
        AboutMode::TraceMethod => extra(rules, rule("TRACE", "/hostile/{name}", 0)),
        AboutMode::ConnectMethod => extra(rules, rule("CONNECT", "/hostile/{name}", 0)),
        AboutMode::ForgedMethod => extra(rules, rule("GET\r\nx: y", "/hostile/{name}", 0)),
        AboutMode::DotPath => extra(rules, rule("GET", "/hostile/../api/v4/user", 0)),
        AboutMode::RelativePath => extra(rules, rule("GET", "hostile/{name}", 0)),
        AboutMode::AbsolutePath => extra(rules, rule("GET", "https://evil.example/{name}", 0)),
        AboutMode::OpenBrace => extra(rules, rule("GET", "/hostile/{name", 0)),
        AboutMode::BraceInPart => extra(rules, rule("GET", "/hostile/a{name}b", 0)),
        AboutMode::QueryInPath => extra(rules, rule("GET", "/hostile/{name}?page=1", 0)),
        AboutMode::ForgedPath => extra(rules, rule("GET", "/hostile/\r\nx: y", 0)),
        AboutMode::CredentialParameter => rules[0].query.push("private_token".into()),
        AboutMode::LoosePin => rules[3].json = Some(shape(&["name"])),
        AboutMode::EmptyPin => {
            let pins = vec![Pin { key: "mode".into(), values: vec![] }];
            rules[3].json = Some(JsonShape { keys: vec!["mode".into()], pins });
        }
        AboutMode::ShapeWithoutBody => rules[0].json = Some(shape(&["mode"])),
        AboutMode::CredentialAsHost => profile.credential.header = "host".into(),
        AboutMode::CredentialAsFraming => profile.credential.header = "transfer-encoding".into(),
        AboutMode::ForgedCredentialHeader => profile.credential.header = "x-a\r\nx-b".into(),
        AboutMode::ForgedCredentialPrefix => profile.credential.prefix = "Bearer \r\nx-b: ".into(),
        AboutMode::UnlistedCredential => profile.credential.slot = "elsewhere".into(),
        AboutMode::UnlistedFill => rules[4].fills.push("elsewhere".into()),
        AboutMode::CredentialFill => rules[4].fills.push("token".into()),
        AboutMode::CredentialUses => profile.slots[0].uses = profile.slots[1].uses.clone(),
        AboutMode::TwinSlots => {
            let uses = vec![SlotUse::Matches];
            profile.slots.push(Slot { name: "token".into(), purpose: "again".into(), uses });
        }
        AboutMode::UnclearCapture => rules.push(rule("POST", "/secret/{name}", 1 << 20)),
        AboutMode::EvilSlotName => {
            profile.slots.push(Slot {
                name: "../other/token".into(),
                purpose: "another's".into(),
                uses: vec![SlotUse::Matches],
            });
        }
        AboutMode::ShiftingProfile
        | AboutMode::Honest
        | AboutMode::Loop
        | AboutMode::Trap
        | AboutMode::CallHost
        | AboutMode::ManyProfiles
        | AboutMode::OtherContract
        | AboutMode::TwinProfiles => {}
    }
}
