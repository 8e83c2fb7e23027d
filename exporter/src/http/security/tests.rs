use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;

use super::{Auth, Part, Proof, Security, SecurityFiles};

fn auth(text: &str) -> Result<Auth, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth");
    fs::write(&path, text).unwrap();
    Auth::read(&path).map_err(|error| error.to_string())
}

fn admits(auth: &Auth, header: &str) -> bool {
    auth.proof(Some(&HeaderValue::from_str(header).unwrap())) == Proof::Valid
}

#[test]
fn only_listed_credentials_are_authorized() {
    let auth = auth("# two of a kind\n\nbearer old-token\n  Bearer\tnew-token  \nbasic ann:a b:c\n").unwrap();
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    for header in ["Bearer old-token", "bearer new-token", &basic("ann:a b:c")] {
        assert!(admits(&auth, header), "{header}");
    }
    let wrong = [
        "Bearer old-toke",
        "Bearer old-token2",
        "Bearer",
        "Bearer ",
        "old-token",
        "Digest old-token",
        "Bearer ann:a b:c",
        "Basic old-token",
        "Basic !",
        &basic("ann:a b"),
        &basic("ann:"),
        &basic("ann"),
        &basic("Ann:a b:c"),
        "",
    ];
    for header in wrong {
        assert!(!admits(&auth, header), "{header}");
    }
    assert_eq!(auth.proof(None), Proof::Missing);
    assert_eq!(auth.proof(Some(&HeaderValue::from_bytes(b"Bearer \xff").unwrap())), Proof::Invalid);
}

#[test]
fn challenge_has_the_configured_schemes() {
    let challenge = |text| auth(text).unwrap().challenge().to_str().unwrap().to_owned();
    assert_eq!(challenge("bearer a"), r#"Bearer realm="ictus""#);
    assert_eq!(challenge("basic a:b"), r#"Basic realm="ictus""#);
    assert_eq!(challenge("basic a:b\nbearer c"), r#"Basic realm="ictus", Bearer realm="ictus""#);
}

#[test]
fn error_of_a_file_has_no_secrets() {
    for (text, line) in [
        ("", "has no credentials"),
        ("# only this\n", "has no credentials"),
        ("bearer s3cret\ns3cret", "line 2 has an unknown scheme"),
        ("bearer", "line 1 has no secret"),
        ("bearer s3 cret", "line 1 has no secret"),
        ("\nbasic s3cret", "line 2 has no secret"),
        ("basic s3cret:", "line 1 has no secret"),
    ] {
        let error = auth(text).unwrap_err();
        assert!(error.contains(line) && error.contains("bearer TOKEN"), "{text:?}: {error}");
        assert!(!error.contains("s3"), "{error}");
    }
    let secret = auth("bearer s3cret").unwrap();
    assert!(!format!("{secret:?}").contains("s3cret"));
}

fn certificate(folder: &Path, name: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (chain, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    fs::write(&chain, certified.cert.pem()).unwrap();
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    (chain, key)
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = certificate(folder.path(), "one");
    let (_, other) = certificate(folder.path(), "other");
    let empty = folder.path().join("empty");
    fs::write(&empty, "no PEM").unwrap();
    let missing = folder.path().join("missing");
    for (chain, key, why) in [
        (&missing, &key, "No such file"),
        (&chain, &missing, "No such file"),
        (&empty, &key, "begins with -----BEGIN"),
        (&chain, &empty, "begins with -----BEGIN"),
        (&key, &key, "begins with -----BEGIN"),
        (&chain, &chain, "begins with -----BEGIN"),
        (&chain, &other, "does not match the private key"),
    ] {
        let error =
            Security::open(SecurityFiles::new().with_certificate(chain, key)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    Security::open(SecurityFiles::new().with_certificate(chain, key)).unwrap();
}

/// Errors quote no part of a private key or a credential.
#[test]
fn errors_quote_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = certificate(folder.path(), "one");
    let good = fs::read_to_string(&key).unwrap();
    let secret = "s3cretBytesOfAKey";
    for broken in [
        format!("-----BEGIN {secret}-----\n{secret}\n-----END {secret}-----\n"),
        format!("-----BEGIN PRIVATE KEY {secret}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}!\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{secret}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(secret)),
        good.replace("-----END", secret),
        good.lines().next().unwrap().to_owned() + secret,
        secret.to_owned(),
    ] {
        fs::write(&key, &broken).unwrap();
        let files = SecurityFiles::new().with_certificate(&chain, &key).with_auth(&key);
        let error = Security::open(files).unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            let parts =
                secret.as_bytes().windows(6).map(|part| std::str::from_utf8(part).unwrap().to_owned());
            let spelled = format!("{:?}", secret.as_bytes());
            assert!(!parts.into_iter().any(|part| text.contains(&part)), "{text}");
            assert!(!text.contains(&spelled[1..20]), "{text}");
        }
    }
}

#[test]
fn debug_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = certificate(folder.path(), "one");
    let hash = "$2b$04$abcdefghijklmnopqrstuuJ9pOk9SVxhCY0Q9jv0lTzXeyJ8bTq3G";
    let credentials = folder.path().join("credentials");
    fs::write(&credentials, format!("bearer s3cret\nbasic ann:s3cret\nbasic bob:{hash}\n")).unwrap();
    let files = SecurityFiles::new().with_certificate(&chain, &key).with_auth(&credentials);
    let security = Security::open(files).unwrap();
    let text = format!("{security:#?}");
    assert!(text.contains("2 basic, 1 bearer"), "{text}");
    let key = fs::read_to_string(&key).unwrap();
    for secret in ["s3cret", "ann", hash].into_iter().chain(key.lines().filter(|line| !line.starts_with('-')))
    {
        assert!(!text.contains(secret), "{text}");
    }
}

/// Returns whether a token is accepted; `None` if every request is rejected.
fn opens(security: &Security, token: &str) -> Option<bool> {
    match &security.state().current.auth {
        Part::Read(auth) => Some(admits(auth, &format!("Bearer {token}"))),
        Part::Broken => None,
        Part::NotAsked => Some(true),
    }
}

#[test]
fn unreadable_credentials_authorize_no_client() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth");
    fs::write(&path, "bearer old").unwrap();
    let security = Security::open(SecurityFiles::new().with_auth(&path)).unwrap();
    assert_eq!(opens(&security, "old"), Some(true));
    fs::write(&path, "nonsense").unwrap();
    let error = security.reload().unwrap_err().to_string();
    assert!(error.contains("every request is rejected"), "{error}");
    assert_eq!(opens(&security, "old"), None);
    fs::remove_file(&path).unwrap();
    security.poll();
    assert_eq!(opens(&security, "old"), None);
    fs::write(&path, "bearer new").unwrap();
    security.reload().unwrap();
    assert_eq!((opens(&security, "old"), opens(&security, "new")), (Some(false), Some(true)));
}

#[test]
fn broken_certificate_does_not_block_new_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = certificate(folder.path(), "one");
    let path = folder.path().join("auth");
    fs::write(&path, "bearer old").unwrap();
    let files = SecurityFiles::new().with_certificate(&chain, &key).with_auth(&path);
    let security = Security::open(files).unwrap();
    fs::write(&chain, "broken").unwrap();
    fs::write(&path, "bearer new").unwrap();
    let error = security.reload().unwrap_err().to_string();
    assert!(error.contains("the previous certificate stays in use"), "{error}");
    assert_eq!((opens(&security, "old"), opens(&security, "new")), (Some(false), Some(true)));
    assert!(security.state().current.acceptor.is_some());
}

#[test]
fn uncheckable_client_certificates_refuse_every_connection() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = certificate(folder.path(), "one");
    let authorities = folder.path().join("ca.pem");
    fs::copy(&chain, &authorities).unwrap();
    let alone = SecurityFiles::new().with_client_authorities(&authorities);
    assert!(Security::open(alone.clone()).unwrap_err().to_string().contains("client certificates need TLS"));
    let security = Security::open(alone.with_certificate(&chain, &key)).unwrap();
    assert!(security.state().current.acceptor.is_some());
    fs::remove_file(&authorities).unwrap();
    security.reload().unwrap_err();
    assert!(security.state().current.acceptor.is_none());
    fs::copy(&chain, &authorities).unwrap();
    security.reload().unwrap();
    assert!(security.state().current.acceptor.is_some());
}

#[test]
fn changed_files_are_reloaded_automatically() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth");
    fs::write(&path, "bearer old").unwrap();
    let security = Security::open(SecurityFiles::new().with_auth(&path)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let opens = |token| {
        runtime.block_on(security.current());
        opens(&security, token)
    };
    let later = || security.state().polled -= super::POLL_INTERVAL;
    fs::write(&path, "bearer longer").unwrap();
    assert_eq!(opens("old"), Some(true), "it is not time to poll yet");
    later();
    assert_eq!(opens("longer"), Some(true));
    fs::remove_file(&path).unwrap();
    later();
    assert_eq!(opens("longer"), None);
    fs::write(&path, "bearer new").unwrap();
    later();
    assert_eq!((opens("new"), opens("longer")), (Some(true), Some(false)));
}

/// The bcrypt hash of `pass`, at the lowest cost.
const HASH: &str = "$2b$04$sOry3bINHVqGzaf58M9uZ.khfvCAorBPPKq8tMGy7NuzVTuMDRcVa";

#[test]
fn passwords_may_be_given_as_hashes() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let auth = std::sync::Arc::new(auth(&format!("basic ann:{HASH}\nbasic bob:plain")).unwrap());
    let verdict = |pair: &str| {
        let header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).unwrap();
        match auth.proof(Some(&header)) {
            Proof::Hashed(secret) => runtime.block_on(auth.hashed().verdict(secret)) == super::Verdict::Valid,
            proof => proof == Proof::Valid,
        }
    };
    for _ in 0..2 {
        for (pair, expected) in [
            ("ann:pass", true),
            ("bob:plain", true),
            ("ann:passe", false),
            ("ann:", false),
            (&format!("ann:{HASH}"), false),
            ("eve:pass", false),
            ("ann", false),
        ] {
            assert_eq!(verdict(pair), expected, "{pair}");
        }
    }
    for (line, why) in [
        ("basic ann:$2y$05$short", "has an invalid bcrypt hash"),
        (&format!("basic ann:{}", HASH.replace("$04$", "$31$")), "takes too long"),
    ] {
        let error = self::auth(line).unwrap_err();
        assert!(error.contains(why) && !error.contains("$2"), "{error}");
    }
}
