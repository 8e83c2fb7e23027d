//! What is compared with what.

pub mod observe;
pub mod read;
pub mod scrape;

pub mod text;

