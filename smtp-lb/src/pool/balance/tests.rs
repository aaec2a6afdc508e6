#![expect(clippy::cast_precision_loss, reason = "all numbers are small")]

mod ramp;

use proptest::prelude::*;

use super::hash::mix;
use super::*;

const METHODS: [Balance; 7] = [
    Balance::LeastConnections,
    Balance::RoundRobin,
    Balance::Ratio,
    Balance::WeightedLeastConnections,
    Balance::Fastest,
    Balance::PowerOfTwo,
    Balance::SourceHash,
];

/// A pool, and chance that is the same in every run.
struct Game {
    question: Question,
    members: Vec<Candidate>,
    turn: Turn,
}

impl Game {
    fn new(method: Balance, members: Vec<Candidate>) -> Self {
        let question = Question {
            method,
            min_active: 1,
            client: 0,
            chance: 0,
        };
        let mut members = members;
        for (index, member) in members.iter_mut().enumerate() {
            member.key = name_key(&format!("mx{index}"));
        }
        Self {
            question,
            members,
            turn: Turn::default(),
        }
    }

    fn of(method: Balance, count: usize) -> Self {
        Self::new(method, vec![Candidate::new(true, 0); count])
    }

    fn choose(&mut self) -> Option<usize> {
        self.question.chance = mix(self.question.chance);
        choose(&self.question, &mut self.members.clone(), &mut self.turn)
    }

    /// A session that stays.
    fn arrive(&mut self) -> Option<usize> {
        let chosen = self.choose()?;
        self.members[chosen].active += 1;
        Some(chosen)
    }

    /// How often each is chosen by sessions that end at once.
    fn hits(&mut self, times: usize) -> Vec<usize> {
        let mut hits = vec![0; self.members.len()];
        for _ in 0..times {
            hits[self.choose().expect("somebody is up")] += 1;
        }
        hits
    }

    fn spread(&self) -> u64 {
        let active = || self.members.iter().map(|it| it.active);
        active().max().unwrap_or(0) - active().min().unwrap_or(0)
    }
}

fn up(active: u64) -> Candidate {
    Candidate::new(true, active)
}

fn down(active: u64) -> Candidate {
    Candidate::new(false, active)
}

#[test]
fn least_connections_by_table() {
    let tried = |candidate: Candidate| Candidate {
        eligible: false,
        ..candidate
    };
    for (members, start, want) in [
        (&[][..], 0, None),
        (&[down(0)], 0, None),
        (&[up(9)], 0, Some(0)),
        (&[tried(up(9))], 0, None),
        (&[up(2), up(1)], 0, Some(1)),
        (&[up(2), down(1)], 0, Some(0)),
        (&[up(2), tried(up(1))], 0, Some(0)),
        (&[up(1), up(1), up(1)], 0, Some(0)),
        (&[up(1), up(1), up(1)], 1, Some(1)),
        (&[up(1), up(1), up(1)], 3, Some(0)),
        (&[up(1), up(1), up(1)], 5, Some(2)),
        (&[up(1), tried(up(1)), up(1)], 1, Some(2)),
        (&[up(1), up(1), up(0)], 0, Some(2)),
        (&[up(0)], usize::MAX, Some(0)),
    ] {
        assert_eq!(
            least::connections(members, start),
            want,
            "{members:?} from {start}"
        );
    }
}

#[test]
fn weighted_by_table() {
    let of = |active, ratio| Candidate {
        ratio,
        ..up(active)
    };
    for (members, start, want) in [
        (&[of(0, 1), of(0, 3)][..], 0, 1),
        (&[of(0, 1), of(1, 3)], 0, 1),
        (&[of(0, 1), of(2, 3)], 0, 0),
        (&[of(0, 1), of(2, 3)], 1, 1),
        (&[of(0, 1), of(3, 3)], 0, 0),
        (&[of(u64::MAX, u32::MAX), of(u64::MAX, 1)], 1, 0),
    ] {
        let got = least::weighted(members, start);
        assert_eq!(got, Some(want), "{members:?} from {start}");
    }
}

#[test]
fn ratio_is_smooth() {
    let weights = [5, 1, 1];
    let of = |ratio| Candidate { ratio, ..up(0) };
    let mut game = Game::new(Balance::Ratio, weights.map(of).to_vec());
    let order: Vec<_> = (0..7).filter_map(|_| game.choose()).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn fastest_weighs_time_by_sessions() {
    let of = |millis: u64, active| Candidate {
        greeting: Some(Duration::from_millis(millis)),
        ..up(active)
    };
    // Chance 0 is no trial.
    let next = |members: &[Candidate]| fastest::next(members, 0, 0);
    assert_eq!(next(&[of(10, 0), of(4, 0)]), Some(1));
    assert_eq!(next(&[of(10, 0), of(4, 2)]), Some(0));
    assert_eq!(next(&[of(10, 0), of(4, 1)]), Some(1));
    assert_eq!(
        next(&[of(1, 0), up(7)]),
        Some(1),
        "who was never measured is"
    );
    assert_eq!(next(&[of(0, 3), of(0, 2)]), Some(1));
}

#[test]
fn a_slow_member_is_measured_again() {
    let of = |millis| Candidate {
        greeting: Some(Duration::from_millis(millis)),
        ..up(0)
    };
    let mut game = Game::new(Balance::Fastest, vec![of(1), of(1000), of(1000)]);
    let hits = game.hits(9600);
    // One in 32 is a trial, one in 3 of those each one's.
    assert!(
        hits[1..].iter().all(|it| (50..200).contains(it)),
        "{hits:?}"
    );
}

/// Known by both ends of an upgrade and by neighbours: these must never change.
#[test]
fn the_source_hash_is_the_same_everywhere() {
    assert_eq!(
        client_key("192.0.2.1".parse().unwrap()),
        client_key("::ffff:192.0.2.1".parse().unwrap())
    );
    let mut game = Game::of(Balance::SourceHash, 5);
    let homes = (0..12u8).map(|last| {
        game.question.client = client_key([192, 0, 2, last].into());
        game.choose().expect("up")
    });
    assert_eq!(homes.collect::<Vec<_>>(), HOMES);
}

const HOMES: [usize; 12] = [4, 3, 3, 3, 2, 4, 4, 4, 1, 3, 0, 4];

proptest! {
    #[test]
    fn only_who_may_be_is_chosen(
        members in prop::collection::vec(
            (any::<bool>(), any::<bool>(), 0u64..5, 0u32..4, 0u32..3, 0u32..=WHOLE, prop::option::of(0u64..9)),
            0..12,
        ),
        min_active in 0usize..8,
        client: u64,
        chance: u64,
        start in 0usize..40,
    ) {
        let members: Vec<_> = members
            .into_iter()
            .map(|(open, tried, active, ratio, priority, share, greeting)| Candidate {
                open,
                eligible: open && !tried,
                active,
                ratio,
                priority,
                share,
                greeting: greeting.map(Duration::from_millis),
                key: mix(u64::from(priority) ^ active),
            })
            .collect();
        for method in METHODS {
            let question = Question { method, min_active, client, chance };
            let mut turn = Turn { start, credits: vec![] };
            match choose(&question, &mut members.clone(), &mut turn) {
                Some(chosen) => prop_assert!(members[chosen].eligible, "{method:?}"),
                None => prop_assert!(!members.iter().any(|it| it.eligible), "{method:?}"),
            }
        }
    }

    /// Departures may make members differ by any number; an arrival never does: what it finds
    /// uneven it makes more even, and without departures they never differ by more than one.
    #[test]
    fn least_connections_never_differ_by_more_than_one(
        count in 1usize..9,
        steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..300),
        weighted: bool,
    ) {
        let method = if weighted {
            Balance::WeightedLeastConnections
        } else {
            Balance::LeastConnections
        };
        let mut game = Game::of(method, count);
        let mut calm = Game::of(method, count);
        for (leaves, who) in steps {
            let who = who.index(count);
            if leaves && game.members[who].active > 0 {
                game.members[who].active -= 1;
                continue;
            }
            let before = game.spread();
            let least = game.members.iter().map(|it| it.active).min();
            let chosen = game.arrive().expect("all are up");
            prop_assert_eq!(Some(game.members[chosen].active - 1), least);
            prop_assert!(game.spread() <= before.max(1));
            // Sessions of about the same length: who came first leaves first, from the fullest.
            calm.arrive();
            if leaves {
                let fullest = (0..count).max_by_key(|it| calm.members[*it].active);
                calm.members[fullest.unwrap()].active -= 1;
            }
            prop_assert!(calm.spread() <= 1);
        }
    }

    #[test]
    fn weights_are_kept_at_rest(
        weights in prop::collection::vec(1u32..9, 1..7),
        sessions in 0u32..200,
    ) {
        let of = |ratio: &u32| Candidate { ratio: *ratio, ..up(0) };
        let members = weights.iter().map(of).collect();
        let mut game = Game::new(Balance::WeightedLeastConnections, members);
        for _ in 0..sessions {
            game.arrive();
        }
        let total: u32 = weights.iter().sum();
        for member in &game.members {
            let fair = f64::from(sessions) * f64::from(member.ratio) / f64::from(total);
            // Highest averages: no less than the whole part of what is fair, for two members; a
            // little off for more.
            let slack = 1.0 + f64::from(member.ratio) * weights.len() as f64 / f64::from(total);
            prop_assert!((member.active as f64 - fair).abs() <= slack, "{:?}", game.members);
        }
    }

    /// In each round of as many choices as the weights sum up to, exactly as often as they say.
    #[test]
    fn ratio_converges(
        weights in prop::collection::vec(1u32..20, 1..8),
        rounds in 1usize..4,
        lost in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let of = |ratio: &u32| Candidate { ratio: *ratio, ..up(0) };
        let mut game = Game::new(Balance::Ratio, weights.iter().map(of).collect());
        let mut expected: Vec<_> = weights.iter().map(|it| *it as usize * rounds).collect();
        let total: u32 = weights.iter().sum();
        prop_assert_eq!(game.hits(total as usize * rounds), &expected[..]);
        // Also while one of them is gone.
        if let Some(lost) = lost.map(|it| it.index(weights.len())).filter(|_| weights.len() > 1) {
            game.members[lost] = Candidate { ratio: weights[lost], ..down(0) };
            expected[lost] = 0;
            let rest = (total - weights[lost]) as usize * rounds;
            prop_assert_eq!(game.hits(rest), &expected[..]);
        }
    }

    #[test]
    fn equals_take_turns(
        ups in prop::collection::vec(any::<bool>(), 1..12),
        rounds in 1usize..5,
        least: bool,
    ) {
        let method = if least { Balance::LeastConnections } else { Balance::RoundRobin };
        let count = ups.iter().filter(|up| **up).count();
        prop_assume!(count > 0);
        let members = ups.iter().map(|up| Candidate::new(*up, 0)).collect();
        let hits = Game::new(method, members).hits(rounds * count);
        for (up, hits) in ups.iter().zip(hits) {
            prop_assert_eq!(hits, if *up { rounds } else { 0 });
        }
    }

    /// The greater of two draws is never taken, so the fullest never is while all differ.
    #[test]
    fn of_two_the_emptier_is_taken(count in 2usize..9, chance: u64) {
        let mut members: Vec<_> = (0..count as u64).map(up).collect();
        members.rotate_left(usize::try_from(chance % 7).unwrap() % count);
        let chosen = least::of_two(&members, chance).unwrap();
        prop_assert!(members[chosen].active < count as u64 - 1);
    }

    #[test]
    fn power_of_two_reaches_all_and_stays_even(count in 2usize..9, seed: u64) {
        let mut game = Game::of(Balance::PowerOfTwo, count);
        game.question.chance = seed;
        for _ in 0..count * 200 {
            game.arrive();
        }
        // Above the average by log log n and a constant. One draw would be off by dozens.
        let most = game.members.iter().map(|it| it.active).max();
        prop_assert!(most <= Some(206), "{:?}", game.members);
    }

    /// A member that is lost moves its own clients and nobody else, and has at most 1/n + 5 %.
    #[test]
    fn a_member_lost_moves_only_its_own_clients(
        count in 2usize..12,
        lost in any::<prop::sample::Index>(),
        network: u16,
    ) {
        const CLIENTS: u32 = 2000;
        let lost = lost.index(count);
        let mut game = Game::of(Balance::SourceHash, count);
        let mut moved = 0;
        for client in 0..CLIENTS {
            let address = std::net::Ipv4Addr::from_bits(u32::from(network) << 16 | client);
            game.question.client = client_key(address.into());
            let home = game.choose().unwrap();
            prop_assert_eq!(game.choose(), Some(home));
            game.members[lost].open = false;
            game.members[lost].eligible = false;
            let refuge = game.choose().unwrap();
            game.members[lost].open = true;
            game.members[lost].eligible = true;
            if home == lost {
                moved += 1;
                prop_assert_ne!(refuge, lost);
            } else {
                prop_assert_eq!(refuge, home);
            }
        }
        let share = f64::from(moved) / f64::from(CLIENTS);
        let bound = 1.0 / count as f64 + 0.05;
        prop_assert!(share <= bound, "{share} of {bound}");
    }

    /// By its definition: lower groups are asked exactly while fewer than `min_active` are open
    /// above them.
    #[test]
    fn priority_groups_switch_at_min_active(
        members in prop::collection::vec((any::<bool>(), 0u32..4), 1..12),
        min_active in 1usize..6,
    ) {
        let members: Vec<_> = members
            .into_iter()
            .map(|(open, priority)| Candidate { priority, ..Candidate::new(open, 0) })
            .collect();
        let mut narrowed = members.clone();
        priority::narrow(&mut narrowed, min_active);
        for (member, narrowed) in members.iter().zip(&narrowed) {
            let above = members.iter().filter(|it| it.open && it.priority > member.priority).count();
            prop_assert_eq!(narrowed.eligible, member.open && above < min_active, "{:?}", members);
        }
    }

    /// A session that tried a whole group in vain goes on to the next one.
    #[test]
    fn who_tried_a_group_gets_the_next(above in 1usize..5, below in 1usize..5) {
        let tried = Candidate { eligible: false, priority: 1, ..up(0) };
        let mut members = vec![tried; above];
        members.resize(above + below, up(0));
        priority::narrow(&mut members, 1);
        prop_assert_eq!(members.iter().filter(|it| it.eligible).count(), below);
    }
}
