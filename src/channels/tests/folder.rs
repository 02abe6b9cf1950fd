use std::path::Path;

use super::{super::*, fresh_delivery};
use crate::{clock::SystemClock, settings::Folder};

fn channel(base: &Path) -> FolderChannel {
    let settings = Folder {
        path: base.to_owned(),
    };
    FolderChannel::new(
        &settings,
        Some("Daybrief <daybrief@acme.example>"),
        Arc::new(SystemClock),
    )
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
    let mail = EmailMessage {
        to_name: None,
        subject: "3 blockers".to_owned(),
        text: "plain".to_owned(),
        html: "<p>rich</p>".to_owned(),
        list: "vp-engineering-morning".to_owned(),
        language: "en".to_owned(),
    };
    Cleared::for_test(Message::Folder(FolderMessage { files, mail }).addressed("Mara Keller"))
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
    assert_eq!(std::fs::read_dir(place).unwrap().count(), 3);
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
    assert!(!Path::new(&receipt.reference).join("half").exists());
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

#[tokio::test]
async fn a_folder_has_the_mail_that_a_server_would_be_given() {
    let base = tempfile::tempdir().unwrap();
    let channel = channel(base.path());
    let delivery = fresh_delivery();
    let prepared = channel
        .prepare(&delivery, &to("leads"), message(&[("brief.html", "x")]))
        .await
        .unwrap();
    let receipt = prepared.commit().await.unwrap();
    let mail = std::fs::read_to_string(Path::new(&receipt.reference).join("brief.eml")).unwrap();
    for line in [
        "From: Daybrief <daybrief@acme.example>".to_owned(),
        "To: \"Mara Keller\" <leads@folder.invalid>".to_owned(),
        "Subject: 3 blockers".to_owned(),
        format!("Message-ID: <db.{delivery}@acme.example>"),
        "List-Id: <vp-engineering-morning.acme.example>".to_owned(),
        "Auto-Submitted: auto-generated".to_owned(),
    ] {
        assert!(mail.lines().any(|found| found == line), "{line} in {mail}");
    }
    assert!(
        mail.contains("multipart/alternative")
            && mail.contains("plain")
            && mail.contains("<p>rich</p>")
    );
    // There is no address yet that takes a reader off a list, or an answer in.
    assert!(!mail.contains("List-Unsubscribe") && !mail.contains("Reply-To"));
}

#[cfg(unix)]
#[tokio::test]
async fn only_their_owner_reads_a_briefs_files() {
    use std::os::unix::fs::PermissionsExt;
    let base = tempfile::tempdir().unwrap();
    let inside = base.path().join("briefs");
    let channel = channel(&inside);
    let prepared = channel
        .prepare(&fresh_delivery(), &to("leads"), message(&[("a", "b")]))
        .await
        .unwrap();
    let place = prepared.commit().await.unwrap().reference;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [&inside, &inside.join("leads"), Path::new(&place)] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    for name in ["a", "brief.eml"] {
        assert_eq!(mode(&Path::new(&place).join(name)), 0o600, "{name}");
    }
    // A file that others could read is closed when it is written over.
    let open = inside.join("a");
    std::fs::write(&open, "old").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let Message::Folder(message) = message(&[("a", "new")]).into_inner() else {
        unreachable!("it is one")
    };
    let paths = write_files(&inside, message, "r", jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((mode(&open), paths.len()), (0o600, 2));
    assert_eq!(std::fs::read_to_string(&open).unwrap(), "new");
}

#[cfg(unix)]
#[tokio::test]
async fn links_below_the_base_folder_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (base, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let channel = channel(base.path());
    let is_untouched = || {
        std::fs::read_dir(elsewhere.path())
            .unwrap()
            .next()
            .is_none()
    };
    let delivery = fresh_delivery();
    let prepare = async |name: &str| {
        channel
            .prepare(&delivery, &to(name), message(&[("a", "b")]))
            .await
            .map(drop)
    };

    // The recipient's folder.
    symlink(elsewhere.path(), base.path().join("leads")).unwrap();
    let error = prepare("leads").await.unwrap_err();
    assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
    assert!(channel.find(&delivery, &to("leads")).await.is_err());

    // The folder that the files are written into first, and the one they go to.
    let board = base.path().join("board");
    std::fs::create_dir(&board).unwrap();
    for name in [format!(".{delivery}.partial"), delivery.to_string()] {
        let link = board.join(name);
        symlink(elsewhere.path(), &link).unwrap();
        let delivered = async {
            channel
                .prepare(&delivery, &to("board"), message(&[("a", "b")]))
                .await?
                .commit()
                .await
        };
        let error = delivered.await.unwrap_err();
        assert!(matches!(error, ChannelError::Never { .. }), "{error:?}");
        // What was left over of the attempt is taken away, a link itself and never what it leads to.
        let _ = std::fs::remove_file(&link);
    }
    assert_eq!(
        channel.find(&delivery, &to("board")).await.unwrap(),
        Found::NotDelivered
    );
    assert!(is_untouched());

    // A file of a brief that nobody is sent.
    let kept = elsewhere.path().join("kept");
    std::fs::write(&kept, "as it was").unwrap();
    symlink(&kept, board.join("a")).unwrap();
    let Message::Folder(message) = message(&[("a", "new")]).into_inner() else {
        unreachable!("it is one")
    };
    write_files(&board, message, "r", jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "as it was");
    assert_eq!(std::fs::read_to_string(board.join("a")).unwrap(), "new");

    // The base folder is the admin's to name.
    let named = base.path().join("named");
    symlink(&board, &named).unwrap();
    let through = self::channel(&named);
    through.check().await.unwrap();
    let prepared = through
        .prepare(&delivery, &to("ceo"), self::message(&[("a", "b")]))
        .await
        .unwrap();
    prepared.commit().await.unwrap();
}

#[tokio::test]
async fn checks_at_once_do_not_disturb_each_other() {
    let base = tempfile::tempdir().unwrap();
    let channel = channel(base.path());
    let checks = (0..64).map(|_| channel.check());
    for checked in futures_util::future::join_all(checks).await {
        checked.unwrap();
    }
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
}
