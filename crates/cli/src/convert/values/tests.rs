//! Conversions as a whole: the values of every guide, every key of the charts, and there and back.

mod every_key;
mod guides;
mod round;
mod routing;
mod single;
