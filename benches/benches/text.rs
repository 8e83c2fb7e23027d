//! What a sample of Prometheus text costs, beside copying it and other encoders.
use ictus_benches::{candidate::criterion, groups::text};

fn main() {
    criterion([text::text()]);
}
