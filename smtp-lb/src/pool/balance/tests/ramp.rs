use proptest::prelude::*;

use super::super::ramp::{WHOLE, share};
use super::*;

proptest! {
    #[test]
    fn the_share_is_a_line(elapsed in 0u64..2_000, ramp in 1u64..2_000) {
        let share = share(Duration::from_millis(elapsed), Duration::from_millis(ramp));
        let line = (elapsed as f64 / ramp as f64).min(1.0) * f64::from(WHOLE);
        prop_assert!((f64::from(share) - line).abs() <= 1.0);
    }

    /// Sessions that end at once: the member gets what it would with its part of a weight.
    #[test]
    fn slow_ramp_follows_its_line_in_turns(
        count in 2usize..6,
        percent in 0u32..=100,
        method in prop::sample::select(vec![
            Balance::LeastConnections,
            Balance::WeightedLeastConnections,
            Balance::RoundRobin,
            Balance::Ratio,
        ]),
        seed: u64,
    ) {
        const TIMES: usize = 6000;
        let mut game = Game::of(method, count);
        game.question.chance = seed;
        game.members[0].share = WHOLE / 100 * percent;
        let hits = game.hits(TIMES)[0] as f64 / TIMES as f64;
        let weight = f64::from(percent) / 100.0;
        let line = weight / (count as f64 - 1.0 + weight);
        prop_assert!((hits - line).abs() < 0.03, "{hits} for {line}");
    }

    /// Sessions that stay: the member's number follows its part of what the others have.
    #[test]
    fn slow_ramp_follows_its_line_under_load(
        count in 2usize..6,
        load in 20u64..60,
        percents in prop::collection::vec(1u32..=100, 1..6),
        ratio in 1u32..4,
        weighted: bool,
    ) {
        let (method, ratio) = if weighted {
            (Balance::WeightedLeastConnections, ratio)
        } else {
            (Balance::LeastConnections, 1)
        };
        let mut game = Game::of(method, count);
        game.members[0].ratio = ratio;
        let mut percents = percents;
        percents.sort_unstable();
        for percent in percents {
            game.members[0].share = WHOLE / 100 * percent;
            // The fullest of the others leaves for each that comes, until all have their part.
            for member in &mut game.members[1..] {
                member.active = member.active.min(load);
            }
            for _ in 0..400 {
                game.arrive();
                let fullest = (1..count).max_by_key(|it| game.members[*it].active).unwrap();
                if game.members[fullest].active > load {
                    game.members[fullest].active -= 1;
                }
            }
            let level = game.members[1].active as f64;
            let line = f64::from(percent) / 100.0 * level * f64::from(ratio);
            let has = game.members[0].active as f64;
            let slack = 2.0 + f64::from(ratio);
            prop_assert!((has - line).abs() <= slack, "{has} for {line}");
        }
    }

    /// A member that comes up takes clients one by one, and none goes back.
    #[test]
    fn slow_ramp_moves_each_client_once(client: u64, count in 2usize..6) {
        let mut game = Game::of(Balance::SourceHash, count);
        game.question.client = client;
        let home = game.choose();
        let mut there = false;
        for percent in 0..=100 {
            game.members[0].share = WHOLE * percent / 100;
            let is_there = game.choose() == Some(0);
            prop_assert!(is_there || !there);
            there = is_there;
        }
        prop_assert_eq!(there, home == Some(0));
    }

    #[test]
    fn who_all_come_up_at_once_wait_for_nobody(count in 1usize..6, share in 0u32..WHOLE, seed: u64) {
        for method in METHODS {
            let mut game = Game::of(method, count);
            game.question.chance = seed;
            let free = game.choose();
            for member in &mut game.members {
                member.share = share;
            }
            game.question.chance = seed;
            game.turn = Turn::default();
            prop_assert_eq!(game.choose(), free);
        }
    }
}
