//! Sealing secrets: AES-256-GCM (NIST SP 800-38D) under a key that is never in the store.
//!
//! The secret's name is authenticated with it, so that a sealed text moved to another name does not open. Each sealed text
//! says which key it is under; old keys open what is not yet sealed anew.

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::hex;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// True where a secret of the store may have this name: 1 to 80 letters, digits, '-', '_', '.', beginning with a letter or digit.
pub fn is_name(name: &str) -> bool {
    (1..=80).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A secret as it may lie anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which key it is under: the beginning of that key's SHA-256.
    pub key: String,
    /// Base64.
    pub nonce: String,
    /// Base64: the ciphertext with its tag.
    pub text: String,
}

/// Why a sealed text does not open, or a key cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("a key is {KEY_BYTES} bytes in base64: make one with `openssl rand -base64 32`")]
    BadKey,
    #[error("it is sealed under a key ({0}…) that is not among those given")]
    UnknownKey(String),
    #[error("it was changed since it was sealed")]
    Changed,
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// One key.
struct Key {
    id: String,
    bytes: SecretBox<[u8; KEY_BYTES]>,
}

impl Key {
    fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self {
            id: hex(&Sha256::digest(bytes)).chars().take(16).collect(),
            bytes: SecretBox::new(Box::new(bytes)),
        }
    }

    fn cipher(&self) -> Result<Aes256Gcm, VaultError> {
        Aes256Gcm::new_from_slice(self.bytes.expose_secret()).map_err(|_| VaultError::BadKey)
    }
}

/// The instance's keys: one that seals, others that only open.
pub struct Vault {
    current: Key,
    old: Vec<Key>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.current.id)
    }
}

/// A key from its base64 form.
fn parse(text: &SecretString) -> Result<[u8; KEY_BYTES], VaultError> {
    let bytes = STANDARD
        .decode(text.expose_secret().trim())
        .map_err(|_| VaultError::BadKey)?;
    bytes.try_into().map_err(|_| VaultError::BadKey)
}

/// A fresh key in base64.
pub fn fresh_key() -> Result<SecretString, VaultError> {
    let bytes: [u8; KEY_BYTES] = random()?;
    Ok(SecretString::from(STANDARD.encode(bytes)))
}

fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    use rand::TryRng;
    let mut bytes = [0; N];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

impl Vault {
    /// A vault with this key, in base64, and those before it.
    pub fn new(current: &SecretString, old: &[SecretString]) -> Result<Self, VaultError> {
        Ok(Self {
            current: Key::new(parse(current)?),
            old: old
                .iter()
                .map(|key| Ok(Key::new(parse(key)?)))
                .collect::<Result<_, VaultError>>()?,
        })
    }

    /// A vault with a key that nobody else has, for commands that keep nothing.
    pub fn ephemeral() -> Result<Self, VaultError> {
        Self::new(&fresh_key()?, &[])
    }

    /// Seals a secret under its name.
    pub fn seal(&self, name: &str, secret: &SecretString) -> Result<Sealed, VaultError> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: name.as_bytes(),
        };
        let text = self
            .current
            .cipher()?
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| VaultError::Changed)?;
        Ok(Sealed {
            key: self.current.id.clone(),
            nonce: STANDARD.encode(nonce),
            text: STANDARD.encode(text),
        })
    }

    /// Opens what was sealed under this name.
    pub fn open(&self, name: &str, sealed: &Sealed) -> Result<SecretString, VaultError> {
        let key = [&self.current]
            .into_iter()
            .chain(&self.old)
            .find(|key| key.id == sealed.key)
            .ok_or_else(|| VaultError::UnknownKey(sealed.key.chars().take(8).collect()))?;
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| VaultError::Changed);
        let nonce: [u8; NONCE_BYTES] = decode(&sealed.nonce)?
            .try_into()
            .map_err(|_| VaultError::Changed)?;
        let text = decode(&sealed.text)?;
        let payload = Payload {
            msg: &text,
            aad: name.as_bytes(),
        };
        let plain = key
            .cipher()?
            .decrypt(&Nonce::from(nonce), payload)
            .map_err(|_| VaultError::Changed)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| VaultError::Changed)
    }

    /// Is it sealed under the key that seals now?
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.key == self.current.id
    }
}

/// A key for one purpose (HMAC-SHA-256 over its name), from which neither another nor the root can be had. The root is a
/// secret of the store itself: it stays when the vault's key is changed, and with it all that these keys marked.
pub fn derive(root: &SecretString, purpose: &str) -> [u8; KEY_BYTES] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(root.expose_secret().as_bytes()) else {
        unreachable!("HMAC takes keys of every length (RFC 2104)")
    };
    mac.update(b"daybrief/");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SecretString {
        SecretString::from(STANDARD.encode([byte; 32]))
    }

    #[test]
    fn what_is_sealed_opens_under_its_name_and_key_only() {
        let vault = Vault::new(&key(1), &[]).unwrap();
        let sealed = vault.seal("jira", &SecretString::from("s3cret")).unwrap();
        assert!(!sealed.text.contains("s3cret"));
        assert_eq!(
            vault.open("jira", &sealed).unwrap().expose_secret(),
            "s3cret"
        );
        assert_eq!(
            vault.open("slack", &sealed).unwrap_err(),
            VaultError::Changed
        );
        let other = Vault::new(&key(2), &[]).unwrap();
        assert!(matches!(
            other.open("jira", &sealed),
            Err(VaultError::UnknownKey(_))
        ));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let vault = Vault::new(&key(1), &[]).unwrap();
        let sealed = vault.seal("jira", &SecretString::from("s3cret")).unwrap();
        let bytes = STANDARD.decode(&sealed.text).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = Sealed {
                text: STANDARD.encode(changed),
                ..sealed.clone()
            };
            assert_eq!(
                vault.open("jira", &changed).unwrap_err(),
                VaultError::Changed
            );
        }
    }

    #[test]
    fn an_old_key_opens_and_the_new_one_seals() {
        let before = Vault::new(&key(1), &[]).unwrap();
        let sealed = before.seal("jira", &SecretString::from("s3cret")).unwrap();
        let after = Vault::new(&key(2), &[key(1)]).unwrap();
        assert!(!after.is_current(&sealed));
        let opened = after.open("jira", &sealed).unwrap();
        let anew = after.seal("jira", &opened).unwrap();
        assert!(after.is_current(&anew));
    }

    #[test]
    fn two_seals_of_one_secret_differ() {
        let vault = Vault::ephemeral().unwrap();
        let secret = SecretString::from("x");
        assert_ne!(
            vault.seal("a", &secret).unwrap(),
            vault.seal("a", &secret).unwrap()
        );
    }

    #[test]
    fn derived_keys_differ_by_purpose_and_root() {
        assert_eq!(derive(&key(1), "marks"), derive(&key(1), "marks"));
        assert_ne!(derive(&key(1), "marks"), derive(&key(1), "audit"));
        assert_ne!(derive(&key(1), "marks"), derive(&key(2), "marks"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "abc", "c2hvcnQ="] {
            assert_eq!(
                Vault::new(&SecretString::from(bad), &[]).unwrap_err(),
                VaultError::BadKey
            );
        }
    }
}
