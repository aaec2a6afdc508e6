//! The packet filter: compile the image, load, attach, count.
