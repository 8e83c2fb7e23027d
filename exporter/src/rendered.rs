//! The bytes of an exposition, as they are and compressed.

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

/// What fits into one packet arrives no sooner when it is smaller.
const MIN_COMPRESSED_BYTES: usize = 1_024;

/// An exposition in one of its formats; whoever asks for the same shares it.
#[derive(Debug)]
pub struct Rendered {
    format: Format,
    escaping: Escaping,
    body: Body,
    gzipped: OnceLock<Body>,
}

/// Bytes, and what they are charged to a server's budget while clients are sent them.
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

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The `Content-Type`: of the format, and of the escaping where the client has asked for one.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.format.content_type_with(self.escaping)
    }

    /// The exposition.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body.bytes
    }

    /// The exposition as gzip, compressed when first asked for; none where it is too short to be worth it.
    #[must_use]
    pub fn gzipped(&self) -> Option<&Bytes> {
        self.gzipped_body().map(|body| &body.bytes)
    }

    fn gzipped_body(&self) -> Option<&Body> {
        is_worth_it(self.bytes()).then(|| self.gzipped.get_or_init(|| gzip(self.bytes()).into()))
    }

    /// The exposition for a client that takes gzip or does not, charged to its account; and whether it is
    /// gzip.
    pub(crate) fn charged(&self, gzip: bool, account: &Account) -> Result<(Bytes, bool), UsedUp> {
        let gzipped = if gzip { self.gzipped_body() } else { None };
        let body = gzipped.unwrap_or(&self.body);
        let mut charge = body.charge.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((account.charge_shared(&body.bytes, &mut charge)?, gzipped.is_some()))
    }
}

/// Bytes as gzip; none where they are too short to be worth it.
pub(crate) fn gzipped(bytes: &[u8]) -> Option<Bytes> {
    is_worth_it(bytes).then(|| gzip(bytes))
}

fn is_worth_it(bytes: &[u8]) -> bool {
    bytes.len() >= MIN_COMPRESSED_BYTES
}

fn gzip(bytes: &[u8]) -> Bytes {
    // A seventh of the size; the default level takes five times as long for a twentieth less.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 6), Compression::fast());
    // Fails where a buffer is full, which a vector never is.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}
