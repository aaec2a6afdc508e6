//! Every event is accounted for, whatever happens to those who collect them: what the kernel was asked to
//! tell is what was delivered and what each counter of losses says, to the event, after every scenario.
//!
//! At each scenario a flood is dropped packet by packet, and each is an event. `cargo xtask losses` makes it
//! as fast and as long as is asked for, with a daemon that is optimised.

mod full_disk;
mod in_memory;
mod on_disk;
mod stage;
