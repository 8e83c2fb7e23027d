# frozen_string_literal: true

module Ictus
  # A metrics backend of Conductor's Ruby SDK, for `MetricsCollector.create(backend:)`. The SDK calls
  # it with names and labels, by which it finds a handle.
  class Backend
    WORKFLOW_INPUT_SIZE = 22
    # The SDK's canonical names: kind, number of ictus_conductor_metric, labels in order.
    METRICS = {
      'http_api_client_request_seconds' => [:timer, 0, %i[method uri status]],
      'task_poll_total' => [:counter, 1, %i[taskType]],
      'task_poll_time_seconds' => [:timer, 2, %i[taskType status]],
      'task_execute_time_seconds' => [:timer, 3, %i[taskType status]],
      'task_update_time_seconds' => [:timer, 4, %i[taskType status]],
      'task_execute_error_total' => [:counter, 5, %i[taskType exception]],
      'task_update_error_total' => [:counter, 7, %i[taskType exception]],
      'task_poll_error_total' => [:counter, 9, %i[taskType exception]],
      'task_execution_started_total' => [:counter, 10, %i[taskType]],
      'task_paused_total' => [:counter, 15, %i[taskType]],
      'thread_uncaught_exceptions_total' => [:counter, 17, %i[exception]],
      'workflow_start_error_total' => [:counter, 19, %i[workflowType exception]],
      'task_result_size_bytes' => [:timer, 21, %i[taskType]],
      'workflow_input_size_bytes' => [:timer, WORKFLOW_INPUT_SIZE, %i[workflowType version]],
      'active_workers' => [:gauge, 23, %i[taskType]]
    }.freeze
    # The number of handles that are cached per metric. Beyond it each call creates and frees its handle.
    MAX_HANDLES = 4096

    def initialize(directory)
      @registry = Registry.new(directory)
      @handles = METRICS.to_h { |name, _| [name, {}] }
      @lock = Mutex.new
    end

    def increment(name, labels: {})
      with_handle(name, labels, :counter, &:increment)
    end

    def observe(name, value, labels: {})
      with_handle(name, labels, :timer) { |timer| timer.observe(value) }
    end

    def set(name, value, labels: {})
      with_handle(name, labels, :gauge) { |gauge| gauge.set(value) }
    end

    # Returns the metrics for Prometheus.
    def render
      @registry.render(surface: :canonical)
    end

    private

    # Skips names that the catalog does not have, and other kinds of call: metrics must not fail a worker.
    def with_handle(name, labels, called)
      kind, metric, names = METRICS[name.to_s]
      return unless kind == called

      values = names.map { |label| (labels[label] || labels[label.to_s]).to_s }
      # The last label is the version that other surfaces show if there is none.
      values << (values.last.empty? ? '1' : '') if metric == WORKFLOW_INPUT_SIZE
      cached = @handles[name.to_s]
      handle = @lock.synchronize do
        cached[values] || (cached[values] = create(kind, metric, values) if cached.size < MAX_HANDLES)
      end
      return yield handle if handle

      begin
        yield(temporary = create(kind, metric, values))
      ensure
        temporary&.close
      end
    end

    def create(kind, metric, values)
      @registry.conductor(kind, metric, values)
    end
  end
end
