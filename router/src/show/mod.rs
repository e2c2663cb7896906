//! What `show` commands print: data, and its two forms.

pub mod views;
