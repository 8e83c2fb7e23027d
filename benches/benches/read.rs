//! The cost of quantiles of windows, compared with selecting and sorting.
use ictus_benches::{candidate::criterion, groups::read};

fn main() {
    criterion([read::quantiles(), read::merge()]);
}
