//! Readers of a directory, compared with models.

mod incremental_read;
mod totals_model;
