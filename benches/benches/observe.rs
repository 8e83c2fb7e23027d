//! What one observation costs on one thread, beside what it is made of and its peers.
use ictus_benches::{candidate::criterion, groups::observe};

fn main() {
    criterion([
        observe::one_series(),
        observe::with_the_clock(),
        observe::start_to_stop(),
        observe::many_series(),
    ]);
}
