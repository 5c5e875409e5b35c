//! What people do, from sign-in to disconnect.

use super::scene::Scene;

#[test]
fn a_new_user_signs_in_connects_and_syncs() {
    let Some(scene) = Scene::new() else { return };
    let tab = scene.connected("acme");
    assert!(tab.text("main").contains("ana/handbook"), "{}", tab.text("main"));
    assert_eq!(tab.complaints(), [String::new(); 0]);
}
