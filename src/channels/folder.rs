//! Folders of this machine: `BASE/NAME/DELIVERY/` with the brief's files.
//!
//! The files are written and synced in a hidden folder beside their place; one rename delivers them all. So a folder
//! that is there is whole, and whether it is there answers whether it was delivered.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;

use super::{Channel, ChannelError, FolderMessage, Found, Message, Prepared, Receipt};
use crate::{domain::delivery::Address, guard::Cleared, ids::DeliveryId, settings::Folder};

/// The longest name of a folder or file, in bytes: below every file system's limit with what is put around it.
const NAME_MAX_BYTES: usize = 100;

/// Delivery below one folder.
#[derive(Debug, Clone)]
pub struct FolderChannel {
    base: PathBuf,
}

impl FolderChannel {
    /// The channel of these settings.
    pub fn new(settings: &Folder) -> Self {
        Self {
            base: settings.path.clone(),
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
        let prepared = PreparedFolder { place };
        let place = prepared.place.clone();
        blocking(move || write(&place, &message)).await?;
        Ok(Box::new(prepared))
    }

    async fn find(&self, delivery: &DeliveryId, to: &Address) -> Result<Found, ChannelError> {
        let place = self.place(delivery, to)?;
        blocking(move || {
            Ok(if place.done.try_exists()? {
                Found::Delivered(place.receipt())
            } else {
                Found::NotDelivered
            })
        })
        .await
    }

    async fn check(&self) -> Result<(), ChannelError> {
        let base = self.base.clone();
        blocking(move || {
            fs::create_dir_all(&base)?;
            let probe = base.join(".daybrief-check");
            File::create(&probe)?;
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
        blocking(move || {
            if place.done.try_exists()? {
                return Ok(());
            }
            fs::rename(&place.partial, &place.done)
        })
        .await?;
        // The files are in their place; only whether that outlives a power cut is open.
        let parent = self.place.parent.clone();
        blocking(move || sync_folder(&parent))
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

/// Writes all files into the hidden folder, synced.
fn write(place: &Place, message: &FolderMessage) -> io::Result<()> {
    fs::create_dir_all(&place.parent)?;
    match fs::remove_dir_all(&place.partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir(&place.partial)?;
    for (name, content) in &message.files {
        let mut file = File::create_new(place.partial.join(name))?;
        file.write_all(content)?;
        file.sync_all()?;
    }
    sync_folder(&place.partial)
}

/// Makes a folder's entries outlive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// One step of a path and nothing else: no separator, no `..`, not hidden.
fn is_plain_name(name: &str) -> bool {
    name.len() <= NAME_MAX_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Runs file work off the threads that must not wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ChannelError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ChannelError::later(error.to_string()))?
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::ReadOnlyFilesystem => ChannelError::never(error.to_string()),
            _ => ChannelError::later(error.to_string()),
        })
}
