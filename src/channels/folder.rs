//! Folders of this machine: `BASE/NAME/DELIVERY/` with the brief's files and its mail. On Unix their owner alone reads them.
//!
//! The files are written and synced in a hidden folder beside their place; one rename delivers them all. So a folder
//! that is there is whole, and whether it is there answers whether it was delivered.
//!
//! A link (symlink) below the base folder is never followed: whoever may write there could otherwise have a brief written over
//! a file elsewhere, or be told as delivered. The base folder itself may be one: the admin named it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use jiff::Timestamp;
use lettre::{Address as MailAddress, message::Mailbox};

use super::{Channel, ChannelError, FolderMessage, Found, Message, Prepared, Receipt, mail};
use crate::{
    clock::Clock, domain::delivery::Address, guard::Cleared, ids::DeliveryId, settings::Folder,
};

/// The longest name of a folder or file, in bytes: below every file system's limit with what is put around it.
const NAME_MAX_BYTES: usize = 100;

/// The file with the brief's mail.
const MAIL: &str = "brief.eml";

/// Delivery below one folder.
#[derive(Clone)]
pub struct FolderChannel {
    base: PathBuf,
    from: Mailbox,
    clock: Arc<dyn Clock>,
}

impl FolderChannel {
    /// The channel of these settings. `from` is the sender of mails, where one is set.
    pub fn new(settings: &Folder, from: Option<&str>, clock: Arc<dyn Clock>) -> Self {
        Self {
            base: settings.path.clone(),
            from: from
                .and_then(|from| from.parse().ok())
                .unwrap_or_else(nobody),
            clock,
        }
    }

    fn place(&self, delivery: &DeliveryId, to: &Address) -> Result<Place, ChannelError> {
        let Address::Folder { name } = to else {
            return Err(ChannelError::never("this channel takes folders only"));
        };
        if !is_plain_name(name) {
            return Err(ChannelError::never(
                "a folder's name is 1 to 100 of A-Z, a-z, 0-9, '-', '_', '.', beginning with a letter or digit",
            ));
        }
        let parent = self.base.join(name);
        Ok(Place {
            done: parent.join(delivery.as_str()),
            partial: parent.join(format!(".{delivery}.partial")),
            parent,
        })
    }
}

/// Where a delivery's files lie, and where they lie until they are whole.
#[derive(Debug, Clone)]
struct Place {
    parent: PathBuf,
    partial: PathBuf,
    done: PathBuf,
}

impl Place {
    fn receipt(&self) -> Receipt {
        Receipt {
            reference: self.done.display().to_string(),
        }
    }
}

#[async_trait]
impl Channel for FolderChannel {
    async fn prepare(
        &self,
        delivery: &DeliveryId,
        to: &Address,
        message: Cleared<Message>,
    ) -> Result<Box<dyn Prepared>, ChannelError> {
        let Message::Folder(message) = message.into_inner() else {
            return Err(ChannelError::never("this channel takes files only"));
        };
        if !message.files.iter().all(|(name, _)| is_plain_name(name)) {
            return Err(ChannelError::never("a file's name is not plain"));
        }
        let place = self.place(delivery, to)?;
        let at = self.clock.now();
        let files = with_mail(message, &self.from, to.target(), delivery.as_str(), at)?;
        let prepared = PreparedFolder { place };
        let place = prepared.place.clone();
        let parent = place.parent.clone();
        blocking(&parent, move || write(&place, &files)).await?;
        Ok(Box::new(prepared))
    }

    async fn find(&self, delivery: &DeliveryId, to: &Address) -> Result<Found, ChannelError> {
        let place = self.place(delivery, to)?;
        blocking(&self.base, move || {
            Ok(
                if is_own_folder(&place.parent)? && is_own_folder(&place.done)? {
                    Found::Delivered(place.receipt())
                } else {
                    Found::NotDelivered
                },
            )
        })
        .await
    }

    async fn check(&self) -> Result<(), ChannelError> {
        let base = self.base.clone();
        blocking(&self.base, move || {
            create_private(&base)?;
            // Each check has a file of its own: two at once must not remove each other's.
            let probe = base.join(format!(".daybrief-check-{}", crate::ids::fresh()));
            write_private(&probe, b"")?;
            fs::remove_file(&probe)
        })
        .await
    }
}

/// Files that are whole and not yet in their place. Dropped, they are removed.
struct PreparedFolder {
    place: Place,
}

#[async_trait]
impl Prepared for PreparedFolder {
    async fn commit(self: Box<Self>) -> Result<Receipt, ChannelError> {
        let place = self.place.clone();
        blocking(&self.place.parent, move || {
            if is_own_folder(&place.parent)? && is_own_folder(&place.done)? {
                return Ok(());
            }
            fs::rename(&place.partial, &place.done)
        })
        .await?;
        // The files are in their place; only whether that outlives a power cut is open.
        let parent = self.place.parent.clone();
        blocking(&self.place.parent, move || sync_folder(&parent))
            .await
            .map_err(|error| ChannelError::unclear(error.to_string()))?;
        Ok(self.place.receipt())
    }
}

impl Drop for PreparedFolder {
    fn drop(&mut self) {
        // Gone after a commit, left over otherwise. A folder that stays is overwritten by the next attempt.
        let _ = fs::remove_dir_all(&self.place.partial);
    }
}

/// Returns whether there is a folder. What is there and is none, such as a link to one, is an error.
fn is_own_folder(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(true),
        Ok(found) => Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            if found.is_symlink() {
                "is a link, and links are not followed"
            } else {
                "is no folder"
            },
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes all files into the hidden folder, synced.
fn write(place: &Place, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    is_own_folder(&place.parent)?;
    if is_own_folder(&place.partial)? {
        fs::remove_dir_all(&place.partial)?;
    }
    create_private(&place.partial)?;
    for (name, content) in files {
        write_private(&place.partial.join(name), content)?.sync_all()?;
    }
    sync_folder(&place.partial)
}

/// Writes a brief's files and its mail into a folder, over those that are there, and says where each is, the one that a
/// person opens first. For briefs that nobody is sent: `id` names this one, `at` is when its mail is dated.
pub fn write_files(
    folder: &Path,
    message: FolderMessage,
    id: &str,
    at: Timestamp,
) -> io::Result<Vec<PathBuf>> {
    let files = with_mail(message, &nobody(), "reader", id, at).map_err(io::Error::other)?;
    create_private(folder)?;
    files
        .iter()
        .map(|(name, content)| {
            let path = folder.join(name);
            // What is cut must not lie there as if it were whole.
            write_private(&path, content)
                .and_then(|file| file.sync_all())
                .inspect_err(|_| drop(fs::remove_file(&path)))?;
            Ok(path)
        })
        .collect()
}

/// The files and the mail as a file.
fn with_mail(
    message: FolderMessage,
    from: &Mailbox,
    folder: &str,
    id: &str,
    at: Timestamp,
) -> Result<Vec<(String, Vec<u8>)>, ChannelError> {
    // No mail server has this domain (RFC 2606): it went into a folder.
    let to = MailAddress::new(folder, "folder.invalid")
        .or_else(|_| MailAddress::new("reader", "folder.invalid"))
        .map_err(|error| ChannelError::never(error.to_string()))?;
    let mail = mail::build(from, to, id, at, message.mail)?;
    let mut files = message.files;
    files.push((MAIL.to_owned(), mail.formatted()));
    Ok(files)
}

/// The sender where no mail is set up.
fn nobody() -> Mailbox {
    let address = MailAddress::new("daybrief", "localhost")
        .unwrap_or_else(|_| unreachable!("it is an address"));
    Mailbox::new(Some("Daybrief".to_owned()), address)
}

/// Makes a folder and those above it where they are missing, open to their owner alone.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that its owner alone reads, also where one of that name was open to others. A link of that name is replaced,
/// not followed.
fn write_private(path: &Path, content: &[u8]) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => fs::remove_file(path)?,
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(content)?;
    Ok(file)
}

/// Makes a folder's entries outlive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Returns whether a name is one step of a path and nothing else: no separator, no `..`, not hidden.
pub fn is_plain_name(name: &str) -> bool {
    name.len() <= NAME_MAX_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Runs file work below `base` off the threads that must not wait.
async fn blocking<T: Send + 'static>(
    base: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ChannelError> {
    let place = base.display();
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ChannelError::later(error.to_string()))?
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => ChannelError::never(format!(
                "{place}: may not be written by this account: let it own the folder of `[folder] path`"
            )),
            io::ErrorKind::NotADirectory => ChannelError::never(format!(
                "{place}: is no folder, or lies below a file: name another in `[folder] path`"
            )),
            io::ErrorKind::AlreadyExists if !base.is_dir() => ChannelError::never(format!(
                "{place}: is no folder but a file: name another in `[folder] path`"
            )),
            io::ErrorKind::ReadOnlyFilesystem => {
                ChannelError::never(format!("{place}: lies on a file system that is read only"))
            }
            _ => ChannelError::later(format!("{place}: {error}")),
        })
}
