//! A token for Daybrief itself: client credentials (RFC 6749, section 4.4; MCP extension SEP-1046), shown as a secret or
//! signed with a private key (RFC 7523).

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::http::{Http, HttpError};
use crate::ids::hex;

/// A signed assertion is good for so long, in seconds.
const ASSERTION_SECONDS: i64 = 300;
/// RFC 7523, section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why the authorization server gave no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Its own words, hostile.
    #[error("{0}")]
    Refused(String),
    #[error(
        "the private key is none: a P-256 key in PKCS#8 is expected, as PEM or as its base64 on one line (of a `file:` \
         only the first line is read)"
    )]
    BadKey,
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// How the client shows who it is.
pub(super) enum Proof<'a> {
    /// In the Authorization header, the method that every server knows (RFC 6749, section 2.3.1).
    Basic(&'a SecretString),
    /// In the body, for servers that know nothing else.
    Post(&'a SecretString),
    /// An assertion signed with this key, for this audience.
    Signed {
        key: &'a SecretString,
        audience: &'a str,
    },
}

/// What is asked for.
pub(super) struct TokenRequest<'a> {
    pub url: Url,
    pub client_id: &'a str,
    pub proof: Proof<'a>,
    pub scopes: &'a [String],
    pub resource: &'a str,
    pub now: Timestamp,
}

/// What came of it.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    pub access_token: String,
    pub token_type: String,
    #[serde(default)]
    pub expires_in: Option<i64>,
    #[serde(default)]
    pub scope: Option<String>,
}

/// What an authorization server says instead of a token (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks for a token.
pub(super) async fn ask(http: &Http, request: TokenRequest<'_>) -> Result<TokenAnswer, TokenError> {
    let mut form = vec![
        ("grant_type", "client_credentials".to_owned()),
        ("resource", request.resource.to_owned()),
    ];
    if !request.scopes.is_empty() {
        form.push(("scope", request.scopes.join(" ")));
    }
    let mut authorization = None;
    match request.proof {
        Proof::Basic(secret) => authorization = Some(basic(request.client_id, secret)),
        Proof::Post(secret) => {
            form.push(("client_id", request.client_id.to_owned()));
            form.push(("client_secret", secret.expose_secret().to_owned()));
        }
        Proof::Signed { key, audience } => {
            let assertion = assertion(request.client_id, key, audience, request.now)?;
            form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
            form.push(("client_assertion", assertion));
        }
    }
    let mut built = http
        .post(request.url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json")
        .body(encoded(&form));
    if let Some(authorization) = authorization {
        let mut value = reqwest::header::HeaderValue::try_from(authorization)
            .map_err(|_| TokenError::Refused("the client id cannot be sent".to_owned()))?;
        value.set_sensitive(true);
        built = built.header("authorization", value);
    }
    let (status, _, body) = http.send(built).await?;
    if status != 200 {
        return Err(TokenError::Refused(refusal(status, &body)));
    }
    let answer: TokenAnswer = serde_json::from_slice(&body)
        .map_err(|_| TokenError::Refused("the answer is no token".to_owned()))?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Refused(
            "the token is not of the type `Bearer`".to_owned(),
        ));
    }
    Ok(answer)
}

fn encoded(form: &[(&str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

fn refusal(status: u16, body: &[u8]) -> String {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => format!("{} {}", refusal.error, refusal.error_description),
        Err(_) => format!("HTTP {status}"),
    }
}

/// Client id and secret are form-encoded before they are put together (RFC 6749, section 2.3.1).
fn basic(client_id: &str, secret: &SecretString) -> String {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret.expose_secret()));
    format!("Basic {}", STANDARD.encode(pair))
}

/// A JSON web token that says who the client is (RFC 7523, section 3), signed with ES256 (RFC 7518, section 3.4).
fn assertion(
    client_id: &str,
    key: &SecretString,
    audience: &str,
    now: Timestamp,
) -> Result<String, TokenError> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der(key)?, &random)
        .map_err(|_| TokenError::BadKey)?;
    let id: [u8; 16] = ring::rand::generate(&random)
        .map_err(|_| TokenError::NoRandomness)?
        .expose();
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        part(json!({ "alg": "ES256", "typ": "JWT" })),
        part(json!({
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": now.as_second(),
            "exp": now.as_second().saturating_add(ASSERTION_SECONDS),
            "jti": hex(&id),
        }))
    );
    let signature = key
        .sign(&random, signed.as_bytes())
        .map_err(|_| TokenError::NoRandomness)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The bytes between the lines of a PEM text (RFC 7468), or of the same base64 without its lines.
fn der(key: &SecretString) -> Result<Vec<u8>, TokenError> {
    let text = key.expose_secret();
    let body = match text.split_once("-----BEGIN PRIVATE KEY-----") {
        Some((_, rest)) => rest
            .split_once("-----END PRIVATE KEY-----")
            .map(|(body, _)| body)
            .ok_or(TokenError::BadKey)?,
        None => text,
    };
    let compact: String = body.split_whitespace().collect();
    STANDARD.decode(compact).map_err(|_| TokenError::BadKey)
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_assertion_says_who_and_for_whom_and_is_signed() {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pem = SecretString::from(format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(made.as_ref())
        ));
        let now: Timestamp = "2026-03-02T06:00:00Z".parse().unwrap();
        let line = SecretString::from(STANDARD.encode(made.as_ref()));
        assert_eq!(der(&line).unwrap(), der(&pem).unwrap());
        let assertion = assertion("daybrief", &pem, "https://auth.example", now).unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let claims = signed.split_once('.').unwrap().1;
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["iss"], "daybrief");
        assert_eq!(claims["sub"], "daybrief");
        assert_eq!(claims["aud"], "https://auth.example");
        assert_eq!(claims["exp"].as_i64(), Some(now.as_second() + 300));
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random)
                .unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref())
            .verify(
                signed.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
    }

    #[test]
    fn what_is_no_key_is_named_as_such() {
        let now = Timestamp::UNIX_EPOCH;
        for bad in [
            "",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            let error = assertion("c", &SecretString::from(bad), "a", now).unwrap_err();
            assert!(matches!(error, TokenError::BadKey), "{error}");
        }
    }

    #[test]
    fn a_secret_with_a_colon_keeps_its_place_in_the_header() {
        let header = basic("a:b", &SecretString::from("c d/é"));
        let pair = STANDARD
            .decode(header.strip_prefix("Basic ").unwrap())
            .unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "a%3Ab:c+d%2F%C3%A9");
    }
}
