//! External programs: found or skipped, started on free ports, and always ended.

use std::{
    env,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// For anything that others do; a machine may be busy.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether all of them are installed. Says so where they are not, and panics where they must be.
pub(crate) fn installed(programs: &[&str]) -> bool {
    let folders: Vec<_> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let missing = |program: &&&str| !folders.iter().any(|folder| folder.join(program).is_file());
    let missing: Vec<_> = programs.iter().filter(missing).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(env::var("CI").as_deref() != Ok("true"), "not installed: {missing:?}; see .ci/prometheus.sh");
    // Past the test runner, which shows no output of tests that pass.
    let mut terminal = io::stderr().lock();
    writeln!(terminal, "SKIPPED, not installed: {missing:?}; .ci/prometheus.sh installs them").unwrap();
    false
}

/// A command whose process ends with the thread that starts it: with the test, even where that is killed.
pub(crate) fn tied(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// A child that ends when this does, also by a panic.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn new(command: &mut Command) -> Running {
        Running(command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is no failure.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that must be told its port. Between our asking for a free one and its taking it, others
/// may: then the server ends, or `ready` sees that who answers is not ours.
pub(crate) fn listening(
    command: impl Fn(SocketAddr) -> Command,
    ready: impl Fn(SocketAddr) -> bool,
) -> (Running, SocketAddr) {
    for _ in 0..10 {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut running = Running::new(&mut command(address));
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

/// Waits for something that others do.
pub(crate) fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while !reached() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
