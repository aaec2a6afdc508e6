//! Lists that name further lists: none may contain itself.

use super::{Check, Checked};
use crate::config::diagnostic::quote;
use crate::config::raw::At;

/// A list in the file.
pub(super) struct Written<'a> {
    pub(super) name: Option<&'a At<String>>,
    /// Lists that it names, as written.
    pub(super) lists: &'a [At<String>],
}

/// Reports every list that contains itself. `lists` has the positions of those that each one names. No
/// recursion: nesting is as deep as the file says.
pub(super) fn acyclic(
    check: &mut Check<'_>,
    written: &[Written<'_>],
    lists: &[&[usize]],
) -> Checked<()> {
    let mut state = vec![State::New; lists.len()];
    let mut sound = Ok(());
    for start in 0..lists.len() {
        if state[start] == State::Done {
            continue;
        }
        state[start] = State::Walking;
        // Lists being walked, and how many of each one's own lists have been.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((id, walked)) = path.last_mut() {
            let (id, next) = (*id, *walked);
            *walked += 1;
            let Some(&child) = lists[id].get(next) else {
                state[id] = State::Done;
                path.pop();
                continue;
            };
            match state[child] {
                State::Done => {}
                State::New => {
                    state[child] = State::Walking;
                    path.push((child, 0));
                }
                State::Walking => {
                    let name = |id: usize| written[id].name.map_or("", |name| name.as_str());
                    let round = path.iter().map(|(id, _)| *id).skip_while(|id| *id != child);
                    let names = round.chain([child]).map(name);
                    let message = format!(
                        "the list {} contains itself: {}",
                        quote(name(child)),
                        arrows(names)
                    );
                    let help = "take one of the lists out of the other";
                    sound = Err(check.error(&written[id].lists[next], message, help));
                }
            }
        }
    }
    sound
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Walking,
    Done,
}

/// `a → b → a`, the first few of them.
fn arrows<'a>(mut names: impl Iterator<Item = &'a str>) -> String {
    let shown: Vec<&str> = names.by_ref().take(8).collect();
    let more = if names.next().is_some() {
        " → …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(" → "))
}

/// The lists that these name and all that those do, each once. Positions that are none are passed over.
pub(super) fn reached<'a>(
    roots: &[usize],
    lists: impl Fn(usize) -> Option<&'a [usize]> + 'a,
    count: usize,
) -> impl Iterator<Item = usize> {
    let mut seen = vec![false; count];
    let mut left = roots.to_vec();
    std::iter::from_fn(move || {
        loop {
            let id = left.pop()?;
            if !std::mem::replace(seen.get_mut(id)?, true) {
                left.extend(lists(id)?);
                return Some(id);
            }
        }
    })
}
