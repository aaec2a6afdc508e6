//! Priority groups, as BIG-IP's.

use super::Candidate;

/// Leaves eligible the candidates of the greatest priority, and of the next ones while fewer than
/// `min_active` are open in all of those, or none of them is eligible.
pub(super) fn narrow(candidates: &mut [Candidate], min_active: usize) {
    let mut floor = u32::MAX;
    loop {
        let within = candidates.iter().filter(|it| it.priority >= floor);
        let open = within.clone().filter(|it| it.open).count();
        if open >= min_active && within.clone().any(|it| it.eligible) {
            break;
        }
        let below = candidates.iter().map(|it| it.priority);
        match below.filter(|priority| *priority < floor).max() {
            Some(next) => floor = next,
            None => break,
        }
    }
    for candidate in candidates {
        candidate.eligible &= candidate.priority >= floor;
    }
}
