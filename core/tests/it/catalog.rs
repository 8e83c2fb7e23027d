//! The catalog is written once, in `core/src/catalog`. Each other list of its metrics, in C, in the
//! packages for other languages, in Python and in the docs, has exactly its metrics.

use std::{collections::BTreeSet, fs, path::Path};

use ictus::catalog::{ALL, CONSTANTS, Definition, Kind, Unit};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the part of a text between two others.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{start:?} is missing"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?} after {start:?}")).0
}

/// Returns the words of capitals, digits and underscores that follow a prefix.
fn constants_after<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(prefix).skip(1);
    words.map(|rest| rest.split(|c| !is_part(c)).next().unwrap_or_default()).collect()
}

fn all_constants() -> BTreeSet<&'static str> {
    CONSTANTS.iter().copied().collect()
}

/// Returns `TASK_POLL` as `TaskPoll`.
fn pascal_case(constant: &str) -> String {
    let word = |word: &str| format!("{}{}", &word[..1], word[1..].to_ascii_lowercase());
    constant.split('_').map(word).collect()
}

/// Returns `TASK_POLL` as `taskPoll`.
fn camel_case(constant: &str) -> String {
    let pascal = pascal_case(constant);
    format!("{}{}", pascal[..1].to_ascii_lowercase(), &pascal[1..])
}

/// Describes kind, unit and labels as the C header does.
fn described(metric: &Definition) -> String {
    let kind = match (metric.kind, metric.unit) {
        (Kind::Counter, _) => "Counter",
        (Kind::Gauge, _) => "Gauge",
        (Kind::Timer, Unit::Bytes) => "Timer in bytes",
        (Kind::Timer, Unit::Seconds) => "Timer in seconds",
        other => panic!("{other:?}"),
    };
    let plural = if metric.labels.len() == 1 { "" } else { "s" };
    format!("{kind}; label{plural}: {}.", metric.labels.join(", "))
}

#[test]
fn c_enum_numbers_and_describes_every_metric() {
    let source = read("ffi-c/src/conductor.rs");
    let body = between(&source, "pub enum ictus_conductor_metric {", "\n}");
    // Each variant: its comment in one line, and its name and number.
    let mut variants = vec![String::new()];
    for line in body.lines().map(str::trim) {
        if let (Some(variant), text) = (variants.last_mut(), line.trim_start_matches("/// ")) {
            variant.push_str(text);
            variant.push(' ');
        }
        if line.ends_with(',') && !line.starts_with("///") {
            variants.push(String::new());
        }
    }
    variants.retain(|variant| !variant.is_empty());
    assert_eq!(variants.len(), ALL.len(), "{variants:#?}");
    for (number, ((metric, constant), variant)) in ALL.iter().zip(CONSTANTS).zip(&variants).enumerate() {
        let end = format!(" {} = {number}, ", pascal_case(constant));
        assert!(variant.ends_with(&end), "{variant:?} does not end with {end:?}");
        assert!(variant.contains(&described(metric)), "{variant:?} lacks {:?}", described(metric));
    }
}

#[test]
fn go_has_a_constant_of_every_metric() {
    let source = read("bindings/go/catalog.go");
    assert_eq!(constants_after(&source, "C.ICTUS_CONDUCTOR_METRIC_"), all_constants());
}

#[test]
fn java_enum_has_every_metric_in_order() {
    let source = read("bindings/java/src/main/java/io/ictus/Registry.java");
    let body = between(&source, "public enum Metric {", "}");
    let names: Vec<&str> = body.split([',', ';']).map(str::trim).filter(|name| !name.is_empty()).collect();
    assert_eq!(names, CONSTANTS);
}

#[test]
fn javascript_table_numbers_every_metric() {
    let source = read("bindings/javascript/src/conductor.js");
    let body = between(&source, "const METRICS = Object.freeze({", "});");
    let rows: Vec<&str> = body.split(',').map(str::trim).filter(|row| !row.is_empty()).collect();
    let row = |(number, constant): (usize, &&str)| format!("{}: {number}", camel_case(constant));
    assert_eq!(rows, CONSTANTS.iter().enumerate().map(row).collect::<Vec<_>>());
}

/// The Ruby SDK has fewer metrics than the catalog. Those that it has must have their number, kind
/// and labels.
#[test]
fn ruby_rows_agree_with_the_catalog() {
    let source = read("bindings/ruby/lib/ictus/conductor.rb");
    let body = between(&source, "METRICS = {", "}.freeze");
    let rows: Vec<&str> = body.lines().filter(|line| line.contains("=>")).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let fields = between(row, "[", "]]").replace("]", "").replace("%i[", "");
        let fields: Vec<&str> = fields.splitn(3, ", ").collect();
        let [kind, number, labels] = fields[..] else { panic!("{row}") };
        let position = |name: &str| CONSTANTS.iter().position(|constant| *constant == name);
        let index: Option<usize> = number.parse().ok().or_else(|| position(number));
        let metric = index
            .and_then(|index| ALL.get(index))
            .unwrap_or_else(|| panic!("no metric has the number of {row}"));
        assert_eq!(kind, format!(":{:?}", metric.kind).to_lowercase(), "{row}");
        let labels: Vec<&str> = labels.split(' ').collect();
        // The caller does not pass `absent`.
        let recorded: Vec<&str> = metric.labels.iter().copied().filter(|&label| label != "absent").collect();
        assert_eq!(labels, recorded, "{row}");
    }
}

#[test]
fn python_records_every_metric_with_its_number_of_labels() {
    let source = read("py-binding/src/conductor/catalog_metrics.rs");
    assert_eq!(constants_after(&source, "&catalog::"), all_constants());
}

/// Returns the names of recording methods between two texts.
fn recording_methods<'a>(text: &'a str, start: &str, end: char) -> BTreeSet<&'a str> {
    let names = text.split(start).skip(1).map(|rest| rest.split(end).next().unwrap_or_default());
    let prefixes = ["record_", "increment_", "set_active"];
    names.filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// Each native method of the Python collector is in its stub, and each method that the helpers by
/// name refer to exists.
#[test]
fn python_stub_and_helpers_have_the_native_methods() {
    let native = read("py-binding/src/conductor/collector.rs");
    let stub = read("py-binding/python/ictus/_core.pyi");
    let stub = between(&stub, "\nclass Collector:", "\nclass ");
    let helpers = read("py-binding/python/ictus/conductor/by_name.py");
    let helpers = between(&helpers, "_METHODS:", "\n}");
    let methods = recording_methods(&native, "    fn ", '(');
    assert!(methods.len() > 20, "{methods:?}");
    assert_eq!(recording_methods(stub, "    def ", '('), methods);
    let named = recording_methods(helpers, "(\"", '"');
    assert!(named.len() > 15 && named.is_subset(&methods), "{named:?}");
}
