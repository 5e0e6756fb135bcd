//! Rules on one object.
