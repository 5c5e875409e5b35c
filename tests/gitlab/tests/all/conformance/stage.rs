//! A world with something of everything, for every route to be called in.

use std::collections::BTreeMap;

use gitlab_sim::world::pipelines::Status;
use gitlab_sim::{AccessLevel, CommitSpec, PipelineSpec, ProjectSpec, Settings, Source, TokenSpec, UserSpec};
use serde_json::Value;

use crate::receiver::Receiver;
use crate::support::Lab;

/// The world, and what its things are called in `calls.txt`.
pub(super) struct Stage {
    pub(super) lab: Lab,
    pub(super) names: BTreeMap<String, String>,
    _receiver: Receiver,
}

impl Stage {
    pub(super) async fn set(settings: Settings) -> Self {
        let lab = Lab::with(settings, "").await;
        let receiver = Receiver::new().await;
        let admin = lab.admin();
        let root = admin.create_user(UserSpec::administrator("root")).id;
        let bob = admin.create_user(UserSpec::person("bob")).id;
        let token = admin.create_token(TokenSpec::personal(root, &["api", "sudo", "admin_mode"]));
        let alice = admin.create_token(TokenSpec::personal(lab.alice, &["api", "sudo"]));
        let group = admin.app().world().namespace_by_path("demo").unwrap();
        admin.add_member(Source::Group(group), root, AccessLevel::Owner);
        let spec = CommitSpec::on("main", "Begin\n").create("README.md", "# Hi\n").create("docs/a.md", "a\n");
        let base = admin.commit(lab.project, spec.by(root)).unwrap();
        for branch in ["topic", "spare"] {
            let body = serde_json::json!({ "branch": branch, "ref": "main" });
            lab.call("POST", &lab.at("/repository/branches"), body).await;
        }
        let spec = CommitSpec::on("topic", "A topic\n").create("topic.md", "one\n").update("README.md", "# Ho\n");
        let head = admin.commit(lab.project, spec.by(root)).unwrap();
        let spare = serde_json::json!({ "title": "Spare", "source_branch": "spare", "target_branch": "main" });
        let spare = lab.call("POST", &lab.at("/merge_requests"), spare).await.json()["iid"].clone();
        let jobs = vec![("build".to_owned(), "compile".to_owned()), ("test".to_owned(), "unit".to_owned())];
        let spec = PipelineSpec { reference: "main".into(), user_id: root, jobs };
        let pipeline = admin.create_pipeline(lab.project, spec).unwrap();
        admin.move_job(pipeline, "compile", Status::Running).unwrap();
        let job = admin.app().world().pipelines.get(pipeline).unwrap().jobs[0].id;
        let blob = lab.get(&lab.at("/repository/files/README.md?ref=main")).await.json()["blob_id"].clone();
        let soon = admin.app().clock.today().checked_add(jiff::Span::new().days(20)).unwrap();
        let own = admin.create_project(&ProjectSpec::at("alice/notes").public()).unwrap().id;
        let fork = ProjectSpec { forked_from: Some(lab.project), ..ProjectSpec::at("alice/handbook") };
        let fork = admin.create_project(&fork).unwrap().id;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let names = [
            ("root", root.to_string()),
            ("alice", lab.alice.to_string()),
            ("bob", bob.to_string()),
            ("group", group.to_string()),
            ("project", lab.project.to_string()),
            ("base", base),
            ("head", head),
            ("spare", text(&spare)),
            ("own", own.to_string()),
            ("fork", fork.to_string()),
            ("pipeline", pipeline.to_string()),
            ("job", job.to_string()),
            ("blob", text(&blob)),
            ("soon", soon.to_string()),
            ("receiver", receiver.url.clone()),
            ("token:", token.secret),
            ("token:alice", alice.secret),
        ];
        let names = names.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { lab, names, _receiver: receiver }
    }
}
