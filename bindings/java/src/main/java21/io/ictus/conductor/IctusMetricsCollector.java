package io.ictus.conductor;

import com.netflix.conductor.client.events.task.TaskResultPayloadSizeEvent;
import com.netflix.conductor.client.events.taskrunner.ActiveWorkersChanged;
import com.netflix.conductor.client.events.taskrunner.TaskAckError;
import com.netflix.conductor.client.events.taskrunner.TaskAckFailure;
import com.netflix.conductor.client.events.taskrunner.TaskExecutionQueueFull;
import com.netflix.conductor.client.events.taskrunner.TaskPaused;
import com.netflix.conductor.client.events.taskrunner.TaskUpdateCompleted;
import com.netflix.conductor.client.events.taskrunner.TaskUpdateFailure;
import com.netflix.conductor.client.events.taskrunner.ThreadUncaughtException;
import com.netflix.conductor.client.metrics.ApiClientMetrics;
import io.ictus.Registry;
import io.ictus.Registry.Metric;

/**
 * Records the metrics of the SDK's workers and clients: pass it to {@code withMetricsCollector}, or
 * register it as a listener.
 *
 * <p>This variant, which Java 21 and newer loads, also records the events that the SDK has since
 * 6.0. With an older SDK they are never emitted, and their classes are never loaded.
 */
public final class IctusMetricsCollector extends EventRecorder {
  /** Null until a client requests it; an older SDK has neither this class nor such clients. */
  private volatile ApiClientMetrics requests;

  /** Creates a collector that records into a registry, which the caller closes. */
  public IctusMetricsCollector(Registry registry) {
    super(registry);
  }

  @Override
  public void consume(TaskUpdateCompleted event) {
    time(Metric.TASK_UPDATE_TIME, event.getDuration(), event.getTaskType(), SUCCESS);
  }

  @Override
  public void consume(TaskUpdateFailure event) {
    error(
        Metric.TASK_UPDATE_ERROR,
        Metric.TASK_UPDATE_ERROR_MESSAGE,
        event.getTaskType(),
        event.getCause());
    time(Metric.TASK_UPDATE_TIME, event.getDuration(), event.getTaskType(), FAILURE);
  }

  @Override
  public void consume(TaskAckFailure event) {
    count(Metric.TASK_ACK_FAILED, event.getTaskType());
  }

  @Override
  public void consume(TaskAckError event) {
    error(
        Metric.TASK_ACK_ERROR,
        Metric.TASK_ACK_ERROR_MESSAGE,
        event.getTaskType(),
        event.getCause());
  }

  @Override
  public void consume(TaskExecutionQueueFull event) {
    count(Metric.TASK_EXECUTION_QUEUE_FULL, event.getTaskType());
  }

  @Override
  public void consume(TaskPaused event) {
    count(Metric.TASK_PAUSED, event.getTaskType());
  }

  @Override
  public void consume(ThreadUncaughtException event) {
    count(Metric.UNCAUGHT_EXCEPTION, kind(event.getCause()));
  }

  /**
   * Does nothing. The SDK publishes events concurrently, so the count of an older event may arrive
   * last. The gauge of active workers is the number of started executions less that of ended ones,
   * which no order changes.
   */
  @Override
  public void consume(ActiveWorkersChanged event) {}

  /** Records the size, unless the client's requests are measured: these contain the result. */
  @Override
  public void consume(TaskResultPayloadSizeEvent event) {
    if (requests == null) {
      super.consume(event);
    }
  }

  /** Records the SDK's requests, if the client is built with this collector. */
  @Override
  public synchronized ApiClientMetrics getApiClientMetrics() {
    if (requests == null) {
      requests = RequestRecorder.create(this);
    }
    return requests;
  }
}
