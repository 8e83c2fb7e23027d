//! The end of an action that goes on: SIGTERM or SIGINT.

use std::thread;

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::{Handle, Signals},
};

use crate::{
    error::{Error, Result},
    stop::Stop,
};

/// A flag that SIGTERM and SIGINT set, as long as the guard lives.
pub(super) fn stop() -> Result<(Stop, Guard)> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(Error::Start)?;
    let guard = Guard(signals.handle());
    let stop = Stop::new();
    thread::Builder::new()
        .name("ictus-signal".to_owned())
        .spawn({
            let stop = stop.clone();
            move || {
                if signals.forever().next().is_some() {
                    stop.set();
                }
            }
        })
        .map_err(Error::Start)?;
    Ok((stop, guard))
}

/// Ends the thread that waits for signals.
pub(super) struct Guard(Handle);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.close();
    }
}
