//! The cost of a sample of Prometheus text, compared with copying it and with other encoders.
use ictus_benches::{candidate::criterion, groups::text};

fn main() {
    criterion([text::text()]);
}
