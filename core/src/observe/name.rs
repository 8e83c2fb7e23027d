//! Which names Prometheus takes.

use crate::{
    catalog::Kind,
    error::Error,
    segment::limits::{MAX_NAME, MAX_NAMES, cut, names_bytes},
};

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
    if name.len() > MAX_NAME {
        let reason = "a name has at most 1,024 bytes";
        return Err(Error::Name { name: format!("{}…", cut(name, 64)), reason });
    }
    let starts_well = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    if starts_well && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::Name { name: name.to_owned(), reason })
}

/// Checks what a metric's name and its labels' names take together, in each of its samples.
pub(super) fn lengths(name: &str, labels: &[&str]) -> Result<(), Error> {
    if names_bytes(name, labels.iter().copied()) <= MAX_NAMES {
        return Ok(());
    }
    let reason =
        "its name and the names of its labels have more than 4,096 bytes together, 6 for each label added";
    Err(Error::Name { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::{Kind, MAX_NAME, labels, lengths, metric};

    #[test]
    fn long_names_are_refused() {
        let longest = "n".repeat(MAX_NAME);
        metric(&longest).unwrap();
        labels(&[&longest], Kind::Counter).unwrap();
        let longer = format!("{longest}n");
        let refused = metric(&longer).unwrap_err().to_string();
        assert!(refused.len() < 200 && refused.contains("1,024 bytes"), "{refused}");
        labels(&[&longer], Kind::Counter).unwrap_err();
        lengths(&longest, &[&longest[..100]; 28]).unwrap();
        lengths(&longest, &[&longest[..100]; 29]).unwrap_err();
    }

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
