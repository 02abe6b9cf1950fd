//! Requests to a token endpoint and their answers: client credentials (RFC 6749, section 4.4; MCP extension SEP-1046),
//! shown as a secret or signed with a private key (RFC 7523); a browser's code; a refresh token.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::{SignedDuration, Timestamp};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;

use super::http::{Http, HttpError};
use crate::ids::hex;

/// A signed assertion is good for so long, in seconds.
const ASSERTION_SECONDS: i64 = 300;
/// RFC 7523, section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Tokens and clients' secrets are letters of ASCII; a token that is longer fits in no header that servers take.
const MAX_TOKEN_BYTES: usize = 32 * 1024;

/// Why the authorization server gave no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Its own words, hostile. The code is one of the standard's (RFC 6749, section 5.2), or none.
    #[error("{text}")]
    Refused { code: String, text: String },
    #[error(
        "the private key is none: a P-256 key in PKCS#8 is expected, as PEM or as its base64 on one line (of a `file:` \
         only the first line is read)"
    )]
    BadKey,
    #[error("the system gives no random bytes")]
    NoRandomness,
    #[error("the client id cannot be sent")]
    BadClient,
}

/// How the client shows who it is.
pub(super) enum Proof<'a> {
    /// Not at all: a public client only says its id.
    Public,
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

impl<'a> Proof<'a> {
    /// The way to show a secret, where there is one.
    pub(super) fn shown(secret: Option<&'a SecretString>, post_only: bool) -> Self {
        match secret {
            Some(secret) if post_only => Self::Post(secret),
            Some(secret) => Self::Basic(secret),
            None => Self::Public,
        }
    }
}

/// What is asked for, by what.
pub(super) enum Ask<'a> {
    /// As the client itself.
    Own,
    /// With what the browser brought.
    Code {
        code: &'a str,
        verifier: &'a str,
        redirect: &'a str,
    },
    Refresh(&'a SecretString),
}

pub(super) struct TokenRequest<'a> {
    pub url: Url,
    pub client_id: &'a str,
    pub proof: Proof<'a>,
    pub ask: Ask<'a>,
    pub scopes: &'a [String],
    pub resource: &'a str,
    pub now: Timestamp,
}

/// What the authorization server answered. Each part is read by itself: what is odd in one costs no other.
pub(super) struct TokenAnswer {
    /// The access token, or what is wrong with it.
    pub access: Result<String, &'static str>,
    pub refresh: Option<String>,
    /// How long the token lasts, where the server says it in a way that can be true.
    pub lasts: Option<SignedDuration>,
    /// How long it can be renewed, by the members that Keycloak, Google and GitHub use.
    pub renewable_for: Option<SignedDuration>,
    pub scopes: Option<Vec<String>>,
}

impl TokenAnswer {
    /// Reads an answer, if it is one at all.
    fn of(body: &[u8]) -> Option<Self> {
        let answer: serde_json::Map<String, Value> = serde_json::from_slice(body).ok()?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        let refresh = text("refresh_token").filter(|token| !token.is_empty());
        let is_bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        let access = match text("access_token") {
            _ if !is_bearer => Err("the token is not of the type `Bearer`"),
            Some(token) if is_token(token) => Ok(token.to_owned()),
            Some(_) => Err("the token is empty or cannot be sent"),
            None => Err("the answer holds no token"),
        };
        let renewable_for = ["refresh_token_expires_in", "refresh_expires_in"]
            .iter()
            .find_map(|key| lasting(answer.get(*key)?));
        Some(Self {
            access,
            refresh: refresh.map(str::to_owned),
            lasts: answer.get("expires_in").and_then(lasting),
            renewable_for,
            scopes: text("scope")
                .map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
        })
    }

    /// When the token ends, if it was had `now`.
    pub(super) fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        self.lasts.and_then(|lasts| now.checked_add(lasts).ok())
    }

    /// When renewing ends, if it was had `now`.
    pub(super) fn renewable_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.renewable_for
            .and_then(|time| now.checked_add(time).ok())
    }
}

/// May the text stand behind `Bearer ` (RFC 6750, section 2.1, and the other visible signs that servers use)?
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_TOKEN_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Seconds as servers write them: a number, whole or not, or a text of one. What is not above zero says nothing; a token
/// that is over after all is refused and renewed then.
fn lasting(value: &Value) -> Option<SignedDuration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let lasts = SignedDuration::try_from_secs_f64(seconds).ok()?;
    (lasts > SignedDuration::ZERO).then_some(lasts)
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
    let mut form = match request.ask {
        Ask::Own => vec![("grant_type", "client_credentials".to_owned())],
        Ask::Code {
            code,
            verifier,
            redirect,
        } => vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("code_verifier", verifier.to_owned()),
            ("redirect_uri", redirect.to_owned()),
        ],
        Ask::Refresh(token) => vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.expose_secret().to_owned()),
        ],
    };
    form.push(("resource", request.resource.to_owned()));
    if !request.scopes.is_empty() {
        form.push(("scope", request.scopes.join(" ")));
    }
    let mut authorization = None;
    match request.proof {
        Proof::Public => form.push(("client_id", request.client_id.to_owned())),
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
            .map_err(|_| TokenError::BadClient)?;
        value.set_sensitive(true);
        built = built.header("authorization", value);
    }
    let sent = http.send(built).with_subscriber(NoSubscriber::default());
    let (status, _, body) = sent.await?;
    if status != 200 {
        return Err(refusal(status, &body));
    }
    match TokenAnswer::of(&body) {
        // Some servers refuse with 200.
        Some(TokenAnswer {
            access: Err(_),
            refresh: None,
            ..
        }) if serde_json::from_slice::<Refusal>(&body).is_ok() => Err(refusal(status, &body)),
        Some(answer) => Ok(answer),
        None => Err(TokenError::Refused {
            code: String::new(),
            text: "the answer is no token".to_owned(),
        }),
    }
}

fn encoded(form: &[(&str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

fn refusal(status: u16, body: &[u8]) -> TokenError {
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => TokenError::Refused {
            text: format!("{} {}", refusal.error, refusal.error_description),
            code: refusal.error,
        },
        Err(_) => TokenError::Refused {
            code: String::new(),
            text: format!("HTTP {status}"),
        },
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
    fn each_part_of_an_answer_is_read_by_itself() {
        let read = |rest: &str| {
            let text = format!(r#"{{"token_type":"bearer","refresh_token":"r"{rest}}}"#);
            TokenAnswer::of(text.as_bytes()).unwrap()
        };
        let hour = Some(SignedDuration::from_hours(1));
        for (odd, lasts) in [
            ("3600", hour),
            ("3600.0", hour),
            ("\"3600\"", hour),
            ("3.6e3", hour),
            ("-5", None),
            ("0", None),
            ("1e300", None),
            ("99999999999999999999999999", None),
            ("null", None),
            ("\"soon\"", None),
            ("{}", None),
        ] {
            let answer = read(&format!(r#","access_token":"a","expires_in":{odd}"#));
            assert_eq!(answer.lasts, lasts, "{odd}");
            assert_eq!(answer.access.as_deref(), Ok("a"), "{odd}");
            assert_eq!(answer.refresh.as_deref(), Some("r"), "{odd}");
            let now = Timestamp::UNIX_EPOCH;
            assert_eq!(answer.ends(now).is_some(), lasts.is_some(), "{odd}");
        }
        for broken in [
            "",
            r#","access_token":"""#,
            r#","access_token":7"#,
            r#","access_token":"a b""#,
            r#","access_token":"a\r\nx: y""#,
            r#","access_token":"é""#,
        ] {
            let answer = read(broken);
            assert!(answer.access.is_err(), "{broken}");
            assert_eq!(answer.refresh.as_deref(), Some("r"), "{broken}");
        }
        for kind in [r#""mac""#, r#""DPoP""#, r#""""#, "null"] {
            let text = format!(r#"{{"token_type":{kind},"access_token":"a"}}"#);
            assert!(
                TokenAnswer::of(text.as_bytes()).unwrap().access.is_err(),
                "{kind}"
            );
        }
        assert!(TokenAnswer::of(b"access_token=a").is_none());
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
