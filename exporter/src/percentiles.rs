//! Lifetime distributions as percentile files, which HdrHistogram's plotters read.

use std::fmt::Write as _;

use ictus::{
    Snapshot,
    catalog::Unit,
    snapshot::{Family, Value},
};

/// The number of lines for each halving of the distance to 100 %.
const TICKS: u32 = 5;

/// Returns one file's text for each timer series with observations, after a comment with the name of
/// the series. Values are in seconds or bytes.
pub(crate) fn percentiles(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for family in &snapshot.families {
        for series in &family.series {
            if let Value::Timer(timing) = &series.value
                && timing.count > 0
            {
                let histogram = timing.to_histogram(family);
                let scale = if family.unit == Unit::Seconds { 1e9 } else { 1.0 };
                // Writing to a string cannot fail, here and below.
                let _ = writeln!(out, "#[Series = {}]", name(family, &series.labels));
                let _ = writeln!(
                    out,
                    "{:>12} {:>14} {:>10} {:>14}\n",
                    "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
                );
                let mut total = 0;
                for step in histogram.iter_quantiles(TICKS) {
                    total += step.count_since_last_iteration();
                    let (value, quantile) =
                        (step.value_iterated_to() as f64 / scale, step.quantile_iterated_to());
                    let _ = write!(out, "{value:12.9} {quantile:14.12} {total:10}");
                    let _ = match 1.0 - quantile {
                        rest if rest > 0.0 => writeln!(out, " {:14.2}", 1.0 / rest),
                        _ => writeln!(out),
                    };
                }
                let (mean, deviation) = (histogram.mean() / scale, histogram.stdev() / scale);
                let _ = writeln!(out, "#[Mean    = {mean:12.9}, StdDeviation   = {deviation:12.9}]");
                let _ = writeln!(
                    out,
                    "#[Max     = {:12.9}, Total count    = {:12}]\n",
                    histogram.max() as f64 / scale,
                    histogram.len(),
                );
            }
        }
    }
    out
}

fn name(family: &Family, labels: &[String]) -> String {
    let pairs = family.label_names.iter().zip(labels).map(|(name, value)| format!("{name}={value:?}"));
    format!("{}{{{}}}", family.name, pairs.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use ictus::Registry;

    use super::percentiles;

    #[test]
    fn a_plotter_reads_values_shares_and_counts() {
        let registry = Registry::new();
        let jobs = registry.timer("job_seconds", "", &["queue"]).unwrap();
        let mail = jobs.labels(&["a\n\"b"]).unwrap();
        (1..=1000).for_each(|milliseconds| mail.observe(f64::from(milliseconds) / 1e3));
        registry.counter("polls", "", &[]).unwrap().labels(&[]).unwrap().inc();
        let text = percentiles(&registry.snapshot().unwrap());
        assert!(
            text.starts_with(
                "#[Series = job_seconds{queue=\"a\\n\\\"b\"}]\n       Value     Percentile TotalCount"
            ),
            "{text}"
        );
        let rows = text.lines().filter(|line| line.starts_with(' ') && !line.contains("Value"));
        let rows: Vec<Vec<f64>> =
            rows.map(|row| row.split_whitespace().map(|cell| cell.parse().unwrap()).collect()).collect();
        assert!(rows.len() > 20, "{text}");
        assert!(rows.is_sorted_by(|one, next| one[0] <= next[0] && one[1] <= next[1] && one[2] <= next[2]));
        for row in &rows {
            // Accurate to 4.5 %, as the buckets are.
            let exact = row[2] / 1e3;
            assert!((row[0] / exact - 1.0).abs() < 0.05 || row[2] < 20.0, "{row:?}");
        }
        assert_eq!(rows.last().unwrap()[1..], [1.0, 1000.0], "the last share has no odds");
        assert!(text.contains("Total count    =         1000]"), "{text}");
        assert!(!text.contains("polls"));
    }
}
