//! Content negotiation: selects the format and the encoding of a response, as RFC 9110, section
//! 12.5, defines.
//!
//! No request is refused: a client that accepts none of the formats gets uncompressed text.

use hyper::{
    HeaderMap,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderName},
};

use crate::query::{Escaping, Format};

/// A quality value in thousandths; 0 means not acceptable.
type Quality = u16;

const BEST: Quality = 1_000;

/// The specificity of a media type without parameters.
const NAMED: usize = 2;

/// An entry of a header's list, without its quality.
struct Entry<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

/// Returns the format with the highest quality. Among equals, a format that the client names wins
/// over a wildcard, then the first one in the header, then text.
pub(super) fn format(headers: &HeaderMap) -> (Format, Escaping) {
    let entries: Vec<_> = entries(headers, ACCEPT).collect();
    let liked = Format::ALL.into_iter().rev().filter_map(|format| {
        let matching = entries.iter().enumerate().filter_map(|(index, (entry, quality))| {
            Some((exactness(entry, format)?, usize::MAX - index, *quality))
        });
        // The most specific entry counts, even if its quality is lower than that of a wildcard.
        let (exactness, precedence, quality) = matching.max()?;
        (quality > 0).then_some(((quality, exactness >= NAMED, precedence), format))
    });
    let Some(((_, _, precedence), format)) = liked.max_by_key(|&(rank, _)| rank) else {
        return (Format::Text, Escaping::Unstated);
    };
    (format, entries.get(usize::MAX - precedence).map_or(Escaping::Unstated, |(entry, _)| escaping(entry)))
}

/// Returns the escaping of names that an entry requests.
fn escaping(entry: &Entry<'_>) -> Escaping {
    match entry.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case("escaping")) {
        None => Escaping::Unstated,
        Some((_, scheme)) if scheme.eq_ignore_ascii_case("allow-utf-8") => Escaping::Utf8,
        Some(_) => Escaping::Underscores,
    }
}

/// Returns whether the client names HTML explicitly, which only browsers do.
#[cfg(feature = "page")]
pub(super) fn html(headers: &HeaderMap) -> bool {
    entries(headers, ACCEPT)
        .any(|(entry, quality)| entry.name.eq_ignore_ascii_case("text/html") && quality > 0)
}

/// Returns whether the client accepts gzip with at least the quality of an uncompressed response.
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, 0);
    for (Entry { name, .. }, quality) in entries(headers, ACCEPT_ENCODING) {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(quality),
            "*" => any = Some(quality),
            "identity" => identity = quality,
            _ => {}
        }
    }
    gzip.or(any).is_some_and(|quality| quality > 0 && quality >= identity)
}

/// Returns how specifically an entry names a format: each matching parameter adds one.
fn exactness(entry: &Entry<'_>, format: Format) -> Option<usize> {
    let (range, required) = known(format);
    let (kind, _) = range.split_once('/')?;
    if entry.name == "*/*" {
        return Some(0);
    }
    if entry.name.strip_suffix("/*").is_some_and(|given| given.eq_ignore_ascii_case(kind)) {
        return Some(1);
    }
    if !entry.name.eq_ignore_ascii_case(range) {
        return None;
    }
    let mut exactness = NAMED;
    for (key, value) in &entry.parameters {
        // Other parameters do not select a format.
        if let Some((_, wanted)) = required.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            // Text with unescaped names has version 1.0.0.
            let is_utf8_text =
                || format == Format::Text && value == &"1.0.0" && escaping(entry) == Escaping::Utf8;
            if !wanted.eq_ignore_ascii_case(value) && !is_utf8_text() {
                return None;
            }
            exactness += 1;
        }
    }
    Some(exactness)
}

/// Returns a format's media type, and the values that its parameters must have if they are present.
fn known(format: Format) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match format {
        Format::Text => ("text/plain", &[("version", "0.0.4")]),
        Format::OpenMetrics => ("application/openmetrics-text", &[("version", "1.0.0")]),
        Format::Protobuf => (
            "application/vnd.google.protobuf",
            &[("proto", "io.prometheus.client.MetricFamily"), ("encoding", "delimited")],
        ),
    }
}

/// Returns the entries of a list, from all headers of that name. Malformed entries are skipped.
fn entries(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (Entry<'_>, Quality)> {
    let lists = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| split(list, ',')).filter_map(entry)
}

fn entry(text: &str) -> Option<(Entry<'_>, Quality)> {
    let mut parts = split(text, ';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let (mut parameters, mut quality) = (Vec::new(), BEST);
    for (key, value) in parts.filter_map(|part| part.split_once('=')) {
        let (key, value) = (key.trim(), value.trim().trim_matches('"'));
        if key.eq_ignore_ascii_case("q") {
            let given: f32 = value.parse().ok().filter(|given| (0.0..=1.0).contains(given))?;
            quality = (given * f32::from(BEST)).round() as Quality;
        } else {
            parameters.push((key, value));
        }
    }
    Some((Entry { name, parameters }, quality))
}

/// Splits at each separator outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == separator && !quoted
    })
}
