//! Signals of a long-running action: SIGTERM and SIGINT end it, SIGHUP makes it read its files
//! again.
//!
//! SIGHUP has no effect if there are no files to read again. If it ended the action, a supervisor
//! would consider that a clean exit, and would not restart the action.

use std::thread;

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::{Handle, Signals},
};

use crate::{
    error::{Error, Result},
    shutdown::ShutdownFlag,
};

/// A flag that SIGTERM and SIGINT set, as long as the guard lives.
pub(super) fn stop(reload: Option<impl Fn() + Send + 'static>) -> Result<(ShutdownFlag, SignalGuard)> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(Error::Start)?;
    let guard = SignalGuard(signals.handle());
    let stop = ShutdownFlag::new();
    thread::Builder::new()
        .name("ictus-signal".to_owned())
        .spawn({
            let stop = stop.clone();
            move || {
                for signal in signals.forever() {
                    if signal != SIGHUP {
                        return stop.set();
                    }
                    if let Some(reload) = &reload {
                        reload();
                    }
                }
            }
        })
        .map_err(Error::Start)?;
    Ok((stop, guard))
}

/// Ends the thread that waits for signals.
pub(super) struct SignalGuard(Handle);

impl Drop for SignalGuard {
    fn drop(&mut self) {
        self.0.close();
    }
}
