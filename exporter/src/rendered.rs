//! The bytes of an exposition, uncompressed and compressed.

use std::{
    io::Write,
    sync::{Mutex, OnceLock, PoisonError, Weak},
};

use flate2::{Compression, write::GzEncoder};
use hyper::body::Bytes;

use crate::{
    http::{Account, Charge, UsedUp},
    query::{Escaping, Format},
};

/// Minimum size for compression: a smaller response fits into one packet anyway.
const MIN_COMPRESSED_BYTES: usize = 1_024;

/// An exposition in one format, shared by all requests with the same query.
///
/// ```
/// use ictus_exporter::{Format, Query, Source};
///
/// let source = Source::from_fn(|_view| "up 1.0\n".to_owned());
/// let rendered = source.render(&Query::default())?;
/// assert_eq!(rendered.content_type(), Format::Text.content_type());
/// assert_eq!(rendered.bytes(), "up 1.0\n");
/// // Compression does not make a short text shorter.
/// assert_eq!(rendered.gzipped(), None);
/// # Ok::<(), ictus_exporter::Error>(())
/// ```
#[derive(Debug)]
pub struct Rendered {
    format: Format,
    escaping: Escaping,
    body: Body,
    gzipped: OnceLock<Body>,
}

/// The bytes, and their charge to a server's budget while they are sent.
#[derive(Debug)]
struct Body {
    bytes: Bytes,
    charge: Mutex<Weak<Charge>>,
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { bytes, charge: Mutex::default() }
    }
}

impl Rendered {
    pub(crate) fn new(format: Format, escaping: Escaping, bytes: Vec<u8>) -> Rendered {
        Rendered { format, escaping, body: Bytes::from(bytes).into(), gzipped: OnceLock::new() }
    }

    /// Returns the format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the `Content-Type` of the format, with the escaping if the client requested one.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.format.content_type_with(self.escaping)
    }

    /// Returns the exposition.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body.bytes
    }

    /// Returns the exposition as gzip, compressed at the first call; `None` if it is too short to
    /// benefit.
    #[must_use]
    pub fn gzipped(&self) -> Option<&Bytes> {
        self.gzipped_body().map(|body| &body.bytes)
    }

    fn gzipped_body(&self) -> Option<&Body> {
        is_worth_it(self.bytes()).then(|| self.gzipped.get_or_init(|| gzip(self.bytes()).into()))
    }

    /// Returns the exposition, compressed if the client accepts gzip and it is long enough, and
    /// charged to the client's account. The flag is whether it is gzip.
    pub(crate) fn charged(&self, gzip: bool, account: &Account) -> Result<(Bytes, bool), UsedUp> {
        let gzipped = if gzip { self.gzipped_body() } else { None };
        let body = gzipped.unwrap_or(&self.body);
        let mut charge = body.charge.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((account.charge_shared(&body.bytes, &mut charge)?, gzipped.is_some()))
    }
}

/// Returns the bytes as gzip; `None` if they are too short to benefit.
pub(crate) fn gzipped(bytes: &[u8]) -> Option<Bytes> {
    is_worth_it(bytes).then(|| gzip(bytes))
}

fn is_worth_it(bytes: &[u8]) -> bool {
    bytes.len() >= MIN_COMPRESSED_BYTES
}

fn gzip(bytes: &[u8]) -> Bytes {
    // The result has a seventh of the size. The default level takes five times as long, and saves
    // another twentieth.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 6), Compression::fast());
    // Writing fails only if a buffer is full, which never happens to a vector.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}
