//! What quantiles of windows cost, beside selecting and sorting.
use ictus_benches::{candidate::criterion, groups::read};

fn main() {
    criterion([read::quantiles(), read::merge()]);
}
