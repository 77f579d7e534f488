//! chat
#![forbid(unsafe_code)]
