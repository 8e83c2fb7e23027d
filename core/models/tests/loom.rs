//! Runs the models; see `.ci/loom.sh`.
#![cfg(ictus_loom)]

macro_rules! models {
    ($($module:ident: $($model:ident)*;)*) => {$($(
        #[test]
        fn $model() {
            ictus_models::models::$module::$model();
        }
    )*)*};
}

models! {
    lanes:
        a_lane_is_published_beside_a_reader
        a_lane_is_handed_over
        two_threads_link_their_blocks_beside_a_reader
        two_threads_make_one_gauge_beside_a_reader;
    pages:
        a_bucket_page_is_first_used_beside_a_reader;
    ring:
        a_full_ring_is_read_beside_its_writer
        a_ring_grows_beside_a_reader
        a_ring_short_of_memory_is_read_beside_its_writer
        the_first_chunk_is_used_beside_a_reader;
}
