//! Who may: bearer tokens and Basic users, kept as hashes, compared in constant time.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What a credential allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To send events.
    Publisher,
    /// To read metrics and health.
    Viewer,
}

struct Credential {
    hash: [u8; 32],
    roles: Vec<Role>,
}

/// The credentials that the server knows.
#[derive(Default)]
pub struct Credentials {
    known: Vec<Credential>,
}

/// Whose request it is: the credential's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Principal(pub(super) u32);

impl Credentials {
    /// Knows nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows a bearer token.
    #[must_use]
    pub fn token(self, token: &str, roles: &[Role]) -> Self {
        self.add(b"bearer", token.as_bytes(), roles)
    }

    /// Knows a user of Basic authentication.
    #[must_use]
    pub fn user(self, name: &str, password: &str, roles: &[Role]) -> Self {
        self.add(b"basic", format!("{name}:{password}").as_bytes(), roles)
    }

    fn add(mut self, scheme: &[u8], secret: &[u8], roles: &[Role]) -> Self {
        self.known.push(Credential { hash: hash(scheme, secret), roles: roles.to_vec() });
        self
    }

    /// Whose credential the request shows, if anyone's.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Option<Principal> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        let shown = if scheme.eq_ignore_ascii_case("bearer") {
            hash(b"bearer", rest.trim().as_bytes())
        } else if scheme.eq_ignore_ascii_case("basic") {
            hash(b"basic", &STANDARD.decode(rest.trim()).ok()?)
        } else {
            return None;
        };
        // Every credential is compared, so the time tells neither which one nor how far.
        let mut found = u32::MAX;
        for (number, credential) in self.known.iter().enumerate() {
            let equal: Choice = credential.hash.ct_eq(&shown);
            found.conditional_assign(&(number as u32), equal);
        }
        (found != u32::MAX).then_some(Principal(found))
    }

    /// Whether the principal has the role.
    pub(super) fn may(&self, principal: Principal, role: Role) -> bool {
        self.known.get(principal.0 as usize).is_some_and(|credential| credential.roles.contains(&role))
    }
}

fn hash(scheme: &[u8], secret: &[u8]) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(scheme);
    sha.update([0]);
    sha.update(secret);
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn knows_tokens_and_users_and_nobody_else() {
        let known = Credentials::new().token("first-token-of-two", &[Role::Publisher]).user(
            "ops",
            "pass:word",
            &[Role::Viewer],
        );
        let basic = format!("Basic {}", STANDARD.encode("ops:pass:word"));
        assert_eq!(known.authenticate(&headers("bearer first-token-of-two")), Some(Principal(0)));
        assert_eq!(known.authenticate(&headers(&basic)), Some(Principal(1)));
        for wrong in ["Bearer first-token", "Bearer", "Basic Zm9v", "Basic !", "Digest x", "Bearer ops:pass:word"] {
            assert_eq!(known.authenticate(&headers(wrong)), None, "{wrong}");
        }
        assert!(known.may(Principal(0), Role::Publisher) && !known.may(Principal(0), Role::Viewer));
        assert!(known.may(Principal(1), Role::Viewer) && !known.may(Principal(1), Role::Publisher));
    }
}
