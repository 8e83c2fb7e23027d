//! Anchors in a segment's header: how the owner writes them, and how readers read them.

use super::layout::{ANCHORS, anchor, identity};
use crate::{
    clock::Anchor,
    packed::pack,
    sync::{AtomicU64, Ordering},
};

/// Returns the words of an anchor, without the check word.
pub(crate) fn words(anchor: &Anchor) -> [u64; 4] {
    [anchor.stamp, anchor.wall, anchor.uncertainty, anchor.rate.to_bits()]
}

/// Decodes an anchor from its four words.
pub(crate) fn from_words(words: [u64; 4]) -> Anchor {
    let [stamp, wall, uncertainty, rate] = words;
    Anchor { stamp, wall, uncertainty, rate: f64::from_bits(rate) }
}

/// Decodes the anchor in the words of an identity.
pub(crate) fn of_identity(words: &[u64; identity::WORDS]) -> Anchor {
    from_words([0, 1, 2, 3].map(|word| words[identity::ANCHOR + word]))
}

fn check(words: [u64; 4]) -> u64 {
    pack(1, crc32fast::hash(bytemuck::cast_slice(&words)))
}

/// Overwrites the older of the header's anchors. At most one thread may call this at a time.
///
/// Relaxed: a reader accepts only words that match the check word, in whatever order it sees them.
pub(crate) fn write(into: &[[AtomicU64; anchor::WORDS]; ANCHORS], new: &Anchor) {
    let stamp = |at: &[AtomicU64; anchor::WORDS]| match at[anchor::CHECK].load(Ordering::Relaxed) {
        0 => 0,
        _ => at[anchor::STAMP].load(Ordering::Relaxed),
    };
    let [first, second] = into;
    let older = if stamp(second) < stamp(first) { second } else { first };
    let words = words(new);
    for (at, word) in older.iter().zip(words) {
        at.store(word, Ordering::Relaxed);
    }
    older[anchor::CHECK].store(check(words), Ordering::Relaxed);
}

/// Decodes the anchors that are complete.
pub(crate) fn read(words: &[u64; ANCHORS * anchor::WORDS]) -> [Option<Anchor>; ANCHORS] {
    let mut anchors = [None; ANCHORS];
    for (into, words) in anchors.iter_mut().zip(words.chunks_exact(anchor::WORDS)) {
        let said = [anchor::STAMP, anchor::WALL, anchor::UNCERTAINTY, anchor::RATE].map(|word| words[word]);
        *into = (words[anchor::CHECK] == check(said)).then(|| from_words(said));
    }
    anchors
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{fs::File, mem::offset_of, os::unix::fs::FileExt, path::Path};

    use super::{ANCHORS, Anchor, anchor, check, read, words, write};
    use crate::{
        format::layout::Header,
        sync::{AtomicU64, Ordering::Relaxed},
    };

    /// Writes an anchor into a segment's file.
    pub(crate) fn forge(path: &Path, anchor: &Anchor) {
        let said = words(anchor);
        let written = [said.as_slice(), &[check(said)]].concat();
        let file = File::options().write(true).open(path).unwrap();
        file.write_all_at(bytemuck::cast_slice(&written), offset_of!(Header, anchors) as u64).unwrap();
    }

    fn at(stamp: u64) -> Anchor {
        Anchor { stamp, wall: stamp + 7, uncertainty: 3, rate: 4e-10 }
    }

    #[test]
    fn two_newest_anchors_are_kept() {
        let header: [[AtomicU64; anchor::WORDS]; ANCHORS] = Default::default();
        let stored = || {
            let words: Vec<u64> = header.iter().flatten().map(|word| word.load(Relaxed)).collect();
            words.try_into().unwrap()
        };
        assert_eq!(read(&stored()), [None, None]);
        for stamp in 10..20 {
            write(&header, &at(stamp));
            let mut seen: Vec<u64> = read(&stored()).into_iter().flatten().map(|one| one.stamp).collect();
            seen.sort_unstable();
            assert_eq!(seen, if stamp == 10 { vec![10] } else { vec![stamp - 1, stamp] });
        }
        // The owner is killed between two words of the next anchor.
        let mut torn = stored();
        let older = if torn[anchor::STAMP] < torn[anchor::WORDS + anchor::STAMP] { 0 } else { anchor::WORDS };
        torn[older + anchor::STAMP] = 20;
        assert_eq!(read(&torn).into_iter().flatten().collect::<Vec<_>>(), [at(19)]);
    }
}
