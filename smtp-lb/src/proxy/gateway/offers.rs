//! What members of a pool were heard to offer.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::pool::Pool;
use crate::smtp::ehlo::Offer;

/// By place in the pool; none while it is not known.
#[derive(Debug)]
pub(super) struct Offers(Vec<ArcSwapOption<Offer>>);

impl Offers {
    /// Members that were in the pool `before` are known on.
    pub(super) fn new(pool: &Pool, before: Option<(&Self, &Pool)>) -> Self {
        let known = pool.members().iter().map(|member| {
            let (offers, pool) = before?;
            let at = pool
                .members()
                .iter()
                .position(|old| Arc::ptr_eq(old, member));
            offers.0.get(at?)?.load_full()
        });
        Self(known.map(ArcSwapOption::new).collect())
    }

    /// What the member at `index` offers.
    pub(super) fn set(&self, index: usize, offer: Offer) {
        let Some(known) = self.0.get(index) else {
            return;
        };
        // Sessions hear the same again and again, and share what they read.
        if known.load().as_deref() != Some(&offer) {
            known.store(Some(Arc::new(offer)));
        }
    }

    /// Whether it is known what the member at `index` offers.
    pub(super) fn is_known(&self, index: usize) -> bool {
        self.0
            .get(index)
            .is_some_and(|known| known.load().is_some())
    }

    /// What all usable members offer of which that is known.
    pub(super) fn common(&self, pool: &Pool) -> Option<Offer> {
        let usable = pool.members().iter().zip(&self.0);
        let usable = usable.filter(|(member, _)| pool.is_usable(member));
        usable.filter_map(|(_, known)| known.load_full()).fold(
            None,
            |common: Option<Offer>, offer| match common {
                Some(common) => Some(common.intersection(&offer)),
                None => Some((*offer).clone()),
            },
        )
    }
}
