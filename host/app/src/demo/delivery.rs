//! A webhook delivery in the form of GitLab's push events, with the secret that was pasted into GitLab.

use gitlab_sync_host::sync::Delivery;
use serde_json::json;

/// As GitLab would send it after a push to this branch.
pub(super) fn push(project: u64, branch: &str, secret: &str) -> Delivery {
    let headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", "GitLab/18.5.0"),
        ("X-Gitlab-Event", "Push Hook"),
        ("X-Gitlab-Event-UUID", "13792a34-cac6-4fda-95a8-c58e00a3954e"),
        ("X-Gitlab-Webhook-UUID", "60d4b84a-9a1c-4a6c-9b5b-1f0b2a5d6c7e"),
        ("Idempotency-Key", "f5e57e73-2a3c-4f3f-9c7a-0a7a9c1f2b3d"),
        ("X-Gitlab-Token", secret),
    ];
    let body = json!({
        "object_kind": "push",
        "event_name": "push",
        "ref": format!("refs/heads/{branch}"),
        "before": "95790bf891e76fee5e1747ab589903a6a1f80f22",
        "after": "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
        "project_id": project,
        "project": { "id": project, "default_branch": branch },
        "total_commits_count": 1,
        "commits": [],
    });
    Delivery {
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: body.to_string().into_bytes(),
    }
}
