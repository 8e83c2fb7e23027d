//! The command as a shell runs it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise, in its helpers too; no test needs all of them"
)]
use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

pub(crate) fn ictus() -> Command {
    // Tests that are started in the background, or by nohup, ignore these signals in all their
    // children.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT", env!("CARGO_BIN_EXE_ictus")]);
    for variable in [
        "ICTUS_DIRECTORY",
        "ICTUS_SURFACES",
        "ICTUS_TLS_CERT",
        "ICTUS_TLS_KEY",
        "ICTUS_TLS_CLIENT_CA",
        "ICTUS_AUTH",
        "ICTUS_ALLOWED_HOSTS",
        "ICTUS_PUSH_CREDENTIALS",
        "ICTUS_PUSH_CREDENTIALS_FILE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Returns the exit code, standard output and standard error.
pub(crate) fn outcome(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A running action, killed if the test fails before its end.
pub(crate) struct StartedCommand {
    child: Child,
    errors: BufReader<ChildStderr>,
    /// The output until the action was ready.
    pub(crate) said: String,
}

/// Starts `ictus ACTION DIR …`, and waits until it logs that it is ready.
pub(crate) fn start(action: &str, directory: &Path, options: &[&str]) -> StartedCommand {
    let mut command = ictus();
    command.arg(action).arg(directory).args(options).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("ictus: serving ") && !said.contains("ictus: writing ") {
        assert!(errors.read_line(&mut said).unwrap() > 0, "{said}");
    }
    StartedCommand { child, errors, said }
}

/// Starts `ictus serve` on a free port. Returns its address, too.
pub(crate) fn serve(directory: &Path, options: &[&str]) -> (StartedCommand, SocketAddr) {
    let listen = if options.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] };
    let running = start("serve", directory, &[listen, options].concat());
    let address = running.said.split("://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.and_then(|address| address.parse().ok());
    let address = address.unwrap_or_else(|| panic!("no address in {:?}", running.said));
    (running, address)
}

impl StartedCommand {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line on standard error.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        line
    }

    /// Sends a signal with the shell's own command.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal, and waits for the end. Returns the exit code and the rest of the output.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "still running after {signal}");
            thread::sleep(Duration::from_millis(10));
        };
        let mut rest = String::new();
        self.errors.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }
}

impl Drop for StartedCommand {
    fn drop(&mut self) {
        // Both fail if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
