//! The memory of an analysis beside which a program keeps something else.

use super::Engine;
use super::lane::Lane;

impl Engine {
    /// Takes half the memory for connections and secrets, in shards as large as before: for a
    /// program that keeps something beside the analysis. Called before the first packet.
    pub fn halve_memory(&mut self) {
        self.front.halve_shards();
        self.lanes.iter_mut().for_each(Lane::halve_memory);
    }

    /// Takes half the memory for what belongs to sessions, too.
    pub fn halve_sessions(&mut self) {
        self.tracker.halve_memory();
    }
}
