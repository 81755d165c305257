//! What others get to see of the proplets: copies, since the state changes meanwhile.

use super::{Fleet, PropletView};

impl Fleet {
    /// Every proplet, by name.
    #[must_use]
    pub fn proplets(&self, now: i64) -> Vec<PropletView> {
        let state = self.lock();
        let mut proplets: Vec<_> = state
            .proplets
            .values()
            .map(|proplet| proplet.view(self.bounds, now))
            .collect();
        drop(state);
        proplets.sort_by(|a, b| a.identity.name.cmp(&b.identity.name));
        proplets
    }

    /// A page of the proplets, by name, and how many there are. Only those of the page
    /// are copied: many may read at once.
    #[must_use]
    pub fn page(&self, now: i64, offset: usize, limit: usize) -> (usize, Vec<PropletView>) {
        let mut names: Vec<_> = self.lock().proplets.keys().cloned().collect();
        names.sort_unstable();
        let state = self.lock();
        let page = names.iter().skip(offset).take(limit);
        let known = page.filter_map(|name| state.proplets.get(name));
        let views = known.map(|proplet| proplet.view(self.bounds, now));
        (names.len(), views.collect())
    }

    /// One proplet.
    #[must_use]
    pub fn proplet(&self, name: &str, now: i64) -> Option<PropletView> {
        let state = self.lock();
        let proplet = state.proplets.get(name)?;
        Some(proplet.view(self.bounds, now))
    }
}
