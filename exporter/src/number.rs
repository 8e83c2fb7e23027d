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
    let mut larger = scales.windows(2).filter(|pair| value / pair[1].0 >= 999.5).map(|pair| pair[0]);
    let (scale, name) = larger.next().unwrap_or(smallest);
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
    use serde::Deserialize;

    use super::{number, quantity, rate};

    /// The numbers that a browser test reads, too, for the live page.
    #[derive(Deserialize)]
    struct Case {
        value: f64,
        unit: String,
        text: String,
    }

    #[test]
    fn numbers_are_written_as_in_the_shared_cases() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../tests/number_cases.json")).unwrap();
        for Case { value, unit, text } in cases {
            let written = match unit.as_str() {
                "seconds" => quantity(value, Unit::Seconds),
                "bytes" => quantity(value, Unit::Bytes),
                "rate" => rate(value),
                _ => number(value),
            };
            assert_eq!(written, text, "{value} {unit}");
        }
        assert_eq!([f64::NAN, f64::INFINITY].map(number), ["NaN", "inf"]);
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
