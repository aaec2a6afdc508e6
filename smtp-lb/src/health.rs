//! Member state from monitors. Health writes it, the pool reads it.
