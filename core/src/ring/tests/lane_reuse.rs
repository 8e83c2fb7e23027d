//! A lane that serves one series after another, as a reader under weak memory sees it.
//!
//! Each life of the lane has different values, another length and another series word. A reader
//! that finds the same word before and after has read that life, at a state no older than one that
//! it had seen.

use super::*;
use crate::{
    format::series_word::UNPUBLISHED,
    ring::{LaneHeader, copy_since, copy_tail},
    segment::weak_memory::{Schedule, Step},
};

/// The stores of a writer in all lives of the lane.
struct Reuses {
    trace: Trace,
    lane_line: u64,
    /// The line of the buckets.
    buckets: u64,
    window: u32,
    lengths: Vec<u64>,
    words: Vec<SeriesWord>,
    /// The stores that hide the lane.
    ends: Vec<usize>,
}

fn of_life(life: usize, index: u64) -> f64 {
    (life as u64 * 1_000_000 + index + 1) as f64
}

impl Reuses {
    fn of(window: u32, lengths: &[u64]) -> Reuses {
        let word = |life: usize| SeriesWord::new(life as u32 + 1, LineIndex::new(1));
        let (mut lane_line, mut buckets) = (0, 0);
        let trace = Trace::of(|| {
            let segment = Arc::new(Segment::anonymous().unwrap());
            let lane = &segment.new_block().unwrap().lanes[0];
            lane_line = segment.header.root.load(Ordering::Relaxed) + 1;
            let (ring, supply, link) = new_lane(&segment, lane, window, |_| false);
            link();
            buckets = lane.table.load(Ordering::Relaxed) + table_lines(ring_chunks(window));
            lane.reserve(word(0));
            assert!(lane.publish(word(0)));
            let published = store_trace::count();
            for (life, &length) in lengths.iter().enumerate() {
                if life > 0 {
                    lane.unpublish();
                    supply.buckets.clear();
                    ring.clear(&supply);
                    lane.clear();
                    lane.reserve(word(life));
                    assert!(lane.publish(word(life)));
                }
                for index in 0..length {
                    ring.push(of_life(life, index), stamp(index), &supply);
                }
            }
            drop(supply);
            (segment, vec![published])
        });
        let words = (0..lengths.len()).map(word).collect();
        let series = trace.to(lane_line as usize * LINE_WORDS + 1);
        let hidden = |&&store: &&usize| trace.stores[store].value == UNPUBLISHED;
        let ends = series.iter().filter(hidden).copied().collect();
        Reuses { trace, lane_line, buckets, window, lengths: lengths.to_vec(), words, ends }
    }

    /// Lets most readers begin shortly before a life ends, with a slow writer and stale loads.
    fn advance_near_wrap(&self, eyes: &WeakMemoryView<'_>) {
        let mut state = eyes.state.borrow_mut();
        if matches!(state.gaze, Schedule::Targeted(_)) || state.random.one_in(4) {
            return;
        }
        let end = self.ends[state.random.below(self.ends.len() as u64) as usize];
        let ahead = state.random.of(&[1, 20, 300]);
        // Before the end, or after it without having seen it.
        let (back, ahead_of_end) = (state.random.below(ahead) as usize, state.random.below(400) as usize);
        let past = state.random.one_in(2);
        let written = if past { end + ahead_of_end } else { end.saturating_sub(back) };
        state.written = written.clamp(self.trace.published, self.trace.stores.len());
        let behind = if past { ahead_of_end + back } else { state.random.below(20) as usize };
        state.seen = state.written.saturating_sub(behind).max(self.trace.published);
        state.pending = state.seen;
        let (chance, leap) = (state.random.of(&[8, 50, 200]), state.random.of(&[20, 200, 600]));
        state.gaze = Schedule::RandomWalk(Step { chance, stores: 3, leaps: 2, leap, stale: 2 });
    }
}

/// Runs readers. Returns the number that read a life completely, the number that then read more of
/// its chunk, and the number that saw that it had ended.
fn readers(lives: &Reuses, count: u64, seed: u64) -> (u64, u64, u64) {
    let (mut read_well, mut read_tails, mut ended) = (0, 0, 0);
    for reader in 0..count {
        let eyes = WeakMemoryView::new(&lives.trace, Random(pack(seed as u32, reader as u32)));
        lives.advance_near_wrap(&eyes);
        let line = lives.lane_line;
        let word = LaneHeader::read(&eyes, line).unwrap().series;
        let Some(life) = lives.words.iter().position(|&header| header == word) else {
            ended += 1;
            continue;
        };
        // From here on, the reader has seen this head.
        let header = LaneHeader::read(&eyes, line).unwrap();
        let folded = histogram::read(&eyes, lives.buckets, &BOUNDS).unwrap();
        let reading = read(&eyes, line, lives.window, 0);
        let again = LaneHeader::read(&eyes, line).unwrap();
        if again.series != word {
            ended += 1;
            continue;
        }
        let reading = match reading {
            Ok(reading) => reading,
            Err(RingReadError::Overrun) => continue,
            Err(wrong) => panic!("reader {seed}/{reader}: {wrong:?}"),
        };
        read_well += 1;
        let head = reading.head;
        assert!(
            (header.head..=lives.lengths[life]).contains(&head),
            "reader {seed}/{reader}: {head} after {} in life {life}",
            header.head
        );
        assert_eq!(
            reading.sum,
            ExactSum::from_values((0..head).map(|index| of_life(life, index))),
            "{seed}/{reader}"
        );
        assert!(reading.newest.len() as u64 >= head.min(u64::from(lives.window)), "{seed}/{reader}");
        let first = head - reading.newest.len() as u64;
        for (index, &seen) in (first..).zip(&reading.newest) {
            assert_eq!(seen, (stamp(index), of_life(life, index)), "{seed}/{reader}");
        }
        let is_whole = is_whole(&folded, &reading);
        let distribution = folded.complete_with(&reading).unwrap();
        let counted = distribution.count();
        assert!(counted <= head, "{seed}/{reader}: {counted} of {head} in life {life}");
        if is_whole {
            let wrong = check_distribution(&distribution, (0..head).map(|index| of_life(life, index)));
            wrong.unwrap_or_else(|wrong| panic!("reader {seed}/{reader}, life {life}: {wrong}"));
        }
        let followed = follow(lives, &eyes, (life, word), head);
        let chunk = followed.unwrap_or_else(|wrong| panic!("{seed}/{reader}: {wrong}"));
        if let Some((head, chunk)) = chunk {
            let tail = follow_tail(lives, &eyes, (life, word), head, chunk);
            read_tails += u64::from(tail.unwrap_or_else(|wrong| panic!("{seed}/{reader}: {wrong}")));
        }
    }
    (read_well, read_tails, ended)
}

/// Reads the observations of a life since the head `since`, as a cursor does: two reads of the lane, the
/// chunks, two more reads of the lane. Returns the head, and the line of the chunk that holds the
/// newest observation.
fn follow(
    lives: &Reuses,
    eyes: &WeakMemoryView<'_>,
    (life, word): (usize, SeriesWord),
    since: u64,
) -> Result<Option<(u64, u64)>, String> {
    let read_lane = || LaneHeader::read(eyes, lives.lane_line).unwrap();
    let lane = read_lane();
    if read_lane().series != word {
        return Ok(None);
    }
    let copied = copy_since(eyes, lane, lives.window, since);
    let after = read_lane();
    if read_lane().series != word {
        return Ok(None);
    }
    let copied = copied.map_err(|wrong| format!("{wrong:?} in life {life}"))?;
    let settled = copied.map_or(Ok(None), |copied| copied.settle(after));
    let Some((reading, chunk)) = settled.map_err(|wrong| format!("{wrong:?} in life {life}"))? else {
        return Ok(None);
    };
    let (head, length) = (reading.head, reading.newest.len() as u64);
    let of = |index| (stamp(index), of_life(life, index));
    let is_right = head == lane.head
        && length >= head - since
        && reading.sum == ExactSum::from_values((0..head).map(|index| of_life(life, index)))
        && reading.newest.iter().copied().eq((head - length..head).map(of));
    if is_right { Ok(Some((head, chunk))) } else { Err(format!("{head} since {since} in life {life}")) }
}

/// Reads the observations of a life since the head `since` in the chunk at a line, as a cursor does.
/// Returns whether there were any.
fn follow_tail(
    lives: &Reuses,
    eyes: &WeakMemoryView<'_>,
    (life, word): (usize, SeriesWord),
    since: u64,
    chunk: u64,
) -> Result<bool, String> {
    let read_lane = || LaneHeader::read(eyes, lives.lane_line).unwrap();
    let lane = read_lane();
    if read_lane().series != word {
        return Ok(false);
    }
    let copied = copy_tail(eyes, lane, lives.window, since, chunk);
    let after = read_lane();
    if read_lane().series != word {
        return Ok(false);
    }
    let copied = copied.map_err(|wrong| format!("{wrong:?} in life {life}"))?;
    let settled = copied.map_or(Ok(None), |copied| copied.settle(after));
    let Some(newest) = settled.map_err(|wrong| format!("{wrong:?} in life {life}"))? else {
        return Ok(false);
    };
    let of = |index| (stamp(index), of_life(life, index));
    match newest.iter().copied().eq((since..lane.head).map(of)) {
        true => Ok(!newest.is_empty()),
        false => Err(format!("the tail from {since} to {} in life {life}", lane.head)),
    }
}

#[test]
fn reader_never_mixes_two_incarnations_of_a_lane() {
    let all: [(u32, &[u64], u64); 5] = [
        (40, &[3, 5, 1, 0, 7, 2, 90, 4], 8000),
        (40, &[300, 20, 500, 3, 200], 4000),
        (100, &[64, 65, 300, 10, 130], 3000),
        (300, &[700, 100, 900], 1500),
        (1000, &[1500, 300, 1200], 600),
    ];
    let mut tails = 0;
    for (seed, (window, lengths, count)) in all.into_iter().enumerate() {
        let lives = Reuses::of(window, lengths);
        let (read_well, read_tails, ended) = readers(&lives, count, 200 + seed as u64);
        assert!(read_well > 100 && ended > 100, "window {window}: {read_well} and {ended} of {count}");
        println!("window {window}: {read_tails} tails of {count}");
        tails += read_tails;
    }
    assert!(tails > 100, "{tails} tails");
}
