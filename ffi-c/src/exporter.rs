//! An HTTP endpoint for Prometheus, for host programs without an HTTP server.

use std::ffi::{c_int, c_void};

use ::ictus_exporter::{
    Source,
    http::{ListenAddress, Server},
};

use crate::{
    error::keep,
    guard::guard,
    ictus_status, ictus_str, ictus_write_fn,
    render::pass_on,
    string::{borrow, free, into_out},
    view::view,
};

/// A running HTTP endpoint. It serves `/metrics`, in the format that the client requests,
/// for all processes that record in a metrics directory. Its threads are named
/// `ictus-http`; recording never waits for them.
#[derive(Debug)]
pub struct ictus_exporter(Server);

/// Starts an endpoint that serves a metrics directory at `address`. Stop it with
/// `ictus_exporter_stop`.
///
/// `address` is for example `127.0.0.1:9464`, `[::]:9464`, `localhost:0` for a free port,
/// or `unix:/run/app/metrics.sock`. `surfaces` is one of `ictus_surface`, or the sum of
/// several; they are shown if the client does not choose. A forked child does not have the
/// threads: it serves nothing, and does not affect the exporter of its parent.
///
/// Returns `ICTUS_STATUS_ADDRESS` for an invalid address, `ICTUS_STATUS_IO` if the address
/// cannot be bound, and `ICTUS_STATUS_OPTION` for an invalid sum of surfaces or an invalid
/// path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_exporter_start(
    directory: ictus_str,
    address: ictus_str,
    surfaces: c_int,
    out: *mut *mut ictus_exporter,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or readable during this call.
        let directory = unsafe { directory.read() }?;
        // SAFETY: as above.
        let address = unsafe { address.read() }?;
        let view = view(surfaces)?;
        let source = Source::open(directory).map_err(status)?.with_view(view);
        let make = || {
            let listen: ListenAddress = address
                .parse()
                .map_err(|error: ::ictus_exporter::Error| keep(&error, ictus_status::Address))?;
            let server = Server::start(source, listen).map_err(status)?;
            Ok(ictus_exporter(server))
        };
        // SAFETY: by convention, NULL or writable.
        unsafe { into_out(out, make) }
    })
}

fn status(error: ::ictus_exporter::Error) -> ictus_status {
    match error {
        ::ictus_exporter::Error::Read(error) => error.into(),
        error => keep(&error, ictus_status::Io),
    }
}

/// Passes the bound address, with its actual port, to `write` as text, and `context` with
/// it. The text has the form of the argument `address` of `ictus_exporter_start`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_exporter_address(
    exporter: *const ictus_exporter,
    write: ictus_write_fn,
    context: *mut c_void,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or an exporter that was not stopped.
        let exporter = unsafe { borrow(exporter) }?;
        // SAFETY: by convention, NULL or a function that fulfils the contract of its type.
        unsafe { pass_on(exporter.0.address().to_string().as_bytes(), write, context) }
    })
}

/// Stops an endpoint and frees the exporter. Responses in progress have one second to
/// finish. When this function returns, the address can be used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_exporter_stop(exporter: *mut ictus_exporter) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_exporter_start`, and not used again.
        unsafe { free(exporter) };
        Ok(())
    });
}
