//! Which numbers came.

/// Which of the sequence numbers from 1 came, and how often.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// A bit for each number.
    bits: Vec<u64>,
    distinct: u64,
    records: u64,
    highest: u64,
    connections: u64,
    faults: Vec<String>,
}

impl Seen {
    /// A record of this number came.
    pub(super) fn note(&mut self, number: u64) {
        self.records += 1;
        self.highest = self.highest.max(number);
        let place = usize::try_from(number / 64).unwrap_or(usize::MAX);
        // Far above what any test sends; the number is then a fault of its own.
        if number == 0 || place > 1 << 24 {
            return self.fault(format!("sequence number {number}"));
        }
        if self.bits.len() <= place {
            self.bits.resize(place + 1, 0);
        }
        let bit = 1 << (number % 64);
        if self.bits[place] & bit == 0 {
            self.bits[place] |= bit;
            self.distinct += 1;
        }
    }

    pub(super) fn connection(&mut self) {
        self.connections += 1;
    }

    pub(super) fn fault(&mut self, fault: String) {
        if self.faults.len() < 20 {
            self.faults.push(fault);
        }
    }

    /// Different numbers.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// Records, those that came again included.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The highest number.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Connections taken.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// What came and is no record.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Stretches of numbers up to the highest that did not come, as first and last.
    #[must_use]
    pub fn gaps(&self) -> Vec<(u64, u64)> {
        let mut gaps: Vec<(u64, u64)> = Vec::new();
        for number in 1..=self.highest {
            let place = usize::try_from(number / 64).unwrap_or(usize::MAX);
            let there = self
                .bits
                .get(place)
                .is_some_and(|bits| bits >> (number % 64) & 1 == 1);
            match gaps.last_mut() {
                _ if there => {}
                Some(gap) if gap.1 + 1 == number => gap.1 = number,
                _ => gaps.push((number, number)),
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn gaps_are_what_is_missing() {
        let mut seen = Seen::default();
        for number in [2, 3, 3, 65, 70, 64] {
            seen.note(number);
        }
        assert_eq!(
            (seen.distinct(), seen.records(), seen.highest()),
            (5, 6, 70)
        );
        assert_eq!(seen.gaps(), [(1, 1), (4, 63), (66, 69)]);
        seen.note(0);
        assert_eq!(seen.faults().len(), 1);
    }
}
