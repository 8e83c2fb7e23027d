//! The content of a directory as another process reads it, for `faults/matrix.py`.

use std::{env, io};

use ictus::{Reader, snapshot::Value};

#[test]
fn reader() {
    if env::var_os("FAULTS_READ").is_none() {
        return;
    }
    // End the line with the test's name.
    println!();
    for line in io::stdin().lines() {
        let line = line.unwrap();
        let (name, directory) = line.split_once(' ').unwrap();
        match Reader::new(directory).snapshot() {
            Err(error) => println!("failed {error}"),
            Ok(snapshot) => {
                for series in snapshot.families_named(name).iter().flat_map(|family| &family.series) {
                    if let Value::Timer(timing) = &series.value {
                        let label = series.labels.last().map_or("", String::as_str);
                        println!("series {label} {} {}", timing.count, timing.sum);
                    }
                }
                println!("end");
            }
        }
    }
}
