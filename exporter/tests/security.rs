//! TLS and authentication, as clients see them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too"
)]

mod http_client;
mod terminal;

use std::{
    fs,
    io::{Read, Write},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_client::Response;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use terminal::{ictus, outcome, serve};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

/// The certificate, key and credentials of a server with TLS and authentication.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Files {
        let files = Files { folder: tempfile::tempdir().unwrap() };
        files.certify();
        files.admit("bearer s3cret\nbasic ann:pa ss\n");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes another certificate, and its key.
    fn certify(&self) {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(self.path("cert"), certified.cert.pem()).unwrap();
        self.hide("key", &certified.signing_key.serialize_pem());
    }

    fn admit(&self, credentials: &str) {
        self.hide("auth", credentials);
    }

    fn hide(&self, name: &str, secret: &str) {
        fs::write(self.path(name), secret).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn options(&self) -> [String; 6] {
        let [cert, key, auth] = ["cert", "key", "auth"].map(|name| self.path(name).display().to_string());
        ["--tls-cert".to_owned(), cert, "--tls-key".to_owned(), key, "--auth".to_owned(), auth]
    }
}

/// Sends a request over TLS, from a client that trusts this certificate alone.
fn ask(address: SocketAddr, trusted: &Path, target: &str, lines: &[&str]) -> std::io::Result<Response> {
    ask_as(address, trusted, None, target, lines)
}

/// Sends a request as `ask` does, from a client with its own certificate.
fn ask_as(
    address: SocketAddr,
    trusted: &Path,
    proof: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    target: &str,
    lines: &[&str],
) -> std::io::Result<Response> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match proof {
        Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
        None => config.with_no_client_auth(),
    };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, http_client::connect(address));
    stream.flush()?;
    Ok(http_client::ask_on(stream, "GET", target, lines))
}

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(pair))
}

#[test]
fn serve_authenticates_clients_over_tls() {
    let files = Files::new();
    let metrics = tempfile::tempdir().unwrap();
    let (running, address) = serve(metrics.path(), &files.options().each_ref().map(String::as_str));
    assert!(running.said.contains(&format!("at https://{address}/metrics")), "{}", running.said);
    let status = |target, line: &str| {
        let lines = if line.is_empty() { &[][..] } else { &[line][..] };
        ask(address, &files.path("cert"), target, lines).unwrap().status
    };
    assert_eq!(status("/metrics", "Authorization: Bearer s3cret"), 200);
    assert_eq!(status("/metrics", &basic("ann:pa ss")), 200);
    for target in ["/metrics", "/", "/nowhere"] {
        for line in ["", "Authorization: Bearer s3cre", &basic("ann:pass"), &basic("s3cret")] {
            assert_eq!(status(target, line), 401, "{target} {line}");
        }
    }
    assert_eq!(status("/health", ""), 200, "probes have no secrets");
    let refused = ask(address, &files.path("cert"), "/metrics", &[]).unwrap();
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"ictus\", Bearer realm=\"ictus\""));

    // A client with plain HTTP gets no response.
    let mut plain = http_client::connect(address);
    let mut answer = Vec::new();
    write!(plain, "GET /metrics HTTP/1.1\r\nAuthorization: Bearer s3cret\r\n\r\n").unwrap();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"), "{answer:?}");
    let (code, said) = running.end("-TERM");
    assert!(code == Some(0) && said.lines().count() == 1 && said.contains("failed logins"), "{said}");
}

#[test]
fn hangup_reloads_the_files() {
    let files = Files::new();
    let metrics = tempfile::tempdir().unwrap();
    let (mut running, address) = serve(metrics.path(), &files.options().each_ref().map(String::as_str));
    let old = files.path("old");
    fs::copy(files.path("cert"), &old).unwrap();
    let bearer = |trusted: &Path, token: &str| {
        let line = format!("Authorization: Bearer {token}");
        ask(address, trusted, "/metrics", &[&line]).map(|answer| answer.status).unwrap_or_default()
    };
    assert_eq!(running.said.lines().count(), 1, "{}", running.said);
    files.admit("bearer another\n");
    assert_eq!(bearer(&old, "s3cret"), 200);
    running.signal("-HUP");
    assert!(running.line().contains("are reloaded"));
    assert_eq!((bearer(&old, "s3cret"), bearer(&old, "another")), (401, 200));
    assert!(running.line().contains("failed logins"));

    files.certify();
    files.admit("nonsense");
    running.signal("-HUP");
    let said = running.line();
    assert!(said.contains("line 1") && said.contains("every request is rejected"), "{said}");
    // The certificate is reloaded independently of the credentials.
    assert_eq!((bearer(&old, "another"), bearer(&files.path("cert"), "another")), (0, 500));
    assert_eq!(ask(address, &files.path("cert"), "/health", &[]).unwrap().status, 200);

    files.admit("bearer another\n");
    running.signal("-HUP");
    assert!(running.line().contains("are reloaded"));
    assert_eq!((bearer(&old, "another"), bearer(&files.path("cert"), "another")), (0, 200));
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
}

#[test]
fn hangup_without_files_changes_nothing() {
    let metrics = tempfile::tempdir().unwrap();
    let (running, address) = serve(metrics.path(), &[]);
    running.signal("-HUP");
    assert_eq!(http_client::get(address, "/metrics").status, 200);
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
    let running = terminal::start("write", metrics.path(), &[]);
    running.signal("-HUP");
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
}

/// Opening a file that was replaced by a FIFO would never return.
#[test]
fn files_replaced_by_fifos_block_no_client() {
    let files = Files::new();
    let metrics = tempfile::tempdir().unwrap();
    let (mut running, address) = serve(metrics.path(), &files.options().each_ref().map(String::as_str));
    let cert = files.path("old");
    fs::copy(files.path("cert"), &cert).unwrap();
    for name in ["cert", "key", "auth"] {
        fs::remove_file(files.path(name)).unwrap();
        mknodat(CWD, files.path(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }
    running.signal("-HUP");
    for _ in 0..2 {
        assert!(running.line().contains("not a regular file"));
    }
    let start = std::time::Instant::now();
    // The server uses the last certificate, and has no credentials.
    let status = |target| ask(address, &cert, target, &["Authorization: Bearer s3cret"]).unwrap().status;
    assert_eq!((status("/health"), status("/metrics")), (200, 500));
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
}

#[test]
fn failed_logins_are_logged_once_and_warned_of_without_tls() {
    let files = Files::new();
    let metrics = tempfile::tempdir().unwrap();
    let auth = files.path("auth").display().to_string();
    let (running, address) = serve(metrics.path(), &["--auth", &auth, "--listen", "127.0.0.1:0"]);
    assert!(!running.said.contains("without TLS"), "{}", running.said);
    for _ in 0..50 {
        let answer = http_client::ask_with(address, "GET", "/metrics", &["Authorization: Bearer wr0ng"]);
        assert_eq!(answer.status, 401);
    }
    // The failures are counted in a metric, which is hidden together with Ictus's other metrics of
    // itself.
    let metric = |options: &[&str]| {
        let valid = ["Authorization: Bearer s3cret"];
        let answer = http_client::ask_with(address, "GET", "/metrics", &[&valid[..], options].concat());
        let line = |line: &&str| line.starts_with("ictus_failed_logins_total ");
        answer.body.lines().find(line).map(str::to_owned)
    };
    assert_eq!(metric(&[]).as_deref(), Some("ictus_failed_logins_total 50.0"));
    let openmetrics = metric(&["Accept: application/openmetrics-text;version=1.0.0"]);
    assert_eq!(openmetrics.as_deref(), Some("ictus_failed_logins_total 50.0"));
    let (_, said) = running.end("-TERM");
    assert!(said.contains("failed logins at the endpoint: 1,") && said.contains("127.0.0.1"), "{said}");
    assert!(said.lines().count() == 1 && !said.contains("wr0ng"), "{said}");
    let options = ["--auth", &auth, "--no-health", "--listen", "127.0.0.1:0"];
    let (_running, address) = serve(metrics.path(), &options);
    let answer = http_client::ask_with(address, "GET", "/metrics", &["Authorization: Bearer s3cret"]);
    assert!(answer.status == 200 && !answer.body.contains("ictus_"), "{}", answer.body);
    let (_running, address) = serve(metrics.path(), &["--listen", "127.0.0.1:0"]);
    assert!(!http_client::ask_with(address, "GET", "/metrics", &[]).body.contains("ictus_failed_logins"));
    let (running, _) = serve(metrics.path(), &["--auth", &auth, "--listen", "0.0.0.0:0"]);
    assert!(running.said.contains("without TLS"), "{}", running.said);
}

/// Client certificates: an authority, and a certificate that it has signed.
#[test]
fn serve_requires_client_certificates() {
    let files = Files::new();
    let metrics = tempfile::tempdir().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    fs::write(files.path("ca"), authority_certificate.pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, &authority_key);
    let client_key = rcgen::KeyPair::generate().unwrap();
    let client = rcgen::CertificateParams::new(vec!["prometheus".to_owned()]).unwrap();
    let client = client.signed_by(&client_key, &issuer).unwrap();

    let [cert, ca] = ["cert", "ca"].map(|name| files.path(name));
    let options = files.options();
    let mut options: Vec<&str> = options[..4].iter().map(String::as_str).collect();
    let ca = ca.display().to_string();
    options.extend(["--tls-client-ca", &ca]);
    let (running, address) = serve(metrics.path(), &options);
    let key = PrivateKeyDer::try_from(client_key.serialize_der()).unwrap();
    let proof = (vec![client.der().clone()], key);
    assert_eq!(ask_as(address, &cert, Some(proof), "/metrics", &[]).unwrap().status, 200);
    // With TLS 1.3, a client without a certificate notices the refusal when it reads.
    let refused = std::panic::catch_unwind(|| ask(address, &cert, "/metrics", &[]).is_err());
    assert!(refused.unwrap_or(true));
    assert_eq!(running.end("-TERM"), (Some(0), String::new()));
}

#[test]
fn unusable_files_are_reported_at_start() {
    let files = Files::new();
    let metrics = tempfile::tempdir().unwrap();
    let fails = |options: &[&str]| {
        let output = ictus().arg("serve").arg(metrics.path()).args(options).output().unwrap();
        let (code, _, errors) = outcome(&output);
        (code, errors)
    };
    let [_, cert, _, key, _, auth] = files.options();
    let (code, errors) = fails(&["--tls-cert", &cert]);
    assert!(code == Some(2) && errors.contains("--tls-key"), "{errors}");
    let (code, errors) = fails(&["--tls-cert", &key, "--tls-key", &key]);
    assert!(code == Some(1) && errors.contains(&key) && errors.contains("PEM"), "{errors}");
    fs::set_permissions(files.path("auth"), fs::Permissions::from_mode(0o644)).unwrap();
    let (_, errors) = fails(&["--auth", &auth, "--listen", "192.0.2.1:1"]);
    assert!(errors.contains("every user can read") && errors.contains("chmod"), "{errors}");
    files.admit("");
    let (code, errors) = fails(&["--auth", &auth]);
    assert!(code == Some(1) && errors.contains("bearer TOKEN"), "{errors}");
    assert_eq!(errors.lines().filter(|line| line.contains("cannot use")).count(), 1, "{errors}");
}

/// Starts a gateway that responds with these bytes. If `is_endless`, it sends more bytes for as long
/// as the client reads.
fn gateway(answer: &'static [u8], is_endless: bool) -> (String, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 1 << 16];
        let read = stream.read(&mut request).unwrap();
        let _ = stream.write_all(answer);
        while is_endless && stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    (address, serving)
}

#[test]
fn push_sends_credentials_and_never_prints_them() {
    let files = Files::new();
    let metrics = tempfile::tempdir().unwrap();
    let run = |to: &str, options: &[&str], variable: Option<&str>| {
        let mut command = ictus();
        command.arg("push").arg(metrics.path()).args(["--job", "a", "--gateway", to]).args(options);
        if let Some(text) = variable {
            command.env("ICTUS_PUSH_CREDENTIALS", text);
        }
        let (code, said, errors) = outcome(&command.output().unwrap());
        assert!(!errors.contains("s3cret") && !said.contains("s3cret"), "{errors}");
        (code, errors)
    };
    let good = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let bad = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\nno\x1b[2J entry\nsecond line";
    let auth = files.path("auth").display().to_string();
    for (options, variable, header) in [
        (&["--credentials", &auth][..], None, "bearer s3cret"),
        (&[][..], Some("basic ann:s3cret"), "basic yw5uonmzy3jlda=="),
        (&[][..], None, ""),
    ] {
        let (address, serving) = gateway(good, false);
        assert_eq!(run(&format!("http://{address}"), options, variable), (Some(0), String::new()));
        let request = serving.join().unwrap().to_ascii_lowercase();
        assert_eq!(request.contains("authorization: "), !header.is_empty(), "{request}");
        assert!(request.contains(header), "{request}");
        let (address, serving) = gateway(bad, false);
        let (code, errors) = run(&format!("http://{address}"), options, variable);
        assert_eq!(code, Some(1));
        let reason =
            "Unauthorized: no\\u{1b}[2J entry; give the credentials of the server in a file (--credentials)";
        assert!(errors.contains(reason) && !errors.contains("s3cret"), "{errors:?}");
        serving.join().unwrap();
    }
    for address in ["http://ann:s3cret@127.0.0.1:1", "ann:s3cret@127.0.0.1", "http://ann:s3cret @127.0.0.1"] {
        let (code, errors) = run(address, &[], None);
        assert!(code == Some(1) && errors.contains("--credentials"), "{errors}");
    }
    let (code, errors) = run("http://127.0.0.1:1", &[], Some("s3cret"));
    assert!(code == Some(1) && errors.contains("bearer TOKEN"), "{errors}");
}

#[test]
fn push_limits_the_size_of_a_response() {
    let metrics = tempfile::tempdir().unwrap();
    for answer in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"HTTP/1.1 500 No\r\n\r\n"] {
        let (address, serving) = gateway(answer, true);
        let mut command = ictus();
        command.arg("push").arg(metrics.path()).args([
            "--job",
            "a",
            "--gateway",
            &format!("http://{address}"),
        ]);
        let start = std::time::Instant::now();
        let (code, _, errors) = outcome(&command.output().unwrap());
        assert!(code == Some(1) && errors.lines().count() == 1 && errors.len() < 500, "{errors}");
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        serving.join().unwrap();
    }
}
