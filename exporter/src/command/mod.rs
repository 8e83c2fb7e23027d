//! `ictus` command: the sinks of this crate for a shell.
//!
//! Metrics go to standard output, all messages to standard error. docs/command.md is the page for
//! users.
//!
//! Exit codes:
//!
//! - 0: success, or ended by SIGTERM or SIGINT.
//! - 1: failure.
//! - 2: wrong usage.
//! - 10 and above: the first problem that `check` found.

mod check;
mod dump;
mod examples;
mod labels;
mod manual;
mod push;
mod security_args;
mod serve;
mod signals;
mod source_args;
#[cfg(feature = "top")]
mod top;
mod write;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use ictus::surface::ShownFamily;

#[cfg(feature = "top")]
use self::top::Top;
use self::{check::Check, dump::Dump, push::Push, serve::Serve, write::Write};
use crate::terminal::{self, eprint, print};

/// The exit code for wrong usage, the same as clap's.
const USAGE_ERROR: i32 = 2;
/// The maximum width of help, also on wider terminals and without a terminal.
const MAX_HELP_COLUMNS: usize = 100;

/// Serve, write, print and check the metrics in a metrics directory.
#[derive(Debug, Parser)]
#[command(name = "ictus", version, subcommand_required = true, max_term_width = MAX_HELP_COLUMNS)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Serve the metrics over HTTP, for Prometheus to scrape
    Serve(Serve),
    /// Write the metrics to a file at an interval, for node-exporter's textfile collector
    Write(Write),
    /// Print the metrics once
    Dump(Dump),
    /// Show live series in the terminal: the slowest, busiest or most frequent first
    #[cfg(feature = "top")]
    Top(Top),
    /// Push the metrics to a Prometheus Pushgateway or an OpenTelemetry Collector
    Push(Push),
    /// Check a metrics directory, and print the remedy of each problem
    Check(Check),
    /// Run a Python program whose Conductor workers record with Ictus
    ///
    /// Only the command of the Python wheel has this action. The program runs as with `python SCRIPT` or
    /// `python -m MODULE`, with ICTUS_CONDUCTOR=1 in its environment.
    #[command(override_usage = "ictus run SCRIPT [ARGUMENT]...\n       ictus run -m MODULE [ARGUMENT]...")]
    Run {
        /// The program and its arguments
        #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// Returns the command line, with examples in its help.
fn command() -> Command {
    examples::add_to(Cli::command())
}

/// Returns the families that programs recorded in a metrics directory with `prometheus_client`. Only
/// Python can read them.
pub type Merge = Arc<dyn Fn(&Path) -> Arc<[ShownFamily]> + Send + Sync>;

/// Runs the command and returns its exit code. The first argument is the command's name.
///
/// The command catches SIGTERM and SIGINT while it serves or writes. Without `merge`, it omits the
/// families of `prometheus_client` and logs this once.
///
/// ```
/// use std::sync::Arc;
///
/// use ictus_exporter::command::{Merge, run};
///
/// let arguments = |line: &str| line.split(' ').map(Into::into).collect::<Vec<_>>().into_iter();
/// assert_eq!(run(arguments("ictus --version"), None), 0);
/// // A directory without metrics, and no families of `prometheus_client`.
/// let merge: Merge = Arc::new(|_directory| Arc::new([]));
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().display();
/// assert_eq!(run(arguments(&format!("ictus dump {directory}")), Some(&merge)), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn run(args: impl Iterator<Item = OsString>, merge: Option<&Merge>) -> i32 {
    terminal::log_to_standard_error();
    let parsed = command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(answer) => {
            let text = answer.render().to_string();
            if answer.use_stderr() {
                // All messages of the command have the same prefix. Help that was not requested has none.
                let message = text.strip_prefix("error: ").map(|message| format!("ictus: {message}"));
                let _ = io::stderr().lock().write_all(message.as_ref().unwrap_or(&text).as_bytes());
                return answer.exit_code();
            }
            return print(text.as_bytes());
        }
    };
    let done = match cli.action {
        Action::Serve(serve) => serve.run(merge),
        Action::Write(write) => write.run(merge),
        Action::Dump(dump) => dump.run(merge),
        #[cfg(feature = "top")]
        Action::Top(top) => top.run(),
        Action::Push(push) => push.run(merge),
        Action::Check(check) => check.run(),
        Action::Run { arguments: _ } => {
            eprint(&"run needs Python: install the wheel, whose command `ictus` has it");
            Ok(USAGE_ERROR)
        }
        Action::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "ictus", &mut script);
            Ok(print(&script))
        }
        Action::Man => Ok(print(&manual::page(command()))),
    };
    done.unwrap_or_else(|error| {
        eprint(&error);
        1
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    /// Returns the exit code and the output of a call with wrong arguments.
    fn refusal(arguments: &[&str]) -> Option<String> {
        Cli::try_parse_from(arguments).err().map(|refused| refused.to_string())
    }

    #[test]
    fn no_action_takes_an_empty_path_or_one_that_a_shell_expands() {
        let (mut directories, mut files) = (0, 0);
        for action in Cli::command().get_subcommands() {
            for option in action.get_arguments() {
                let kind = option.get_value_names().unwrap_or_default();
                let long = option.get_long().map(|long| format!("--{long}"));
                let arguments = |path| match &long {
                    Some(long) => vec!["ictus", action.get_name(), "/tmp", long, path],
                    None => vec!["ictus", action.get_name(), path],
                };
                match kind {
                    [kind] if kind == "DIR" => directories += 1,
                    [kind] if kind == "FILE" => files += 1,
                    _ => continue,
                }
                for path in ["~", "~/metrics", "~root/metrics"] {
                    let said = refusal(&arguments(path));
                    let said = said.unwrap_or_else(|| panic!("{:?}", arguments(path)));
                    assert!(said.contains(path) && said.contains("which only a shell expands"), "{said}");
                }
                let said = refusal(&arguments(""));
                assert!(said.is_some_and(|said| said.contains("a value is required")), "{:?}", arguments(""));
            }
        }
        assert!(directories == 6 && files >= 6, "{directories} {files}");
    }

    #[test]
    fn serve_listens_on_loopback_by_default() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let listen = serve.get_arguments().find(|option| option.get_long() == Some("listen")).unwrap();
        assert_eq!(listen.get_default_values(), ["127.0.0.1:9464"]);
        assert_eq!(listen.get_env(), None);
    }

    #[test]
    fn no_socket_has_a_path_that_a_shell_expands() {
        let said = refusal(&["ictus", "serve", "/tmp", "--listen", "unix:~/ictus.sock"]);
        assert!(said.is_some_and(|said| said.contains("only a shell expands `~`")));
    }
}
