//! The cost of a scrape by number of processes, compared with the SDK's provider on the same data.
//!
//! `--timers NUMBER` sets the number of timers of each process. The default is 43 timers, which the
//! SDK shows as 301 series.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a program that prints, and may stop")]

use std::env;

use ictus_benches::{
    groups::segments::{print_if_sdk_is_missing, segments},
    measure::compare,
    table::{Table, environment, format_ratio, format_time},
};

fn main() {
    let timers = env::args().skip_while(|argument| argument != "--timers").nth(1);
    let timers = timers.map_or(43, |number| number.parse().expect("a number after --timers"));
    let measured = env::args().any(|argument| argument == "--bench");
    let sizes: &[usize] = if measured { &[1, 10, 50, 200, 1000] } else { &[2] };
    let heading = ["segments", "the SDK's provider", "1 % changed", "of it", "all changed", "of it"];
    let mut table = Table::new(&heading);
    for &size in sizes {
        let mut group = segments("segments", size, timers);
        group.rounds = if measured { 5 } else { 1 };
        let costs = compare(&mut group);
        let cells = match costs.as_slice() {
            [sdk, few, all] => {
                let ictus =
                    [few, all].map(|ictus| [format_time(ictus.nanoseconds), format_ratio(ictus.ratio)]);
                [vec![format_time(sdk.nanoseconds)], ictus.concat()].concat()
            }
            ictus => {
                let ictus = ictus.iter().map(|ictus| [format_time(ictus.nanoseconds), "-".to_owned()]);
                [vec!["-".to_owned()], ictus.collect::<Vec<_>>().concat()].concat()
            }
        };
        table.add_row(&size.to_string(), &cells);
    }
    println!("{}", environment());
    print_if_sdk_is_missing();
    println!("A scrape of processes with {timers} timers each:\n");
    _ = table.print();
}
