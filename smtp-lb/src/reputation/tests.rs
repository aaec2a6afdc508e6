mod image;
mod tree;
