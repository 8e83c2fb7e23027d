//! External programs: found or skipped, started on free ports, and always ended.

use std::{
    env,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The timeout for any action of another program; a machine may be busy.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether all of the programs are installed. Prints the missing ones, and panics where they are
/// required.
pub(crate) fn installed(programs: &[&str]) -> bool {
    let folders: Vec<_> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let missing = |program: &&&str| !folders.iter().any(|folder| folder.join(program).is_file());
    let missing: Vec<_> = programs.iter().filter(missing).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(env::var("CI").as_deref() != Ok("true"), "not installed: {missing:?}; see .ci/prometheus.sh");
    // Write past the test runner, which shows no output of tests that pass.
    let mut terminal = io::stderr().lock();
    writeln!(terminal, "SKIPPED, not installed: {missing:?}; .ci/prometheus.sh installs them").unwrap();
    false
}

/// Returns a command whose process ends with the thread that starts it: with the test, even if the
/// test is killed.
pub(crate) fn tied(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// A child process that is killed when this value is dropped, also by a panic.
pub(crate) struct ChildProgram(Child);

impl ChildProgram {
    pub(crate) fn new(command: &mut Command) -> ChildProgram {
        ChildProgram(
            command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")),
        )
    }

    fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for ChildProgram {
    fn drop(&mut self) {
        // Ignore errors: the process may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that needs a port as an argument. Another program may take the free port before
/// the server does. Then the server ends, or `ready` notices that another server responds.
pub(crate) fn listening(
    command: impl Fn(SocketAddr) -> Command,
    ready: impl Fn(SocketAddr) -> bool,
) -> (ChildProgram, SocketAddr) {
    for _ in 0..10 {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut running = ChildProgram::new(&mut command(address));
        let deadline = Instant::now() + WAIT_TIMEOUT;
        while !running.ended() && Instant::now() < deadline {
            if ready(address) {
                return (running, address);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    panic!("{:?} does not start", command((Ipv4Addr::LOCALHOST, 0).into()));
}

/// Waits until another program has reached a state.
pub(crate) fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while !reached() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
