use ictus_benches::{groups::*, measure::compare};
fn main() {
    for mut g in [observe::one_series(), observe::with_the_clock(), observe::many_series(), read::quantiles(), read::merge(), text::text(), scrape::scrape()] {
        println!("{}", g.about);
        for m in compare(&mut g) { println!("  {:40} {:10.2} {:8.3}", m.name, m.nanoseconds, m.ratio); }
    }
}
