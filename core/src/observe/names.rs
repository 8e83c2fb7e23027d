//! The names that Prometheus accepts: by default the names valid in all its versions, optionally
//! any UTF-8.

use crate::{
    catalog::{self, Kind},
    error::Error,
    format::limits::{MAX_NAME, MAX_NAMES, cut, names_bytes},
    plain_name::{OF_LABELS, OF_METRICS, escaped, is_plain},
};

/// The characters that a name may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    /// Letters, digits, `_`, and `:` in a metric's name.
    Plain,
    /// Any, for clients that request `escaping=allow-utf-8`. Other clients get an underscore for
    /// each character that is not plain.
    Utf8,
}

/// Checks a metric's name: `[a-zA-Z_:][a-zA-Z0-9_:]*`, or any UTF-8. Names of Ictus's own metrics
/// and of the catalog are refused.
pub(crate) fn metric(name: &str, charset: Charset) -> Result<(), Error> {
    let refused = |reason| Err(Error::Name { name: name.to_owned(), reason });
    check(name, charset, OF_METRICS)?;
    if escaped(name, OF_METRICS).starts_with("ictus_") {
        return refused("names that start with ictus_ are reserved for Ictus; choose another name");
    }
    if name.starts_with(catalog::PREFIX) {
        return refused(
            "names that start with conductor/ are reserved for metrics of the SDKs; choose another name",
        );
    }
    Ok(())
}

/// Checks label names: `[a-zA-Z_][a-zA-Z0-9_]*`, or any UTF-8.
///
/// Refuses duplicates and names that the exposition needs itself. Names must also differ after they
/// are escaped.
pub(crate) fn labels(names: &[&str], kind: Kind, charset: Charset) -> Result<(), Error> {
    for (index, name) in names.iter().enumerate() {
        let refused = |reason| Err(Error::Name { name: (*name).to_owned(), reason });
        check(name, charset, OF_LABELS)?;
        let escaped_name = escaped(name, OF_LABELS);
        if name.starts_with("__") {
            return refused(
                "label names that start with __ are reserved for Prometheus; begin the name with a letter",
            );
        }
        if escaped_name.starts_with("__") {
            let reason = "label names that start with __ are reserved for Prometheus, and older clients get this one so; \
                          begin the name with a letter";
            return refused(reason);
        }
        if kind == Kind::Timer && matches!(*name, "quantile" | "le") {
            return refused(
                "a timer's quantiles and buckets are shown under this label; choose another name",
            );
        }
        if names[..index].contains(name) {
            return refused("this label name is given twice; give it once");
        }
        if names[..index].iter().any(|other| escaped(other, OF_LABELS) == escaped_name) {
            return refused(
                "another label has this name, once both are escaped with underscores; rename one of them",
            );
        }
    }
    Ok(())
}

fn check(name: &str, charset: Charset, also: &str) -> Result<(), Error> {
    if name.len() > MAX_NAME {
        let reason = "a name has at most 1,024 bytes";
        return Err(Error::Name { name: format!("{}…", cut(name, 64)), reason });
    }
    let reason = match charset {
        Charset::Plain if is_plain(name, also) => return Ok(()),
        Charset::Utf8 if !name.is_empty() => return Ok(()),
        Charset::Utf8 => "a name has at least one character",
        Charset::Plain if also == OF_METRICS => {
            "a metric name is letters, digits, _ and :, and does not start with a digit"
        }
        Charset::Plain => "a label name is letters, digits and _, and does not start with a digit",
    };
    Err(Error::Name { name: name.to_owned(), reason })
}

/// Checks the total length of a metric's name and its labels' names, which each of its samples
/// repeats.
pub(crate) fn lengths(name: &str, labels: &[&str]) -> Result<(), Error> {
    if names_bytes(name, labels.iter().copied()) <= MAX_NAMES {
        return Ok(());
    }
    let reason = "its name and the names of its labels have more than 4,096 bytes together, 6 for each label \
         added; shorten them";
    Err(Error::Name { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::{
        Charset::{Plain, Utf8},
        Kind, MAX_NAME, labels, lengths, metric,
    };

    #[test]
    fn long_names_are_refused() {
        let longest = "n".repeat(MAX_NAME);
        metric(&longest, Plain).unwrap();
        labels(&[&longest], Kind::Counter, Plain).unwrap();
        let longer = format!("{longest}n");
        let refused = metric(&longer, Plain).unwrap_err().to_string();
        assert!(refused.len() < 200 && refused.contains("1,024 bytes"), "{refused}");
        labels(&[&longer], Kind::Counter, Plain).unwrap_err();
        lengths(&longest, &[&longest[..100]; 28]).unwrap();
        lengths(&longest, &[&longest[..100]; 29]).unwrap_err();
    }

    #[test]
    fn names_that_prometheus_accepts_are_accepted() {
        for name in ["a", "_a", ":a", "http_requests_total", "a:b:c9"] {
            metric(name, Plain).unwrap();
        }
        for name in ["", "9a", "a-b", "a b", "ä", "conductor/task_poll", "ictus_series"] {
            metric(name, Plain).unwrap_err();
        }
        labels(&["a", "_b", "c9"], Kind::Timer, Plain).unwrap();
        labels(&["quantile"], Kind::Counter, Plain).unwrap();
        for names in [&["a", "a"][..], &["__a"], &["a:b"], &[""], &["quantile"], &["le"]] {
            labels(names, Kind::Timer, Plain).unwrap_err();
        }
    }

    #[test]
    fn any_characters_are_accepted_with_the_option() {
        metric("温度", Utf8).unwrap();
        labels(&["温度"], Kind::Counter, Utf8).unwrap_err();
        for name in ["http.server.duration", "9a", "a b", "ä", "t温度", "a\nb\"c\"", "conductor.polls"] {
            metric(name, Utf8).unwrap();
            metric(name, Plain).unwrap_err();
            labels(&[name], Kind::Timer, Utf8).unwrap();
            labels(&[name], Kind::Timer, Plain).unwrap_err();
        }
        metric("", Utf8).unwrap_err();
        // Names of Ictus and of the SDKs, and names that are equal to them once they are escaped.
        for name in ["ictus_series", "ictus.series", "conductor/task_poll"] {
            metric(name, Utf8).unwrap_err();
        }
        metric(&"é".repeat(MAX_NAME / 2 + 1), Utf8).unwrap_err();
        for names in
            [&["a.b", "a_b"][..], &["a.b", "a-b"], &[".-a"], &["__a"], &[""], &["le"], &["a.b", "a.b"]]
        {
            labels(names, Kind::Timer, Utf8).unwrap_err();
        }
    }
}
