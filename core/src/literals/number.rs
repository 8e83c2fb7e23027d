//! Formats numbers as `prometheus_client` does (`prometheus_client.utils.floatToGoString`).
//!
//! This is Python's `repr`, the shortest digits that parse to the same float, with one exception:
//! positive numbers of more than six digits before the point take Go's exponent. Examples:
//! `1000.0`, `1e-05`, `1e+06`. zmij finds the same digits, and writes numbers from 1e-5 to 1e16
//! without an exponent.

/// The smallest number without an exponent.
const MIN_FIXED: f64 = 1e-4;
/// The smallest numbers with an exponent, in Python and in Go. `prometheus_client` applies Go's
/// limit to positive numbers only.
const PYTHON_LIMIT: f64 = 1e16;
const GO_LIMIT: f64 = 1e6;

/// Nanoseconds per second.
const NANOSECONDS: u64 = 1_000_000_000;

/// Appends a number.
#[inline]
pub(crate) fn push(out: &mut String, value: f64) {
    if !(MIN_FIXED..GO_LIMIT).contains(&value) {
        return push_other(out, value);
    }
    let whole = value as u32;
    // The first condition is cheap: in whole numbers of this size, the low 32 bits are 0.
    if value.to_bits() as u32 == 0 && f64::from(whole) == value {
        out.push_str(itoa::Buffer::new().format(whole));
        out.push_str(".0");
    } else {
        out.push_str(zmij::Buffer::new().format_finite(value));
    }
}

/// Appends nanoseconds as seconds with nine digits after the point. A float could not represent a
/// present time exactly.
pub(crate) fn push_seconds(out: &mut String, nanoseconds: u64) {
    let (seconds, rest) = (nanoseconds / NANOSECONDS, nanoseconds % NANOSECONDS);
    out.push_str(itoa::Buffer::new().format(seconds));
    out.push('.');
    // Adding a second keeps leading zeros; its digit is then removed.
    out.push_str(&itoa::Buffer::new().format(NANOSECONDS + rest)[1..]);
}

/// Appends a number outside of the usual range.
fn push_other(out: &mut String, value: f64) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    let (magnitude, limit) = (value.abs(), if value > 0.0 { GO_LIMIT } else { PYTHON_LIMIT });
    let mut buffer = zmij::Buffer::new();
    let spelled = buffer.format_finite(magnitude);
    if magnitude == 0.0 || (MIN_FIXED..limit).contains(&magnitude) {
        out.push_str(spelled);
    } else {
        push_exponent(out, spelled);
    }
}

/// Appends a positive number that zmij has formatted, with an exponent of at least two digits:
/// `1e-05` for `0.00001`, `1.5e+06` for `1500000.0`. `5e-324` keeps its form.
fn push_exponent(out: &mut String, spelled: &str) {
    let point = spelled.bytes().position(|byte| byte == b'.');
    let exponent = match point {
        Some(point) if spelled.starts_with('0') => {
            let digits = spelled[point + 1..].trim_start_matches('0');
            push_digits(out, digits, "");
            digits.len() as i32 + point as i32 - spelled.len() as i32
        }
        Some(point) if point > 1 => {
            match (&spelled[..point], &spelled[point + 1..]) {
                (whole, "0") => push_digits(out, whole.trim_end_matches('0'), ""),
                (whole, fraction) => push_digits(out, whole, fraction),
            }
            point as i32 - 1
        }
        _ => {
            let (mantissa, exponent) = spelled.split_once('e').unwrap_or((spelled, "0"));
            out.push_str(mantissa);
            exponent.parse().unwrap_or(0)
        }
    };
    out.push_str(if exponent < 0 { "e-" } else { "e+" });
    if exponent.abs() < 10 {
        out.push('0');
    }
    out.push_str(itoa::Buffer::new().format(exponent.unsigned_abs()));
}

/// Appends digits, passed in two parts, with a point after the first digit.
fn push_digits(out: &mut String, digits: &str, more: &str) {
    let (first, rest) = digits.split_at_checked(1).unwrap_or_default();
    out.push_str(first);
    if rest.len() + more.len() > 0 {
        out.push('.');
        out.push_str(rest);
        out.push_str(more);
    }
}

#[cfg(test)]
mod tests {
    use super::push;

    fn spelled(value: f64) -> String {
        let mut out = String::new();
        push(&mut out, value);
        out
    }

    /// The expected texts are the results of `floatToGoString` of prometheus_client 0.26.
    #[test]
    fn numbers_are_formatted_as_by_prometheus_client() {
        let table: &[(f64, &str)] = &[
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.0, "-1.0"),
            (0.5, "0.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (100.0, "100.0"),
            (1000.0, "1000.0"),
            (1024.5, "1024.5"),
            (123456.0, "123456.0"),
            (999999.0, "999999.0"),
            (999999.9, "999999.9"),
            (1e6, "1e+06"),
            (1000001.0, "1.000001e+06"),
            (1234567.0, "1.234567e+06"),
            (1234567.891, "1.234567891e+06"),
            (1e7, "1e+07"),
            (9007199254740993.0, "9.007199254740992e+15"),
            (9999999999999998.0, "9.999999999999998e+15"),
            (1e15, "1e+15"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (-123456.0, "-123456.0"),
            (-1e6, "-1000000.0"),
            (-1234567.0, "-1234567.0"),
            (-1e15, "-1000000000000000.0"),
            (-1234567890123456.0, "-1234567890123456.0"),
            (-1e16, "-1e+16"),
            (-1.5e16, "-1.5e+16"),
            (0.1, "0.1"),
            (0.01, "0.01"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00001, "1e-05"),
            (0.000012345, "1.2345e-05"),
            (1e-9, "1e-09"),
            (1e-10, "1e-10"),
            (-1e-5, "-1e-05"),
            (5e-324, "5e-324"),
            (-5e-324, "-5e-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN, "-1.7976931348623157e+308"),
            (f64::EPSILON, "2.220446049250313e-16"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
        ];
        for &(value, expected) in table {
            assert_eq!(spelled(value), expected, "{value:e}");
        }
    }

    #[test]
    fn seconds_have_nine_decimals() {
        let spelled = |nanoseconds| {
            let mut out = String::new();
            super::push_seconds(&mut out, nanoseconds);
            out
        };
        assert_eq!(spelled(1_520_879_607_000_000_000), "1520879607.000000000");
        assert_eq!(spelled(1_520_879_607_007_000_089), "1520879607.007000089");
        assert_eq!((spelled(1), spelled(u64::MAX)), ("0.000000001".into(), "18446744073.709551615".into()));
    }

    /// Implements the rules independently, with the digits of the standard library. Halfway between
    /// two shortest numbers, the standard library picks the other one.
    fn by_rule(value: f64) -> String {
        let scientific = format!("{:e}", value.abs());
        let (mantissa, exponent) = scientific.split_once('e').unwrap();
        let (digits, exponent) = (mantissa.replace('.', ""), exponent.parse::<i32>().unwrap());
        let sign = if value < 0.0 { "-" } else { "" };
        let limit = if value < 0.0 { 16 } else { 6 };
        if (-4..limit).contains(&exponent) {
            let decimal = format!("{}", value.abs());
            return format!("{sign}{decimal}{}", if decimal.contains('.') { "" } else { ".0" });
        }
        let point = if digits.len() > 1 { "." } else { "" };
        format!("{sign}{}{point}{}e{exponent:+03}", &digits[..1], &digits[1..])
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1_000))]
        #[test]
        fn numbers_round_trip(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = spelled(value).parse().unwrap();
            proptest::prop_assert!(back.to_bits() == bits || value.is_nan() && back.is_nan());
        }

        #[test]
        fn numbers_follow_the_format_rules(
            mantissa in -1e3..1e3f64,
            exponent in -12..20i32,
            places in 0..9i32,
        ) {
            let rounded = (mantissa * 10f64.powi(places)).round() / 10f64.powi(places);
            for value in [mantissa, rounded, rounded.round()] {
                let value = value * 10f64.powi(exponent);
                if value != 0.0 {
                    let shape = |spelled: &str| spelled.replace(|c: char| c.is_ascii_digit(), "0");
                    let (spelled, by_rule) = (spelled(value), by_rule(value));
                    proptest::prop_assert_eq!(shape(&spelled), shape(&by_rule));
                    proptest::prop_assert_eq!(spelled.parse::<f64>(), by_rule.parse::<f64>());
                }
            }
        }
    }
}
