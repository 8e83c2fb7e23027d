//! The manual page of the command, with all of its actions on one page.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

/// Exit codes and what they mean.
const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "done; serve and write were ended by SIGTERM or SIGINT"),
    ("1", "failed: an address in use, a directory that cannot be read"),
    ("2", "wrongly called"),
    ("10 to 21", "the first problem that check has found; docs/command.md has the list"),
];

/// Variables that hold where an option is not given.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("ICTUS_DIRECTORY", "the metrics directory, DIR"),
    ("ICTUS_SURFACES", "the surfaces to show, --surface"),
    ("ICTUS_TLS_CERT, ICTUS_TLS_KEY", "the certificate and the key of serve, --tls-cert and --tls-key"),
    ("ICTUS_AUTH", "the file of clients of serve, --auth"),
];

const EXAMPLES: &[(&str, &str)] = &[
    ("ictus check /var/lib/conductor/metrics", "What is wrong with a directory, and what to do about it."),
    ("ictus dump /var/lib/conductor/metrics --format table", "What is there now, as a table."),
    (
        "ictus serve /var/lib/conductor/metrics --listen :9464",
        "For Prometheus to scrape, from other machines too.",
    ),
    (
        "ictus write /var/lib/conductor/metrics --output /var/lib/node_exporter/ictus.prom",
        "For node-exporter's textfile collector.",
    ),
];

/// Renders the page as roff.
pub(super) fn page(mut command: Command) -> Vec<u8> {
    command.build();
    let mut page = Vec::new();
    // Writing into a vector does not fail.
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
        // Sections of the action, below the section that it is here.
        page.extend(String::from_utf8_lossy(&section).replace(".SH ", ".SS ").into_bytes());
    }
    list("EXIT STATUS", EXIT_CODES).to_writer(page)?;
    list("ENVIRONMENT", ENVIRONMENT).to_writer(page)?;
    let mut examples = Roff::new();
    examples.control("SH", ["EXAMPLES"]);
    for (line, meaning) in EXAMPLES {
        examples.control("TP", []).text([bold(*line)]).text([roman(*meaning)]);
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

fn list(title: &str, entries: &[(&str, &str)]) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]);
    for (name, meaning) in entries {
        section.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
    }
    section
}
