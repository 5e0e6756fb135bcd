mod edges;
mod examples;
mod properties;
mod random;
