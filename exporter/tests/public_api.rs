//! The public API of this crate is the one that `public-api.txt` lists. `ICTUS_BLESS=1 cargo test -p
//! ictus-exporter --test public_api` rewrites the file. Review the difference: it is what users see.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::Path;

#[path = "../../core/tests/public_api/lister.rs"]
mod lister;
#[path = "../../core/tests/public_api/source.rs"]
mod source;

use lister::Api;

#[test]
fn public_api_is_the_listed_one() {
    Api::read("ictus_exporter", Path::new(env!("CARGO_MANIFEST_DIR"))).compare();
}

#[test]
fn types_that_can_grow_are_non_exhaustive() {
    let api = Api::read("ictus_exporter", Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(api.exhaustive, [""; 0]);
}
