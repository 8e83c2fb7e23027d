//! The metrics that a Conductor SDK records, each with a cache of handles by label values.

use std::path::Path;

use ictus::{
    Counter, FamilyOptions, Gauge, Registry, Result, Timer,
    catalog::{self, Definition},
};

use super::handle_cache::HandleCache;

/// The families of an open registry, one field per definition of the catalog. The number in each
/// type is the number of labels.
pub(crate) struct CatalogMetrics {
    pub(crate) registry: Registry,
    pub(crate) api_request_time: HandleCache<Timer, 3>,
    pub(crate) task_poll: HandleCache<Counter, 1>,
    pub(crate) task_poll_time: HandleCache<Timer, 2>,
    pub(crate) task_execute_time: HandleCache<Timer, 2>,
    pub(crate) task_update_time: HandleCache<Timer, 2>,
    pub(crate) task_execute_error: Errors,
    pub(crate) task_update_error: Errors,
    pub(crate) task_poll_error: HandleCache<Counter, 2>,
    pub(crate) task_execution_started: HandleCache<Counter, 1>,
    pub(crate) task_ack_error: Errors,
    pub(crate) task_ack_failed: HandleCache<Counter, 1>,
    pub(crate) task_execution_queue_full: HandleCache<Counter, 1>,
    pub(crate) task_paused: HandleCache<Counter, 1>,
    pub(crate) worker_restart: HandleCache<Counter, 1>,
    pub(crate) uncaught_exception: HandleCache<Counter, 1>,
    pub(crate) external_payload_used: HandleCache<Counter, 3>,
    pub(crate) workflow_start_error: Errors,
    pub(crate) task_result_size: HandleCache<Timer, 1>,
    pub(crate) workflow_input_size: HandleCache<Timer, 3>,
    pub(crate) active_workers: HandleCache<Gauge, 1>,
}

/// Errors of one kind, counted twice: by class and by message. Each count has its own bound on
/// series, so unbounded messages never displace the classes.
pub(crate) struct Errors {
    pub(crate) by_class: HandleCache<Counter, 2>,
    pub(crate) by_message: HandleCache<Counter, 2>,
}

impl CatalogMetrics {
    pub(crate) fn open(directory: &Path, options: FamilyOptions) -> Result<CatalogMetrics> {
        let registry = &Registry::open_with(directory, options)?;
        Ok(CatalogMetrics {
            registry: registry.clone(),
            api_request_time: timer(registry, &catalog::API_REQUEST_TIME)?,
            task_poll: counter(registry, &catalog::TASK_POLL)?,
            task_poll_time: timer(registry, &catalog::TASK_POLL_TIME)?,
            task_execute_time: timer(registry, &catalog::TASK_EXECUTE_TIME)?,
            task_update_time: timer(registry, &catalog::TASK_UPDATE_TIME)?,
            task_execute_error: Errors {
                by_class: counter(registry, &catalog::TASK_EXECUTE_ERROR)?,
                by_message: counter(registry, &catalog::TASK_EXECUTE_ERROR_MESSAGE)?,
            },
            task_update_error: Errors {
                by_class: counter(registry, &catalog::TASK_UPDATE_ERROR)?,
                by_message: counter(registry, &catalog::TASK_UPDATE_ERROR_MESSAGE)?,
            },
            task_poll_error: counter(registry, &catalog::TASK_POLL_ERROR)?,
            task_execution_started: counter(registry, &catalog::TASK_EXECUTION_STARTED)?,
            task_ack_error: Errors {
                by_class: counter(registry, &catalog::TASK_ACK_ERROR)?,
                by_message: counter(registry, &catalog::TASK_ACK_ERROR_MESSAGE)?,
            },
            task_ack_failed: counter(registry, &catalog::TASK_ACK_FAILED)?,
            task_execution_queue_full: counter(registry, &catalog::TASK_EXECUTION_QUEUE_FULL)?,
            task_paused: counter(registry, &catalog::TASK_PAUSED)?,
            worker_restart: counter(registry, &catalog::WORKER_RESTART)?,
            uncaught_exception: counter(registry, &catalog::UNCAUGHT_EXCEPTION)?,
            external_payload_used: counter(registry, &catalog::EXTERNAL_PAYLOAD_USED)?,
            workflow_start_error: Errors {
                by_class: counter(registry, &catalog::WORKFLOW_START_ERROR)?,
                by_message: counter(registry, &catalog::WORKFLOW_START_ERROR_MESSAGE)?,
            },
            task_result_size: timer(registry, &catalog::TASK_RESULT_SIZE)?,
            workflow_input_size: timer(registry, &catalog::WORKFLOW_INPUT_SIZE)?,
            active_workers: HandleCache::new(registry.catalog_gauge(&catalog::ACTIVE_WORKERS)?),
        })
    }
}

impl CatalogMetrics {
    /// Creates the counters of a task type that have no other label, so that they are shown at 0.
    /// Prometheus then sees the first count as an increase, and not as a new series.
    pub(crate) fn create_counters(&self, task_type: &str) {
        let counters = [
            &self.task_execution_started,
            &self.task_execution_queue_full,
            &self.task_paused,
            &self.worker_restart,
            &self.task_ack_failed,
        ];
        counters.iter().for_each(|counter| counter.create([task_type]));
    }
}

fn counter<const N: usize>(registry: &Registry, definition: &Definition) -> Result<HandleCache<Counter, N>> {
    debug_assert_eq!(definition.labels.len(), N, "{}", definition.name);
    registry.catalog_counter(definition).map(HandleCache::new)
}

fn timer<const N: usize>(registry: &Registry, definition: &Definition) -> Result<HandleCache<Timer, N>> {
    debug_assert_eq!(definition.labels.len(), N, "{}", definition.name);
    registry.catalog_timer(definition).map(HandleCache::new)
}
