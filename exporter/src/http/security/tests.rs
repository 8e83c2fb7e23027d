use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;

use super::{Auth, Security, SecurityFiles};

fn auth(text: &str) -> Result<Auth, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth");
    fs::write(&path, text).unwrap();
    Auth::read(&path).map_err(|error| error.to_string())
}

fn admits(auth: &Auth, header: &str) -> bool {
    auth.admits(Some(&HeaderValue::from_str(header).unwrap()))
}

#[test]
fn who_is_in_the_file_may_and_nobody_else() {
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
    assert!(!auth.admits(None));
    assert!(!auth.admits(Some(&HeaderValue::from_bytes(b"Bearer \xff").unwrap())));
}

#[test]
fn clients_are_asked_for_what_there_is() {
    let challenge = |text| auth(text).unwrap().challenge().to_str().unwrap().to_owned();
    assert_eq!(challenge("bearer a"), r#"Bearer realm="ictus""#);
    assert_eq!(challenge("basic a:b"), r#"Basic realm="ictus""#);
    assert_eq!(challenge("basic a:b\nbearer c"), r#"Basic realm="ictus", Bearer realm="ictus""#);
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_its_secrets() {
    for (text, line) in [
        ("", "lets nobody in"),
        ("# only this\n", "lets nobody in"),
        ("bearer s3cret\ns3cret", "line 2 is of no known kind"),
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
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (chain, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    fs::write(&chain, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
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
        (&chain, &other, "its private key?"),
    ] {
        let error =
            Security::open(SecurityFiles::new().with_certificate(chain, key)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    Security::open(SecurityFiles::new().with_certificate(chain, key)).unwrap();
}

#[test]
fn a_reload_that_fails_leaves_what_was_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth");
    fs::write(&path, "bearer old").unwrap();
    let security = Security::open(SecurityFiles::new().with_auth(&path)).unwrap();
    let admits = |token: &str| admits(security.now().auth.as_ref().unwrap(), &format!("Bearer {token}"));
    fs::write(&path, "nonsense").unwrap();
    security.reload().unwrap_err();
    assert!(admits("old"));
    fs::write(&path, "bearer new").unwrap();
    security.reload().unwrap();
    assert!(admits("new") && !admits("old"));
}

#[test]
fn files_that_have_changed_are_read_without_being_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth");
    fs::write(&path, "bearer old").unwrap();
    let security = Security::open(SecurityFiles::new().with_auth(&path)).unwrap();
    let admits = |token: &str| admits(security.now().auth.as_ref().unwrap(), &format!("Bearer {token}"));
    let later = || security.state().looked -= super::LOOK_EVERY;
    fs::write(&path, "bearer longer").unwrap();
    assert!(admits("old"), "it is not time to look yet");
    later();
    assert!(admits("longer"));
    fs::remove_file(&path).unwrap();
    later();
    assert!(admits("longer"), "what was read before stays in force");
    fs::write(&path, "bearer new").unwrap();
    later();
    assert!(admits("new") && !admits("longer"));
}
