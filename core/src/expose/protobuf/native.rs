//! Encodes exponential buckets as a native histogram: spans of consecutive buckets, and the
//! difference between each count and the previous one.

use super::message::{BucketSpan, Histogram};
use crate::snapshot::{Distribution, SparseCounts};

/// The maximum number of empty buckets within a span: up to this number, their counts take fewer
/// bytes than a new span.
const MAX_GAP: u32 = 2;

/// Makes a histogram native.
pub(super) fn add(histogram: &mut Histogram, distribution: &Distribution) {
    let Distribution { zero, exponential, .. } = distribution;
    histogram.sample_count = exponential.values().fold(*zero, u64::saturating_add);
    histogram.schema = Some(Distribution::SCHEMA);
    // Not zero, so that Prometheus recognizes a native histogram without observations.
    histogram.zero_threshold = Some(Distribution::ZERO_THRESHOLD);
    histogram.zero_count = Some(*zero);
    (histogram.positive_span, histogram.positive_delta) = spans(exponential);
}

fn spans(buckets: &SparseCounts) -> (Vec<BucketSpan>, Vec<i64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut deltas = Vec::with_capacity(buckets.len());
    let (mut next, mut last) = (0_i32, 0_u64);
    for (bucket, count) in buckets.iter() {
        let offset = bucket.wrapping_sub(next);
        // Never negative between buckets in ascending order.
        let gap = offset.cast_unsigned();
        match spans.last_mut() {
            Some(span) if gap <= MAX_GAP => {
                for _ in 0..gap {
                    deltas.push(push_delta(last, 0));
                    last = 0;
                }
                span.length += gap + 1;
            }
            _ => spans.push(BucketSpan { offset, length: 1 }),
        }
        deltas.push(push_delta(last, count));
        (next, last) = (bucket.wrapping_add(1), count);
    }
    (spans, deltas)
}

/// Returns the difference of two counts. Wraps for counts above the largest `i64`, and so does the
/// sum that Prometheus computes.
fn push_delta(last: u64, count: u64) -> i64 {
    count.wrapping_sub(last).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::{BucketSpan, spans};

    #[test]
    fn gaps_up_to_two_are_filled() {
        let buckets = [(-9, 4), (-8, 6), (-5, 1), (0, 7), (2, 7), (300, 1)].into_iter().collect();
        let (spans, deltas) = spans(&buckets);
        let span = |offset, length| BucketSpan { offset, length };
        assert_eq!(spans, [span(-9, 5), span(4, 3), span(297, 1)]);
        assert_eq!(deltas, [4, 2, -6, 0, 1, 6, -7, 7, -6]);
    }
}
