//! Numbers as `prometheus_client` spells them (`prometheus_client.utils.floatToGoString`).
//!
//! That is Python's `repr`, shortest digits that read back as the same float, but positive numbers
//! of more than six digits before the point take Go's exponent: `1000.0`, `1e-05`, `1e+06`.

/// How far the point may stand to the right of the first digit before an exponent is written:
/// Python's limit, and Go's, which `prometheus_client` applies to positive numbers only.
const PYTHON_POINT: i32 = 16;
const GO_POINT: i32 = 6;
/// A point this far to the left takes an exponent: `0.0001`, but `1e-05`.
const LEFT_POINT: i32 = -4;

/// Appends the number.
pub(crate) fn push(out: &mut String, value: f64) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    if value == 0.0 {
        return out.push_str("0.0");
    }
    let furthest = if value > 0.0 { GO_POINT } else { PYTHON_POINT };
    let decimal = Decimal::shortest(value.abs());
    if LEFT_POINT < decimal.point && decimal.point <= furthest {
        decimal.push_fixed(out);
    } else {
        decimal.push_exponent(out);
    }
}

/// `0.digits * 10^point`, the first and the last digit not zero.
struct Decimal {
    digits: [u8; 17],
    length: usize,
    point: i32,
}

impl Decimal {
    /// The shortest digits that read back as this positive, finite value.
    fn shortest(value: f64) -> Decimal {
        let mut buffer = zmij::Buffer::new();
        let spelled = buffer.format_finite(value);
        let (mantissa, exponent) = spelled.split_once('e').unwrap_or((spelled, "0"));
        let mut decimal = Decimal { digits: [0; 17], length: 0, point: exponent.parse().unwrap_or(0) };
        let (mut zeros, mut fraction) = (0, false);
        for digit in mantissa.bytes() {
            if digit == b'.' {
                fraction = true;
                continue;
            }
            let leading = decimal.length == 0 && digit == b'0';
            // The point moves right by a digit before it, and left by a leading zero after it.
            decimal.point += i32::from(!fraction && !leading) - i32::from(fraction && leading);
            if leading {
                continue;
            }
            if digit == b'0' {
                // Kept back: only a zero between other digits is one of the shortest.
                zeros += 1;
                continue;
            }
            for _ in 0..zeros {
                decimal.push(b'0');
            }
            zeros = 0;
            decimal.push(digit);
        }
        decimal
    }

    fn push(&mut self, digit: u8) {
        // 17 digits tell any two floats apart.
        if let Some(slot) = self.digits.get_mut(self.length) {
            *slot = digit;
            self.length += 1;
        }
    }

    fn digits(&self) -> impl Iterator<Item = char> {
        self.digits[..self.length].iter().map(|&digit| char::from(digit))
    }

    /// `123.45`, `0.0012`, `1000.0`.
    fn push_fixed(&self, out: &mut String) {
        let whole = usize::try_from(self.point).unwrap_or(0);
        if whole == 0 {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', self.point.unsigned_abs() as usize));
            return out.extend(self.digits());
        }
        out.extend(self.digits().chain(std::iter::repeat('0')).take(whole));
        out.push('.');
        if self.length <= whole {
            out.push('0');
        }
        out.extend(self.digits().skip(whole));
    }

    /// `1e-05`, `1.234567e+06`: at least two digits of exponent.
    fn push_exponent(&self, out: &mut String) {
        out.extend(self.digits().take(1));
        if self.length > 1 {
            out.push('.');
            out.extend(self.digits().skip(1));
        }
        let exponent = self.point - 1;
        out.push_str(if exponent < 0 { "e-" } else { "e+" });
        if exponent.abs() < 10 {
            out.push('0');
        }
        out.push_str(itoa::Buffer::new().format(exponent.unsigned_abs()));
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

    /// Expectations are what `floatToGoString` of prometheus_client 0.26 returned.
    #[test]
    fn numbers_are_spelled_as_prometheus_client_spells_them() {
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

    proptest::proptest! {
        #[test]
        fn every_number_reads_back_as_itself(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = spelled(value).parse().unwrap();
            proptest::prop_assert!(back.to_bits() == bits || value.is_nan() && back.is_nan());
        }
    }
}
