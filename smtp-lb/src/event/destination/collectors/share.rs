//! Whose turn it is; pure.

use std::time::Duration;

/// Weight of a collector that has its full share.
const FULL: u32 = 100;

/// The weight of one that is up for so long (`None`: always was), of which the share grows over `ramp`.
pub(super) fn weight(up: Option<Duration>, ramp: Duration) -> u32 {
    match up {
        Some(up) if up < ramp => {
            let share = u128::from(FULL) * up.as_millis() / ramp.as_millis().max(1);
            u32::try_from(share).unwrap_or(FULL).max(1)
        }
        _ => FULL,
    }
}

/// The smooth weighted round robin: each is owed its weight a turn, and who is owed most pays for all.
/// `None`: no weight is above 0.
pub(super) fn choose(weights: &[u32], credits: &mut [i64]) -> Option<usize> {
    let total: i64 = weights.iter().copied().map(i64::from).sum();
    let mut best: Option<(usize, i64)> = None;
    for (place, (weight, credit)) in weights.iter().zip(credits.iter_mut()).enumerate() {
        if *weight == 0 {
            *credit = 0;
            continue;
        }
        *credit += i64::from(*weight);
        if best.is_none_or(|(_, most)| *credit > most) {
            best = Some((place, *credit));
        }
    }
    let (place, _) = best?;
    if let Some(credit) = credits.get_mut(place) {
        *credit -= total;
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_gets_its_share(weights in prop::collection::vec(0..50_u32, 1..6)) {
            let total: u32 = weights.iter().sum();
            let mut credits = vec![0; weights.len()];
            let mut counts = vec![0; weights.len()];
            for _ in 0..total {
                counts[choose(&weights, &mut credits).unwrap()] += 1;
            }
            prop_assert_eq!(&counts, &weights);
            if total == 0 {
                prop_assert_eq!(choose(&weights, &mut credits), None);
            }
        }
    }
}
