//! Plugins of the endpoint picker.
