//! One guest with many bad modes.
