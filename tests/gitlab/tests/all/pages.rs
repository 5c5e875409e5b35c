//! Pagination.

use gitlab_sim::ProjectSpec;
use serde_json::json;

use crate::support::Lab;

async fn lab(projects: usize) -> Lab {
    let lab = Lab::new().await;
    for n in 1..projects {
        lab.admin().create_project(&ProjectSpec::at(&format!("open/p{n}")).public()).unwrap();
    }
    lab
}

#[tokio::test]
async fn offset_pages_tell_where_they_are_until_there_are_too_many_records() {
    let lab = lab(5).await;
    let seen = lab.get("/projects?simple=true&per_page=2&page=2&order_by=id&sort=asc").await;
    for (name, value) in [
        ("x-page", "2"),
        ("x-per-page", "2"),
        ("x-next-page", "3"),
        ("x-prev-page", "1"),
        ("x-total", "5"),
        ("x-total-pages", "3"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    let link = seen.header("link").unwrap();
    for rel in ["prev", "next", "first", "last"] {
        assert!(link.contains(&format!("rel=\"{rel}\"")), "{link}");
    }
    assert!(!link.contains("token"));
    let last = lab.get("/projects?simple=true&per_page=2&page=3").await;
    assert_eq!((last.header("x-next-page"), last.json().as_array().unwrap().len()), (Some(""), 1));
    lab.admin().settings(|settings| settings.count_limit = 5);
    let seen = lab.get("/projects?simple=true&per_page=2").await;
    assert_eq!(
        (seen.header("x-total"), seen.header("x-total-pages"), seen.header("x-next-page")),
        (None, None, Some("2"))
    );
    assert!(!seen.header("link").unwrap().contains("rel=\"last\""));
}

#[tokio::test]
async fn page_parameters_are_clamped_or_refused() {
    let lab = lab(2).await;
    assert_eq!(lab.get("/projects?simple=true&per_page=1000").await.header("x-per-page"), Some("100"));
    for (query, error) in [
        ("per_page=0", "per_page has a value not allowed"),
        ("per_page=x", "per_page is invalid"),
        ("page=x", "page is invalid"),
    ] {
        lab.get(&format!("/projects?{query}")).await.is(400, &json!({"error": error}));
    }
}

#[tokio::test]
async fn offsets_have_a_ceiling_and_keyset_goes_on() {
    let lab = lab(5).await;
    lab.admin().settings(|settings| settings.offset_limit = 2);
    let text = "Offset pagination has a maximum allowed offset of 2 for requests that return objects of type Project. \
                Remaining records can be retrieved using keyset pagination.";
    lab.get("/projects?order_by=id&per_page=2&page=3").await.is(405, &json!({"error": text}));
    let text = "Keyset pagination is not yet available for this type of request";
    lab.get("/projects?pagination=keyset&order_by=name").await.is(405, &json!({"error": text}));
    let mut ids = Vec::new();
    let mut path = "/projects?pagination=keyset&order_by=id&sort=asc&per_page=2&simple=true".to_owned();
    loop {
        let seen = lab.get(&path).await;
        assert_eq!((seen.header("x-total"), seen.header("x-page")), (None, None));
        ids.extend(seen.json().as_array().unwrap().iter().map(|project| project["id"].as_u64().unwrap()));
        let Some(link) = seen.header("link") else { break };
        assert!(link.contains("id_after=") && !link.contains("rel=\"first\""));
        path = link.split_once("/api/v4").unwrap().1.split('>').next().unwrap().to_owned();
    }
    assert_eq!(ids, [1, 2, 3, 4, 5]);
}
