//! The public API of this crate is the one that `public-api.txt` lists. `ICTUS_BLESS=1 cargo test -p
//! ictus-exporter --test public_api` rewrites the file. Review the difference: it is what users see.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{marker::PhantomData, path::Path};

#[path = "../../core/tests/public_api/auto_traits.rs"]
mod auto_traits;
#[path = "../../core/tests/public_api/lister.rs"]
mod lister;
#[path = "../../core/tests/public_api/source.rs"]
mod source;

use auto_traits::{check_error, send_and_sync};
use ictus_exporter::{
    Error, Escaping, Filter, Format, Query, Rendered, ShutdownFlag, Source, file, http, push,
};
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

#[test]
fn types_can_be_sent_and_shared() {
    check_error(PhantomData::<Error>);
    let checked = send_and_sync![
        Error,
        Escaping,
        Filter,
        Format,
        Query,
        Rendered,
        ShutdownFlag,
        Source,
        file::PeriodicWriter,
        file::WriterHandle,
        http::BoundAddress,
        http::ListenAddress,
        http::Security,
        http::SecurityFiles,
        http::Server,
        push::Credentials,
        push::Destination,
    ];
    Api::read("ictus_exporter", Path::new(env!("CARGO_MANIFEST_DIR"))).compare_types(&checked);
}

#[test]
fn types_and_functions_have_an_example() {
    let api = Api::read("ictus_exporter", Path::new(env!("CARGO_MANIFEST_DIR")));
    api.compare_examples(&[
        ("ictus_exporter::Result", "an alias"),
        ("ictus_exporter::command::Merge", "an argument of `run`, whose example creates one"),
    ]);
}
