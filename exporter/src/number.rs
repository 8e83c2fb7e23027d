//! Numbers for people: three digits and a suitable unit, in at most nine characters.

use ictus::catalog::Unit;

const SECOND: &[(f64, &str)] = &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
const BYTE: &[(f64, &str)] =
    &[(1e18, "EB"), (1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")];
const COUNT: &[(f64, &str)] = &[(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
/// Counts below this are shown with all digits.
const MIN_ABBREVIATED: f64 = 1e6;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
const YEAR: f64 = 365.0 * DAY;

/// Formats a value to about three digits, with a unit.
pub(crate) fn quantity(value: f64, unit: Unit) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value < 0.0 {
        return format!("-{}", quantity(-value, unit));
    }
    match unit {
        Unit::Seconds if value >= 59.95 => long_duration(value),
        Unit::Seconds => scaled(value, SECOND),
        Unit::Bytes if value >= 1e20 => format!("{value:.0e} B"),
        Unit::Bytes => scaled(value, BYTE),
        _ => number(value),
    }
}

/// Formats a number without a unit: with all digits, or abbreviated as in `13.3 M`.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        value.to_string()
    } else if value.abs() >= 999.5e18 {
        format!("{value:.2e}")
    } else if value < 0.0 {
        format!("-{}", number(-value))
    } else if value >= MIN_ABBREVIATED {
        scaled(value, COUNT)
    } else if value.fract() == 0.0 {
        format!("{value}")
    } else if value >= 0.001 {
        // Trailing zeros would claim a precision that the value need not have.
        let digits = if value >= 100.0 { 1 } else { 3 };
        format!("{value:.digits$}").trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.1e}")
    }
}

/// Formats a rate per second.
pub(crate) fn rate(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        "0".to_owned()
    } else if value < 0.1 {
        number(value)
    } else if value < 100.0 {
        format!("{value:.1}")
    } else {
        number(value.round())
    }
}

/// Formats a duration of a minute or more by its two largest units, such as `3 d 20 h`.
fn long_duration(seconds: f64) -> String {
    let parts = |large: f64, large_name: &str, small: f64, small_name: &str| {
        let total = (seconds / small).round();
        let ratio = large / small;
        let (whole, rest) = ((total / ratio).floor(), total % ratio);
        if rest == 0.0 {
            format!("{whole} {large_name}")
        } else {
            format!("{whole} {large_name} {rest} {small_name}")
        }
    };
    // Rounding must not lead to `60 m` or `24 h`.
    if seconds < HOUR - 0.5 {
        parts(MINUTE, "m", 1.0, "s")
    } else if seconds < DAY - MINUTE / 2.0 {
        parts(HOUR, "h", MINUTE, "m")
    } else if seconds < 100.0 * DAY - HOUR / 2.0 {
        parts(DAY, "d", HOUR, "h")
    } else if seconds < 10_000.0 * DAY - DAY / 2.0 {
        format!("{:.0} d", seconds / DAY)
    } else if seconds < 1e6 * YEAR {
        format!("{:.0} y", seconds / YEAR)
    } else {
        format!("{:.0e} y", seconds / YEAR)
    }
}

/// Formats to three digits in the largest unit that is not greater than the value.
fn scaled(value: f64, scales: &[(f64, &str)]) -> String {
    if value == 0.0
        && let Some((_, name)) = scales.iter().find(|(scale, _)| *scale == 1.0)
    {
        return format!("0 {name}");
    }
    let smallest = scales[scales.len() - 1];
    // A value that rounds up to the next unit is shown in it: not `1000 ms`.
    let found = scales.iter().copied().find(|(scale, _)| value >= *scale * 0.9995);
    let (scale, name) = found.unwrap_or(smallest);
    let scaled = value / scale;
    let digits = match scaled {
        // A number of bytes has no fraction, except for interpolated quantiles.
        _ if name == "B" => 0,
        99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{scaled:.digits$} {name}")
}

#[cfg(test)]
mod tests {
    use ictus::catalog::Unit;

    use super::{number, quantity, rate};

    #[test]
    fn quantities_have_three_digits_and_a_unit() {
        for (value, unit, expected) in [
            (0.0, Unit::Seconds, "0 s"),
            (0.000_000_25, Unit::Seconds, "250 ns"),
            (0.001_234, Unit::Seconds, "1.23 ms"),
            (0.5, Unit::Seconds, "500 ms"),
            (0.999_7, Unit::Seconds, "1.00 s"),
            (0.099_97, Unit::Seconds, "100 ms"),
            (12.345, Unit::Seconds, "12.3 s"),
            (59.99, Unit::Seconds, "1 m"),
            (90.0, Unit::Seconds, "1 m 30 s"),
            (3_599.7, Unit::Seconds, "1 h"),
            (12_345.6, Unit::Seconds, "3 h 26 m"),
            (86_399.0, Unit::Seconds, "1 d"),
            (331_200.0, Unit::Seconds, "3 d 20 h"),
            (1e7, Unit::Seconds, "116 d"),
            (1e9, Unit::Seconds, "32 y"),
            (1e15, Unit::Seconds, "3e7 y"),
            (-1.5, Unit::Seconds, "-1.50 s"),
            (f64::NAN, Unit::Seconds, "NaN"),
            (56.0, Unit::Bytes, "56 B"),
            (999.9, Unit::Bytes, "1.00 kB"),
            (1_500_000.0, Unit::Bytes, "1.50 MB"),
            (2.5e13, Unit::Bytes, "25.0 TB"),
        ] {
            assert_eq!(quantity(value, unit), expected, "{value}");
        }
    }

    #[test]
    fn large_numbers_are_abbreviated() {
        for (value, expected) in [
            (0.0, "0"),
            (7.0, "7"),
            (0.5, "0.5"),
            (1.0 / 3.0, "0.333"),
            (999_999.0, "999999"),
            (1_000_000.0, "1.00 M"),
            (13_300_123.0, "13.3 M"),
            (999_950_000.0, "1.00 G"),
            (u64::MAX as f64, "18.4 E"),
            (-2_500_000.0, "-2.50 M"),
            (1e-9, "1.0e-9"),
            (f64::MAX, "1.80e308"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!([0.0, 0.05, 7.25, 1234.6, 2e6].map(rate), ["0", "0.05", "7.2", "1235", "2.00 M"]);
    }

    #[test]
    fn every_number_has_at_most_nine_characters() {
        for exponent in -300..300 {
            for factor in [1.0, 3.333, 9.9949, 9.9951, 9.9999] {
                let value = factor * 10_f64.powi(exponent);
                for unit in [Unit::None, Unit::Seconds, Unit::Bytes] {
                    let text = quantity(value, unit);
                    assert!(text.chars().count() <= 9, "{value:e}: {text}");
                }
                assert!(rate(value).len() <= 9, "{value:e}: {}", rate(value));
            }
        }
    }
}
