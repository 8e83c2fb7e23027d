//! Which names Prometheus takes.

use crate::{catalog::Kind, error::Error};

/// Checks a metric's name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub(super) fn metric(name: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    if name.starts_with("ictus_") {
        let reason = "names that start with ictus_ are those of Ictus's own state";
        return Err(Error::Name { name: name.to_owned(), reason });
    }
    check(name, allowed, "a metric name is letters, digits, _ and :, and does not start with a digit")
}

/// Checks label names: `[a-zA-Z_][a-zA-Z0-9_]*`, none twice, none that the exposition needs itself.
pub(super) fn labels(names: &[&str], kind: Kind) -> Result<(), Error> {
    for (place, name) in names.iter().enumerate() {
        let refused = |reason| Err(Error::Name { name: (*name).to_owned(), reason });
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        check(name, allowed, "a label name is letters, digits and _, and does not start with a digit")?;
        if name.starts_with("__") {
            return refused("label names that start with __ are Prometheus's own");
        }
        if kind == Kind::Timer && matches!(*name, "quantile" | "le") {
            return refused("a timer's quantiles and buckets are shown under this label");
        }
        if names[..place].contains(name) {
            return refused("this label name is given twice");
        }
    }
    Ok(())
}

fn check(name: &str, allowed: impl Fn(u8) -> bool, reason: &'static str) -> Result<(), Error> {
    let starts_well = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    if starts_well && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::Name { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::{Kind, labels, metric};

    #[test]
    fn what_prometheus_takes_is_taken() {
        for name in ["a", "_a", ":a", "http_requests_total", "a:b:c9"] {
            metric(name).unwrap();
        }
        for name in ["", "9a", "a-b", "a b", "ä", "conductor/task_poll", "ictus_series"] {
            metric(name).unwrap_err();
        }
        labels(&["a", "_b", "c9"], Kind::Timer).unwrap();
        labels(&["quantile"], Kind::Counter).unwrap();
        for names in [&["a", "a"][..], &["__a"], &["a:b"], &[""], &["quantile"], &["le"]] {
            labels(names, Kind::Timer).unwrap_err();
        }
    }
}
