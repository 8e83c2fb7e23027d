//! A lane that serves one series after another, as a reader on a weak machine sees it.
//!
//! Each life is one of its own: other values, another length, another series word. A reader that
//! finds the same word before and after must have read that life, and no older moment of it than it
//! knew.

use super::*;
use crate::{ring::LaneHead, segment::layout::HIDDEN};

/// What a writer did in all lives, and where each begins in the trace.
struct Lives {
    trace: Trace,
    lengths: Vec<u64>,
    words: Vec<u64>,
    /// The stores that hide the lane.
    ends: Vec<usize>,
}

fn of_life(life: usize, index: u64) -> f64 {
    (life as u64 * 1_000_000 + index + 1) as f64
}

impl Lives {
    fn of(window: u32, lengths: &[u64]) -> Lives {
        let segment = Segment::anonymous().unwrap();
        let lane = &segment.new_block().unwrap().lanes[0];
        let lane_line = segment.header.root.load(Ordering::Relaxed) + 1;
        let (ring, supply, link) = new_lane(&segment, lane, window, |_| false);
        let word = |life: usize| (life as u64 + 1) << 32 | 1;
        let mut published = 0;
        let stores = trace(|| {
            link();
            assert!(lane.publish(word(0)));
            published = 4;
            for (life, &length) in lengths.iter().enumerate() {
                if life > 0 {
                    lane.hide();
                    supply.buckets.clear();
                    ring.clear(&supply);
                    lane.clear();
                    assert!(lane.publish(word(life)));
                }
                for index in 0..length {
                    let value = of_life(life, index);
                    ring.push(value, stamp(index), &supply);
                }
            }
        });
        let start = std::ptr::from_ref(segment.header).addr();
        let inside = start..start + segment.mapping().committed();
        let stores: Vec<Store> = stores.into_iter().filter(|store| inside.contains(&store.address)).collect();
        let mut of = vec![Vec::new(); segment.header.cursor.load(Ordering::Relaxed) as usize * LINE_WORDS];
        for (at, store) in stores.iter().enumerate() {
            of[(store.address - start) / 8].push(at);
        }
        let buckets = lane.table.load(Ordering::Relaxed) + table_lines(full_ring(window));
        let trace = Trace { stores, of, published, lane_line, buckets, window, held: Vec::new() };
        let words = (0..lengths.len()).map(word).collect();
        let series = &trace.of[lane_line as usize * LINE_WORDS + 1];
        let hidden = |&&store: &&usize| trace.stores[store].value & HIDDEN != 0;
        let ends = series.iter().filter(hidden).copied().collect();
        Lives { trace, lengths: lengths.to_vec(), words, ends }
    }

    /// Lets most readers begin shortly before a life ends, the writer slow and the machine weak.
    fn approach_an_end(&self, eyes: &Eyes<'_>) {
        let mut state = eyes.state.borrow_mut();
        if state.random.one_in(4) {
            return;
        }
        let end = self.ends[state.random.below(self.ends.len() as u64) as usize];
        let ahead = [1, 20, 300][state.random.below(3) as usize];
        // Before the end, or after it and not knowing.
        let (before, after) = (state.random.below(ahead) as usize, state.random.below(400) as usize);
        let past = state.random.one_in(2);
        let written = if past { end + after } else { end.saturating_sub(before) };
        state.written = written.clamp(self.trace.published, self.trace.stores.len());
        let behind = if past { after + before } else { state.random.below(20) as usize };
        state.seen = state.written.saturating_sub(behind).max(self.trace.published);
        state.pending = state.seen;
        let (chance, leap) =
            ([8, 50, 200][state.random.below(3) as usize], [20, 200, 600][state.random.below(3) as usize]);
        state.pace = Pace { chance, stores: 3, leaps: 2, leap, stale: 2 };
    }
}

/// Runs so many readers; gives how many read a life whole, and how many saw that it had ended.
fn readers(lives: &Lives, count: u64, seed: u64) -> (u64, u64) {
    let (mut read_well, mut ended) = (0, 0);
    for reader in 0..count {
        let eyes = Eyes::new(&lives.trace, Random(seed << 32 | reader));
        lives.approach_an_end(&eyes);
        let line = lives.trace.lane_line;
        let word = LaneHead::read(&eyes, line).unwrap().series;
        let Some(life) = lives.words.iter().position(|&known| known == word) else {
            ended += 1;
            continue;
        };
        // As of now, the reader knows the head.
        let known = LaneHead::read(&eyes, line).unwrap();
        let folded = buckets::read(&eyes, lives.trace.buckets, &BOUNDS).unwrap();
        let reading = read(&eyes, line, lives.trace.window, 0);
        let again = LaneHead::read(&eyes, line).unwrap();
        if again.series != word {
            ended += 1;
            continue;
        }
        let reading = match reading {
            Ok(reading) => reading,
            Err(Unreadable::Overrun) => continue,
            Err(wrong) => panic!("reader {seed}/{reader}: {wrong:?}"),
        };
        read_well += 1;
        let head = reading.head;
        assert!(
            (known.head..=lives.lengths[life]).contains(&head),
            "reader {seed}/{reader}: {head} after {} in life {life}",
            known.head
        );
        assert_eq!(reading.sum, Exact::of((0..head).map(|index| of_life(life, index))), "{seed}/{reader}");
        assert!(reading.newest.len() as u64 >= head.min(u64::from(lives.trace.window)), "{seed}/{reader}");
        let first = head - reading.newest.len() as u64;
        for (index, &seen) in (first..).zip(&reading.newest) {
            assert_eq!(seen, (stamp(index), of_life(life, index)), "{seed}/{reader}");
        }
        let counted = folded.with_rest(&reading).unwrap().count();
        assert!(counted <= head, "{seed}/{reader}: {counted} of {head} in life {life}");
    }
    (read_well, ended)
}

#[test]
fn a_reader_never_mixes_two_lives_of_a_lane() {
    let all: [(u32, &[u64], u64); 5] = [
        (40, &[3, 5, 1, 0, 7, 2, 90, 4], 8000),
        (40, &[300, 20, 500, 3, 200], 4000),
        (100, &[64, 65, 300, 10, 130], 3000),
        (300, &[700, 100, 900], 1500),
        (1000, &[1500, 300, 1200], 600),
    ];
    for (seed, (window, lengths, count)) in all.into_iter().enumerate() {
        let lives = Lives::of(window, lengths);
        let (read_well, ended) = readers(&lives, count, 200 + seed as u64);
        assert!(read_well > 100 && ended > 100, "window {window}: {read_well} and {ended} of {count}");
    }
}
