//! What Ictus costs, beside its peers: see `benches/`, run by `cargo bench`.
