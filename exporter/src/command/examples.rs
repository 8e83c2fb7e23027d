//! Examples at the end of each action's help and on the manual page.

use clap::Command;

/// Each example: its action, its purpose, and the line for a shell.
pub(super) const EXAMPLES: &[(&str, &str, &str)] = &[
    ("check", "Diagnose a directory, as the workers' user", "ictus check /var/lib/conductor/metrics"),
    (
        "check",
        "Check also whether the endpoint's address is free",
        "ictus check /var/lib/conductor/metrics --listen 0.0.0.0:9464",
    ),
    ("dump", "Print the current metrics as a table", "ictus dump /var/lib/conductor/metrics --format table"),
    (
        "dump",
        "Print the p99 of each timer's series",
        "ictus dump /var/lib/conductor/metrics --format json | jq '.families[].series[].quantiles.p99'",
    ),
    (
        "serve",
        "Serve on this machine only, at http://127.0.0.1:9464/metrics",
        "ictus serve /var/lib/conductor/metrics",
    ),
    (
        "serve",
        "Serve to other machines from a container, with TLS and a token",
        "ictus serve /metrics --listen :9464 --tls-cert cert.pem --tls-key key.pem --auth tokens",
    ),
    (
        "write",
        "Write the file that node-exporter reads, every 10 seconds",
        "ictus write /var/lib/conductor/metrics --output /var/lib/node_exporter/ictus.prom",
    ),
    ("top", "Show the busiest series first", "ictus top /var/lib/conductor/metrics --sort rate"),
    (
        "push",
        "Push the metrics of a nightly job to a Pushgateway",
        "ictus push /var/lib/imports/metrics --job nightly --gateway http://gateway:9091",
    ),
    ("run", "Run a worker of conductor-python with Ictus", "ictus run worker.py"),
    (
        "completions",
        "Install the completions of bash",
        "ictus completions bash >/etc/bash_completion.d/ictus",
    ),
    ("man", "Read the manual page", "ictus man | man -l -"),
];

/// Returns the command with examples at the end of its help and of that of each action.
pub(super) fn add_to(mut command: Command) -> Command {
    let actions: Vec<String> = command.get_subcommands().map(|action| action.get_name().to_owned()).collect();
    for name in &actions {
        command = command.mut_subcommand(name, |action| action.after_help(section(|action| action == name)));
    }
    let first = ["check", "dump", "serve"];
    let mut seen = Vec::new();
    let examples = section(|action| {
        let is_first = first.contains(&action) && !seen.contains(&action.to_owned());
        seen.push(action.to_owned());
        is_first
    });
    command.after_help(format!(
        "{examples}\n\n\
         `ictus help COMMAND` prints the options and examples of a command, and `ictus man` the exit codes and \
         environment variables. If ICTUS_DIRECTORY is set, DIR may be omitted."
    ))
}

/// Returns the examples of the actions that are included.
fn section(mut is_included: impl FnMut(&str) -> bool) -> String {
    let included = EXAMPLES.iter().filter(|(action, ..)| is_included(action));
    let lines: Vec<String> =
        included.map(|(_, purpose, line)| format!("  {purpose}:\n      {line}")).collect();
    format!("Examples:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::EXAMPLES;
    use crate::command::{MAX_HELP_COLUMNS, command};

    #[test]
    fn every_action_shows_its_examples_at_the_end_of_its_help() {
        for action in command().get_subcommands_mut() {
            let name = action.get_name().to_owned();
            let help = action.render_long_help().to_string();
            let (_, shown) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{name}: {help}"));
            assert!(EXAMPLES.iter().any(|(of, ..)| *of == name), "{name}");
            assert_eq!(
                shown.matches("ictus ").count(),
                EXAMPLES.iter().filter(|(of, ..)| *of == name).count()
            );
        }
        let help = command().render_long_help().to_string();
        assert!(help.contains("\nExamples:\n") && help.contains("ictus help COMMAND"), "{help}");
    }

    #[test]
    fn every_example_is_accepted_and_fits_a_line() {
        for (action, _, line) in EXAMPLES {
            assert!(line.len() + 6 <= MAX_HELP_COLUMNS, "{line}");
            let words = line.split([' ']).take_while(|word| !word.starts_with(['|', '>']));
            let parsed = command().try_get_matches_from(words);
            let parsed = parsed.unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
            assert_eq!(parsed.subcommand_name(), Some(*action), "{line}");
        }
    }
}
