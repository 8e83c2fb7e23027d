//! Manual page of the command, with all actions on one page.

use std::collections::BTreeMap;

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use super::{check, examples::EXAMPLES, push};

/// Returns the exit codes and their meanings.
fn exit_codes() -> Vec<(String, String)> {
    let findings = format!("{} to {}", check::CODES.start(), check::CODES.end());
    [
        ("0", "done; serve and write were ended by SIGTERM or SIGINT"),
        ("1", "failed: an address in use, a directory that cannot be read"),
        ("2", "wrong usage"),
        (&findings, "the first problem that check found; docs/command.md has the list"),
    ]
    .map(|(code, meaning)| (code.to_owned(), meaning.to_owned()))
    .to_vec()
}

/// Variables that apply if an option is not given, each with the options of all actions.
fn environment(command: &Command) -> Vec<(String, String)> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for option in command.get_subcommands().flat_map(Command::get_arguments) {
        let Some(variable) = option.get_env() else { continue };
        let name = match (option.get_long(), option.get_value_names()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some([name, ..])) => name.to_string(),
            (None, _) => continue,
        };
        let meaning = || format!("applies if {name} is not given");
        variables.entry(variable.to_string_lossy().into_owned()).or_insert_with(meaning);
    }
    let credentials = "the credentials of push themselves, in place of --credentials";
    variables.insert(push::CREDENTIALS.to_owned(), credentials.to_owned());
    variables.into_iter().collect()
}

/// Renders the page as roff.
pub(super) fn page(mut command: Command) -> Vec<u8> {
    command.build();
    let mut page = Vec::new();
    // Writing to a vector cannot fail.
    let _ = render(&command, &mut page);
    page
}

fn render(command: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    for action in command.get_subcommands().filter(|action| action.get_name() != "help") {
        Roff::new()
            .control("SH", [format!("ICTUS {}", action.get_name().to_uppercase()).as_str()])
            .to_writer(page)?;
        let man = Man::new(action.clone());
        let mut section = Vec::new();
        man.render_description_section(&mut section)?;
        man.render_synopsis_section(&mut section)?;
        man.render_options_section(&mut section)?;
        // On this page, the sections of an action become subsections.
        page.extend(String::from_utf8_lossy(&section).replace(".SH ", ".SS ").into_bytes());
    }
    list("EXIT STATUS", &exit_codes()).to_writer(page)?;
    list("ENVIRONMENT", &environment(command)).to_writer(page)?;
    let mut examples = Roff::new();
    examples.control("SH", ["EXAMPLES"]);
    for (_, purpose, line) in EXAMPLES {
        examples.control("TP", []).text([bold(*line)]).text([roman(format!("{purpose}."))]);
    }
    examples.to_writer(page)?;
    let mut more = Roff::new();
    more.control("SH", ["SEE ALSO"]).text([
        roman("The page of the command in the documentation, "),
        italic("docs/command.md"),
        roman(", and "),
        bold("ictus help"),
        roman(" for each action."),
    ]);
    more.to_writer(page)
}

fn list(title: &str, entries: &[(String, String)]) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]);
    for (name, meaning) in entries {
        section.control("TP", []).text([bold(name)]).text([roman(meaning)]);
    }
    section
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::CommandFactory as _;

    use super::{environment, exit_codes, page};
    use crate::command::Cli;

    #[test]
    fn page_has_every_exit_code_and_variable() {
        let docs = format!("{}/../docs/command.md", env!("CARGO_MANIFEST_DIR"));
        let docs = fs::read_to_string(docs).unwrap();
        // The documentation's table lists exactly the codes of the findings.
        let (first, last) = exit_codes()
            .last()
            .unwrap()
            .0
            .split_once(" to ")
            .map(|(first, last)| (first.parse::<i32>().unwrap(), last.parse::<i32>().unwrap()))
            .unwrap();
        let listed = |code: i32| docs.lines().any(|line| line.starts_with(&format!("| {code} |")));
        assert!((first..=last).all(listed) && !listed(last + 1) && !listed(first - 1));
        let page = String::from_utf8(page(Cli::command())).unwrap();
        let mut command = Cli::command();
        command.build();
        let variables = environment(&command);
        assert!(variables.len() >= 9, "{variables:?}");
        for (variable, _) in variables {
            assert!(page.contains(&format!("\\fB{variable}\\fR")), "{variable}");
        }
    }
}
