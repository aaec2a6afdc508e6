//! Text that is no TOML.

use super::says;

#[test]
fn broken_toml() {
    says(
        "mode = plain",
        &[(
            1,
            "plain",
            "string values must be quoted, expected literal string",
            "write `\"plain\"`",
        )],
    );
    says(
        "a = 5 m\n\nb = \"x\nc = [1",
        &[
            (
                1,
                "5 m",
                "string values must be quoted, expected literal string",
                "write `\"5 m\"`",
            ),
            (
                3,
                "x",
                "invalid basic string, expected `\"`",
                "close the string with `\"` on the same line",
            ),
            (
                4,
                "1",
                "unclosed array, expected `]`",
                "close the array with `]`",
            ),
        ],
    );
    says(
        "[admin]\n[admin]",
        &[(
            2,
            "admin",
            "duplicate key",
            "keep one of them; of what can be many, write each as `[[table]]`",
        )],
    );
    says(
        "a =",
        &[(
            1,
            "=",
            "string values must be quoted, expected literal string",
            "write a value after `=`",
        )],
    );
    says(
        &format!("a = \"{}\"", "x".repeat(70_000)),
        &[(
            1,
            "",
            "this line is longer than 64 KiB",
            "put each element of a long array on a line of its own",
        )],
    );
}
