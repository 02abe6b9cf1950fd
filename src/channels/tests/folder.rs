use std::path::Path;

use super::{super::*, fresh_delivery};
use crate::settings::Folder;

fn channel(base: &Path) -> FolderChannel {
    FolderChannel::new(&Folder {
        path: base.to_owned(),
    })
}

fn to(name: &str) -> Address {
    Address::Folder {
        name: name.to_owned(),
    }
}

fn message(files: &[(&str, &str)]) -> Cleared<Message> {
    let files = files
        .iter()
        .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()))
        .collect();
    Cleared::for_test(Message::Folder(FolderMessage { files }))
}

#[tokio::test]
async fn nothing_is_there_before_commit_and_everything_after() {
    let base = tempfile::tempdir().unwrap();
    let channel = channel(base.path());
    let delivery = fresh_delivery();
    let to = to("leads");
    let prepared = channel
        .prepare(
            &delivery,
            &to,
            message(&[("brief.html", "<p>"), ("brief.txt", "x")]),
        )
        .await
        .unwrap();
    assert_eq!(
        channel.find(&delivery, &to).await.unwrap(),
        Found::NotDelivered
    );
    let receipt = prepared.commit().await.unwrap();
    assert_eq!(
        channel.find(&delivery, &to).await.unwrap(),
        Found::Delivered(receipt.clone())
    );
    let place = Path::new(&receipt.reference);
    assert_eq!(
        std::fs::read_to_string(place.join("brief.html")).unwrap(),
        "<p>"
    );
    assert_eq!(std::fs::read_dir(place).unwrap().count(), 2);
    // The hidden folder is gone: only the delivery is there.
    assert_eq!(
        std::fs::read_dir(base.path().join("leads"))
            .unwrap()
            .count(),
        1
    );
}

#[tokio::test]
async fn a_dropped_delivery_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let channel = channel(base.path());
    let prepared = channel
        .prepare(&fresh_delivery(), &to("leads"), message(&[("a", "b")]))
        .await
        .unwrap();
    drop(prepared);
    assert_eq!(
        std::fs::read_dir(base.path().join("leads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn the_same_delivery_twice_is_there_once_with_its_first_content() {
    let base = tempfile::tempdir().unwrap();
    let channel = channel(base.path());
    let delivery = fresh_delivery();
    let mut receipts = Vec::new();
    for content in ["first", "second"] {
        let prepared = channel
            .prepare(&delivery, &to("leads"), message(&[("a", content)]))
            .await
            .unwrap();
        receipts.push(prepared.commit().await.unwrap());
    }
    assert_eq!(receipts[0], receipts[1]);
    let file = Path::new(&receipts[0].reference).join("a");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "first");
    assert_eq!(
        std::fs::read_dir(base.path().join("leads"))
            .unwrap()
            .count(),
        1
    );
}

#[tokio::test]
async fn leftovers_of_a_crash_are_written_over() {
    let base = tempfile::tempdir().unwrap();
    let channel = channel(base.path());
    let delivery = fresh_delivery();
    let partial = base
        .path()
        .join("leads")
        .join(format!(".{delivery}.partial"));
    std::fs::create_dir_all(&partial).unwrap();
    std::fs::write(partial.join("half"), "ha").unwrap();
    let prepared = channel
        .prepare(&delivery, &to("leads"), message(&[("a", "b")]))
        .await
        .unwrap();
    let receipt = prepared.commit().await.unwrap();
    assert_eq!(std::fs::read_dir(receipt.reference).unwrap().count(), 1);
}

#[tokio::test]
async fn no_name_leads_out_of_the_base_folder() {
    let base = tempfile::tempdir().unwrap();
    let channel = channel(&base.path().join("briefs"));
    for name in [
        "..", "../x", "a/b", "/etc", "", ".hidden", "a\\b", "a\0b", "ä", ".",
    ] {
        let error = channel
            .prepare(&fresh_delivery(), &to(name), message(&[("a", "b")]))
            .await
            .err()
            .unwrap();
        assert!(matches!(error, ChannelError::Never { .. }), "{name:?}");
        assert!(channel.find(&fresh_delivery(), &to(name)).await.is_err());
        let error = channel
            .prepare(&fresh_delivery(), &to("leads"), message(&[(name, "b")]))
            .await
            .err()
            .unwrap();
        assert!(matches!(error, ChannelError::Never { .. }), "file {name:?}");
    }
    // Nothing was written anywhere.
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_never_usable() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = channel(&file)
        .prepare(&fresh_delivery(), &to("leads"), message(&[("a", "b")]))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
    assert!(channel(&file).check().await.is_err());
    channel(base.path()).check().await.unwrap();
}
