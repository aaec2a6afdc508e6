//! Octets as hostile parties send them: any, and rather those that mean something.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Runs of `words`, and sometimes of any octets.
pub(crate) fn of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = select(words).prop_map(|word| word.as_bytes().to_vec());
    let piece = prop_oneof![12 => word, 1 => vec(any::<u8>(), 1..4)];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// What the text of a message may try.
pub(crate) fn text() -> impl Strategy<Value = Vec<u8>> {
    of(&[
        "\r",
        "\n",
        "\0",
        ".",
        ".",
        "\r\n",
        "\r\n",
        "x",
        "\r\n.\r\n",
        "text",
    ])
}
