//! All-or-nothing change from one plan to the next.
