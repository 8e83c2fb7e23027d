//! Blocks of lanes, which readers reach from the root in the header.

use super::Segment;
use crate::{
    format::layout::{Block, Lane, Lines as _},
    sync::{AtomicU64, Ordering},
};

#[derive(Debug)]
pub(super) struct GaugeBlock {
    block: &'static Block,
    used: AtomicU64,
}

impl Segment {
    /// Creates a block, linked from the root. Readers see its lanes as soon as they are published.
    pub(crate) fn new_block(&self) -> Option<&'static Block> {
        let line = self.claim(Block::LINES)?;
        let block: &'static Block = self.mapping.lines(line)?;
        let mut newest = self.header.root.load(Ordering::Relaxed);
        loop {
            block.previous.store(newest, Ordering::Relaxed);
            // Release, pairs with the reader's acquire of the root: it sees `previous`.
            match self.header.root.compare_exchange(newest, line, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Some(block),
                Err(other) => newest = other,
            }
        }
    }

    /// Returns an unpublished lane that all threads of the process may write.
    pub(crate) fn shared_lane(&self) -> Option<&'static Lane> {
        loop {
            let filling = self.shared.load(Ordering::Acquire);
            if let Some(shared) = filling {
                let used = shared.used.fetch_add(1, Ordering::Relaxed);
                if let Some(lane) = usize::try_from(used).ok().and_then(|used| shared.block.lanes.get(used)) {
                    return Some(lane);
                }
            }
            let block = GaugeBlock { block: self.new_block()?, used: AtomicU64::new(0) };
            // The thread that fails leaves an empty block behind.
            let _ = self.shared.compare_exchange(filling, Some(Box::leak(Box::new(block))), Ordering::AcqRel);
        }
    }
}
