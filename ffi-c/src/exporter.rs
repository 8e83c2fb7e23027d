//! An endpoint for Prometheus, for hosts without a library that serves one.

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
    string::{borrow, give, take_back},
    view::view,
};

/// A running endpoint: `/metrics` in the format that its client asks for, of all processes that
/// record into a directory. It has one thread, named `ictus-http`, which no recording waits for.
#[derive(Debug)]
pub struct ictus_exporter(Server);

/// Serves a metrics directory at `address`: `127.0.0.1:9464`, `[::]:9464`, `localhost:0` for a port
/// that is free, or `unix:/run/app/metrics.sock`. `surfaces` are shown where a client does not
/// choose: one of `ictus_surface`, or several added up. A forked child has no such thread: it
/// serves nothing, and leaves the exporter as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_exporter_start(
    directory: ictus_str,
    address: ictus_str,
    surfaces: c_int,
    out: *mut *mut ictus_exporter,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or readable for the time of this call.
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
        // SAFETY: by convention, NULL or a place that can be written.
        unsafe { give(out, make) }
    })
}

fn status(error: ::ictus_exporter::Error) -> ictus_status {
    match error {
        ::ictus_exporter::Error::Read(error) => error.into(),
        error => keep(&error, ictus_status::Io),
    }
}

/// Writes the address that is served, with its port, to `write`; `context` is passed on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_exporter_address(
    exporter: *const ictus_exporter,
    write: ictus_write_fn,
    context: *mut c_void,
) -> ictus_status {
    guard(|| {
        // SAFETY: by convention, NULL or an exporter that was not stopped.
        let exporter = unsafe { borrow(exporter) }?;
        // SAFETY: by convention, a function as its type says.
        unsafe { pass_on(exporter.0.address().to_string().as_bytes(), write, context) }
    })
}

/// Closes the endpoint and frees it: answers that are on their way have a second to finish. The
/// address can be used again when this returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ictus_exporter_stop(exporter: *mut ictus_exporter) {
    guard(|| {
        // SAFETY: by convention, NULL or from `ictus_exporter_start`, and not used again.
        unsafe { take_back(exporter) };
        Ok(())
    });
}
