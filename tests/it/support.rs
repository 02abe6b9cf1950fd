//! What several capabilities' tests need.

/// The place of a real peer, from the environment variable `DAYBRIEF_TEST_{name}`. Without it the test is skipped,
/// and says so; where peers are required (`CI=true` or `DAYBRIEF_PEERS=required`) it fails instead.
pub fn peer(name: &str) -> Option<String> {
    let variable = format!("DAYBRIEF_TEST_{name}");
    if let Ok(place) = std::env::var(&variable)
        && !place.is_empty()
    {
        return Some(place);
    }
    let set = |name: &str, to: &str| std::env::var(name).is_ok_and(|value| value == to);
    assert!(
        !set("CI", "true") && !set("DAYBRIEF_PEERS", "required"),
        "no peer: {name} (set {variable})"
    );
    println!("skipped: no peer: {name}");
    None
}
