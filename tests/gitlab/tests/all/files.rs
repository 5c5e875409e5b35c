//! The Files API and blobs.

use gitlab_sim::CommitSpec;
use serde_json::{Value, json};

use crate::support::Lab;

#[tokio::test]
async fn a_file_is_read_in_three_forms_with_the_same_headers() {
    let lab = Lab::new().await;
    let first = lab.commit("dir/größe.md", "hello");
    let second = lab.commit("b.md", "x");
    let path = lab.at("/repository/files/dir%2Fgr%C3%B6%C3%9Fe%2Emd");
    let shown = lab.get(&format!("{path}?ref=main")).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    let file = shown.json();
    assert_eq!(file["file_path"], "dir/größe.md");
    assert_eq!((file["content"].as_str(), file["size"].as_u64()), (Some("aGVsbG8="), Some(5)));
    assert_eq!(
        (file["commit_id"].as_str(), file["last_commit_id"].as_str()),
        (Some(second.as_str()), Some(first.as_str()))
    );
    let head = lab.call("HEAD", &format!("{path}?ref=HEAD"), Value::Null).await;
    let raw = lab.get(&format!("{path}/raw")).await;
    assert_eq!((head.body.len(), raw.text().as_str()), (0, "hello"));
    for seen in [&shown, &head, &raw] {
        assert_eq!(seen.header("x-gitlab-blob-id"), file["blob_id"].as_str());
        assert_eq!(seen.header("x-gitlab-size"), Some("5"));
        assert_eq!(seen.header("x-gitlab-execute-filemode"), Some("false"));
        // Not ASCII: as raw bytes, which strict parsers may refuse.
        assert_eq!(seen.headers["x-gitlab-file-name"].as_bytes(), "größe.md".as_bytes());
    }
    assert_eq!(raw.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(raw.header("content-disposition").unwrap().starts_with("inline; filename="));
    let blob = lab.get(&lab.at(&format!("/repository/blobs/{}", file["blob_id"].as_str().unwrap()))).await.json();
    assert_eq!((blob["content"].as_str(), blob["encoding"].as_str()), (Some("aGVsbG8="), Some("base64")));
    lab.get(&lab.at("/repository/blobs/main")).await.is(404, &json!({"message": "404 Blob Not Found"}));
}

#[tokio::test]
async fn reads_have_their_exact_refusals() {
    let lab = Lab::new().await;
    lab.commit("dir/a.md", "hello");
    for (rest, status, body) in [
        ("a.md", 400, json!({"error": "ref is missing"})),
        ("a.md?ref=", 400, json!({"error": "ref is empty"})),
        ("a.md?ref=nope", 404, json!({"message": "404 Commit Not Found"})),
        ("a.md?ref=main", 404, json!({"message": "404 File Not Found"})),
        ("dir?ref=main", 404, json!({"message": "404 File Not Found"})),
        ("dir/a.md?ref=main", 404, json!({"error": "404 Not Found"})),
        ("..%2Fx?ref=main", 400, json!({"error": "file_path should be a valid file path"})),
    ] {
        lab.get(&lab.at(&format!("/repository/files/{rest}"))).await.is(status, &body);
    }
}

#[tokio::test]
async fn writes_answer_without_a_commit_id_and_have_their_own_stale_texts() {
    let lab = Lab::new().await;
    let path = lab.at("/repository/files/a%2Emd");
    let body = |more: Value| {
        let mut body = json!({"branch": "main", "commit_message": "m", "content": "x"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let made = lab.call("POST", &path, body(json!({}))).await;
    made.is(201, &json!({"file_path": "a.md", "branch": "main"}));
    let read_at = lab.get(&format!("{path}?ref=main")).await.json()["last_commit_id"].as_str().unwrap().to_owned();
    lab.call("POST", &path, body(json!({}))).await.is(400, &json!({"message": "A file with this name already exists"}));
    let put = lab.call("PUT", &path, body(json!({"content": "eQ==", "encoding": "base64"}))).await;
    put.is(200, &json!({"file_path": "a.md", "branch": "main"}));
    let stale = "You are attempting to update a file that has changed since you started editing it.";
    lab.call("PUT", &path, body(json!({"last_commit_id": read_at}))).await.is(400, &json!({"message": stale}));
    let stale = "You are attempting to delete a file that has been previously updated.";
    lab.call("DELETE", &path, body(json!({"last_commit_id": read_at}))).await.is(400, &json!({"message": stale}));
    let missing = lab.call("PUT", &path, json!({"branch": "main"})).await;
    missing.is(400, &json!({"error": "commit_message is missing, content is missing"}));
    let deleted = lab.call("DELETE", &format!("{path}?branch=main&commit_message=bye"), Value::Null).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    let gone = lab.call("DELETE", &path, body(json!({}))).await;
    gone.is(400, &json!({"message": "A file with this name doesn't exist"}));
}

#[tokio::test]
async fn archives_stream_without_a_length_and_turn_every_mistake_into_a_missing_file() {
    let lab = Lab::new().await;
    let missing = json!({"message": "404 File Not Found"});
    lab.get(&lab.at("/repository/archive")).await.is(404, &missing);
    let spec = CommitSpec::on("main", "m").create("docs/a.md", "hello").create(".gitattributes", "*.bin filter=lfs\n");
    let sha = lab.admin().commit(lab.project, spec).unwrap();
    lab.admin().commit(lab.project, CommitSpec::on("main", "m").create("b.bin", "large")).unwrap();
    lab.admin().settings(|settings| settings.limits.archive = 0);
    let tar = |seen: &crate::support::Seen| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.tar.gz");
        std::fs::write(&file, &seen.body).unwrap();
        let done =
            std::process::Command::new("tar").arg("xzf").arg(&file).arg("-C").arg(folder.path()).status().unwrap();
        assert!(done.success());
        folder
    };
    let seen = lab.get(&lab.at(&format!("/repository/archive.tar.gz?sha={sha}"))).await;
    assert_eq!((seen.status.as_u16(), seen.header("content-length")), (200, None));
    let text = std::fs::read_to_string(tar(&seen).path().join(format!("handbook-{sha}-{sha}/docs/a.md"))).unwrap();
    assert_eq!(text, "hello");
    let tip = lab.get(&lab.at("/repository/branches/main")).await.json()["commit"]["id"].as_str().unwrap().to_owned();
    for (query, expected) in [("", "large"), ("?include_lfs_blobs=false", "version https://git-lfs")] {
        let seen = lab.get(&lab.at(&format!("/repository/archive{query}"))).await;
        let text = std::fs::read_to_string(tar(&seen).path().join(format!("handbook-main-{tip}/b.bin"))).unwrap();
        assert!(text.starts_with(expected), "{query}: {text}");
    }
    let seen = lab.get(&lab.at("/repository/archive?path=docs")).await;
    assert!(tar(&seen).path().join(format!("handbook-main-{tip}-docs/docs/a.md")).exists());
    assert_eq!(&lab.get(&lab.at("/repository/archive.zip")).await.body[..2], b"PK");
    for query in ["sha=nope", "path=nope"] {
        lab.get(&lab.at(&format!("/repository/archive?{query}"))).await.is(404, &missing);
    }
    lab.get(&lab.at("/repository/archive.rar")).await.is(404, &json!({"error": "404 Not Found"}));
}
