//! Query: selects the part of a snapshot to show, and its format.

use ictus::{
    expose::{self, OPENMETRICS_CONTENT_TYPE, PROTOBUF_CONTENT_TYPE, TEXT_CONTENT_TYPE},
    surface::{Exposition, View},
};

use crate::filter::Filter;

/// The part of a snapshot to show, and its format. Start with [`Query::default`] or with a view, and
/// set the fields.
///
/// ```
/// use ictus_exporter::{Format, Query};
///
/// let mut query = Query::from(&"canonical".parse()?);
/// query.format = Format::OpenMetrics;
/// # Ok::<(), ictus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Query {
    /// The names and types under which series are shown.
    pub view: View,
    /// The format. Ignored by a [`Source`](crate::Source) whose exposition a function writes: it is
    /// always text.
    pub format: Format,
    /// The families to show.
    pub filter: Filter,
    /// Whether histograms include native ones, which only [`Format::Protobuf`] can represent.
    pub native: bool,
    /// The escaping of names with characters that the older formats do not allow.
    pub escaping: Escaping,
}

/// The requested escaping of names with characters other than letters, digits, `_` and `:`.
///
/// ```
/// use ictus_exporter::{Escaping, Format};
///
/// let content_type = Format::Text.content_type_with(Escaping::Utf8);
/// assert_eq!(content_type, "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Escaping {
    /// Not specified by the client: an underscore replaces each other character.
    #[default]
    Unstated,
    /// `escaping=underscores`; also applies to the schemes `dots` and `values`.
    Underscores,
    /// `escaping=allow-utf-8`: names are not escaped, and are quoted in the text formats.
    Utf8,
}

/// A format of an exposition.
///
/// ```
/// use ictus_exporter::Format;
///
/// assert_eq!(Format::default(), Format::Text);
/// assert!(Format::OpenMetrics.content_type().starts_with("application/openmetrics-text"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus text 0.0.4.
    #[default]
    Text,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
    /// Prometheus protobuf messages, each preceded by its length.
    Protobuf,
}

impl Format {
    /// All formats; among equally preferred ones, the first is selected.
    pub(crate) const ALL: [Format; 3] = [Format::Text, Format::OpenMetrics, Format::Protobuf];

    /// Returns the `Content-Type` of the format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => TEXT_CONTENT_TYPE,
            Format::OpenMetrics => OPENMETRICS_CONTENT_TYPE,
            Format::Protobuf => PROTOBUF_CONTENT_TYPE,
        }
    }

    /// Returns the `Content-Type` of the format with the escaping that the client requested. Text
    /// with unescaped names has version 1.0.0.
    #[must_use]
    pub const fn content_type_with(self, escaping: Escaping) -> &'static str {
        match (self, escaping) {
            (_, Escaping::Unstated) => self.content_type(),
            (Format::Text, Escaping::Underscores) => {
                "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
            }
            (Format::Text, Escaping::Utf8) => {
                "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (Format::OpenMetrics, Escaping::Underscores) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            (Format::OpenMetrics, Escaping::Utf8) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (Format::Protobuf, Escaping::Underscores) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=underscores"
            }
            (Format::Protobuf, Escaping::Utf8) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=allow-utf-8"
            }
        }
    }

    pub(crate) fn write(self, exposition: &Exposition, native: bool) -> Vec<u8> {
        match self {
            Format::Text => expose::text(exposition).into_bytes(),
            Format::OpenMetrics => expose::openmetrics(exposition).into_bytes(),
            Format::Protobuf => expose::protobuf(exposition, native),
        }
    }
}

impl From<&View> for Query {
    /// Returns a query for all families as text.
    fn from(view: &View) -> Query {
        Query { view: view.clone(), ..Query::default() }
    }
}
