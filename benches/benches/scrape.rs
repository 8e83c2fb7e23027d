//! The cost of a whole scrape of one process, compared with the one other client that shows
//! quantiles.
use ictus_benches::{candidate::criterion, groups::scrape};

fn main() {
    criterion([scrape::scrape()]);
}
