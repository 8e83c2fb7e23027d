//! The cost of one observation on one thread, compared with its parts and with other clients.
use ictus_benches::{candidate::criterion, groups::observe};

fn main() {
    criterion([
        observe::one_series(),
        observe::with_the_clock(),
        observe::start_to_stop(),
        observe::many_series(),
    ]);
}
