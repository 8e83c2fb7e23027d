//! Runs the models; see `.ci/loom.sh`.
#![cfg(ictus_loom)]

macro_rules! models {
    ($($module:ident: $($model:ident)*;)*) => {$($(
        #[test]
        fn $model() {
            ictus::models::$module::$model();
        }
    )*)*};
}

models! {
    lanes:
        a_lane_is_published_with_concurrent_reader
        a_lane_is_handed_over
        two_threads_link_their_blocks
        two_threads_make_one_gauge
        two_threads_make_two_gauges;
    limit:
        a_race_for_one_name_refuses_no_other
        one_of_two_names_gets_the_last_place
        a_series_is_removed_while_it_gets_its_place;
    pages:
        a_bucket_page_is_first_used_with_concurrent_reader;
    removal:
        a_series_ends_while_its_lane_is_made
        a_lane_is_taken_from_a_growing_table
        a_lane_goes_to_another_series_with_concurrent_reader
        a_gauge_ends_while_its_lane_is_made
        a_lane_is_published_late
        a_gauge_expires_while_it_is_set
        a_gauge_expires_while_two_threads_set_it;
    ring:
        a_full_ring_is_read_with_concurrent_writer
        a_ring_grows_with_concurrent_reader
        a_ring_short_of_memory_is_read_with_concurrent_writer
        a_full_ring_is_followed_with_concurrent_writer
        a_ring_short_of_memory_is_followed_with_concurrent_writer
        the_first_chunk_is_used_with_concurrent_reader;
}
