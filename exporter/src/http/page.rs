//! Live page for browsers: its static files, which load nothing from other sites.
//!
//! The page requests its data from `/snapshot.json`, `/window.json` and `/about.json`. Its sources are in
//! `exporter/page/`.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use hyper::{
    HeaderMap, Response,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue},
};

use super::{negotiate, response::ok_response};

/// Content security policy. Label values are arbitrary text: even if one became markup, it could run
/// no script and connect to no other site.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

struct Asset {
    path: &'static str,
    content_type: &'static str,
    gzipped: &'static [u8],
}

impl Asset {
    /// Returns the file as it is in `exporter/page/`.
    fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        GzDecoder::new(self.gzipped).read_to_end(&mut text)?;
        Ok(text)
    }
}

macro_rules! asset {
    ($path:literal, $content_type:expr, $file:literal) => {
        Asset {
            path: $path,
            content_type: $content_type,
            // `build.rs` compresses the files.
            gzipped: include_bytes!(concat!(env!("OUT_DIR"), "/page/", $file, ".gz")),
        }
    };
}

static INDEX: Asset = asset!("/", HTML, "index.html");
static ASSETS: [Asset; 15] = [
    asset!("/page/page.css", STYLE, "page.css"),
    asset!("/page/main.js", SCRIPT, "main.js"),
    asset!("/page/store.js", SCRIPT, "store.js"),
    asset!("/page/search.js", SCRIPT, "search.js"),
    asset!("/page/re2.js", SCRIPT, "re2.js"),
    asset!("/page/table.js", SCRIPT, "table.js"),
    asset!("/page/group.js", SCRIPT, "group.js"),
    asset!("/page/shorten.js", SCRIPT, "shorten.js"),
    asset!("/page/detail.js", SCRIPT, "detail.js"),
    asset!("/page/distribution.js", SCRIPT, "distribution.js"),
    asset!("/page/plot.js", SCRIPT, "plot.js"),
    asset!("/page/element.js", SCRIPT, "element.js"),
    asset!("/page/format.js", SCRIPT, "format.js"),
    asset!("/page/uPlot.min.css", STYLE, "vendor/uPlot.min.css"),
    asset!("/page/uPlot.iife.min.js", SCRIPT, "vendor/uPlot.iife.min.js"),
];

/// Returns the page, if the client accepts HTML.
pub(super) fn index(headers: &HeaderMap) -> Option<Response<Bytes>> {
    negotiate::html(headers).then(|| response(&INDEX, headers))
}

/// Returns a file of the page.
pub(super) fn asset(path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    ASSETS.iter().find(|asset| asset.path == path).map(|asset| response(asset, headers))
}

fn response(asset: &Asset, headers: &HeaderMap) -> Response<Bytes> {
    let text = if negotiate::gzip(headers) { None } else { asset.text().ok() };
    let mut response = match text {
        Some(text) => ok_response(asset.content_type, text.into(), false),
        None => ok_response(asset.content_type, Bytes::from_static(asset.gzipped), true),
    };
    let set = response.headers_mut();
    set.insert(CONTENT_SECURITY_POLICY, POLICY);
    // Another version may serve the same address later.
    set.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, header::ACCEPT};

    use super::{ASSETS, Asset, INDEX, index};

    /// The page must load fast on a slow mobile connection.
    const MAX_COMPRESSED_BYTES: usize = 55_000;

    #[test]
    fn the_page_is_small_and_has_every_file_that_it_names() {
        let all = ASSETS.iter().chain([&INDEX]);
        let text = |asset: &Asset| String::from_utf8(asset.text().unwrap()).unwrap();
        assert!(all.map(|asset| asset.gzipped.len()).sum::<usize>() < MAX_COMPRESSED_BYTES);
        let texts: String = ASSETS[..13].iter().chain([&INDEX]).map(text).collect();
        for asset in &ASSETS {
            let (_, name) = asset.path.rsplit_once('/').unwrap();
            assert!(
                texts.contains(&format!("page/{name}\"")) || texts.contains(&format!("\"./{name}\"")),
                "{name}"
            );
        }
        assert!(!texts.contains("http://") && !texts.contains("https://"), "nothing from elsewhere");
        assert!(!texts.contains("innerHTML"), "labels are text");
    }

    #[test]
    fn only_browsers_get_the_page() {
        let asks = |accept: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT, value.parse().unwrap());
            }
            index(&headers).is_some()
        };
        assert!(asks(&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]));
        assert!(asks(&["application/json", "TEXT/HTML ; q=0.9"]));
        for accept in [
            &[][..],
            &["text/html;q=0"],
            &["*/*"],
            &["text/plain"],
            &["text/*"],
            &["application/openmetrics-text"],
        ] {
            assert!(!asks(accept), "{accept:?}");
        }
    }
}
