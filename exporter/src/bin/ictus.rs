//! The `ictus` command.
#![forbid(unsafe_code)]

fn main() {
    std::process::exit(ictus_exporter::command::run(std::env::args_os(), None));
}
