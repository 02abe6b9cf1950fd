//! The channels against real servers where their addresses are given, against scripted faults, and the file system.

mod folder;
mod slack;
mod smtp;

use crate::ids::DeliveryId;

pub(super) use crate::testing::peer;

/// A delivery that no other test and no earlier run has.
pub(super) fn fresh_delivery() -> DeliveryId {
    DeliveryId::new(crate::ids::derived(&[&crate::ids::fresh()])).unwrap()
}

#[test]
fn only_this_machine_is_loopback() {
    for host in [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
    ] {
        assert!(super::is_loopback(host), "{host}");
    }
    for host in [
        "10.0.0.1",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",
    ] {
        assert!(!super::is_loopback(host), "{host}");
    }
}

#[test]
fn what_another_side_says_is_one_short_line_in_an_error() {
    let text = super::bounded(&format!("no\r\nway {}", "x".repeat(5_000)));
    assert!(text.starts_with("no  way") && text.chars().count() <= 300);
}
