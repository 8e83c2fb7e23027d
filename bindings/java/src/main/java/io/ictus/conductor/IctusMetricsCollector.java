package io.ictus.conductor;

import com.netflix.conductor.client.events.task.TaskPayloadUsedEvent;
import com.netflix.conductor.client.events.task.TaskResultPayloadSizeEvent;
import com.netflix.conductor.client.events.taskrunner.PollCompleted;
import com.netflix.conductor.client.events.taskrunner.PollFailure;
import com.netflix.conductor.client.events.taskrunner.PollStarted;
import com.netflix.conductor.client.events.taskrunner.TaskExecutionCompleted;
import com.netflix.conductor.client.events.taskrunner.TaskExecutionFailure;
import com.netflix.conductor.client.events.taskrunner.TaskExecutionStarted;
import com.netflix.conductor.client.events.workflow.WorkflowInputPayloadSizeEvent;
import com.netflix.conductor.client.events.workflow.WorkflowPayloadUsedEvent;
import com.netflix.conductor.client.events.workflow.WorkflowStartedEvent;
import com.netflix.conductor.client.metrics.MetricsCollector;
import io.ictus.Counter;
import io.ictus.Gauge;
import io.ictus.Registry;
import io.ictus.Registry.Metric;
import io.ictus.Timer;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What workers and clients of the SDK tell: give it to {@code withMetricsCollector}, or register
 * it.
 */
public final class IctusMetricsCollector implements MetricsCollector {
  private static final String SUCCESS = "SUCCESS";
  private static final String FAILURE = "FAILURE";
  private static final int LONGEST_MESSAGE = 200;

  private final Registry registry;
  // Few: libictus bounds the series of a metric.
  private final Map<Series, Counter> counters = new ConcurrentHashMap<>();
  private final Map<Series, Timer> timers = new ConcurrentHashMap<>();
  private final Map<Series, Gauge> gauges = new ConcurrentHashMap<>();

  private record Series(Metric metric, List<String> labels) {}

  /** Records there; the registry stays its owner's. */
  public IctusMetricsCollector(Registry registry) {
    this.registry = registry;
  }

  @Override
  public void consume(PollStarted event) {
    count(Metric.TASK_POLL, event.getTaskType());
  }

  @Override
  public void consume(PollCompleted event) {
    timer(Metric.TASK_POLL_TIME, event.getTaskType(), SUCCESS).observe(event.getDuration());
  }

  @Override
  public void consume(PollFailure event) {
    count(Metric.TASK_POLL_ERROR, event.getTaskType(), kind(event.getCause()));
    timer(Metric.TASK_POLL_TIME, event.getTaskType(), FAILURE).observe(event.getDuration());
  }

  @Override
  public void consume(TaskExecutionStarted event) {
    count(Metric.TASK_EXECUTION_STARTED, event.getTaskType());
    active(event.getTaskType(), 1);
  }

  @Override
  public void consume(TaskExecutionCompleted event) {
    timer(Metric.TASK_EXECUTE_TIME, event.getTaskType(), SUCCESS).observe(event.getDuration());
    active(event.getTaskType(), -1);
  }

  @Override
  public void consume(TaskExecutionFailure event) {
    error(
        Metric.TASK_EXECUTE_ERROR,
        Metric.TASK_EXECUTE_ERROR_MESSAGE,
        event.getTaskType(),
        event.getCause());
    timer(Metric.TASK_EXECUTE_TIME, event.getTaskType(), FAILURE).observe(event.getDuration());
    active(event.getTaskType(), -1);
  }

  @Override
  public void consume(TaskResultPayloadSizeEvent event) {
    timer(Metric.TASK_RESULT_SIZE, event.getTaskType()).observe(event.getSize());
  }

  @Override
  public void consume(TaskPayloadUsedEvent event) {
    count(
        Metric.EXTERNAL_PAYLOAD_USED,
        event.getTaskType(),
        event.getOperation(),
        event.getPayloadType());
  }

  @Override
  public void consume(WorkflowStartedEvent event) {
    if (!event.isSuccess()) {
      error(
          Metric.WORKFLOW_START_ERROR,
          Metric.WORKFLOW_START_ERROR_MESSAGE,
          event.getName(),
          event.getThrowable());
    }
  }

  @Override
  public void consume(WorkflowInputPayloadSizeEvent event) {
    Integer version = event.getVersion();
    String[] spelled =
        version == null ? new String[] {"", "1"} : new String[] {version.toString(), ""};
    timer(Metric.WORKFLOW_INPUT_SIZE, event.getName(), spelled[0], spelled[1])
        .observe(event.getSize());
  }

  @Override
  public void consume(WorkflowPayloadUsedEvent event) {
    count(
        Metric.EXTERNAL_PAYLOAD_USED,
        event.getName(),
        event.getOperation(),
        event.getPayloadType());
  }

  private void count(Metric metric, String... labels) {
    counters
        .computeIfAbsent(
            series(metric, labels), made -> registry.counter(made.metric(), made.labels()))
        .increment();
  }

  private Timer timer(Metric metric, String... labels) {
    return timers.computeIfAbsent(
        series(metric, labels), made -> registry.timer(made.metric(), made.labels()));
  }

  private void active(String taskType, double by) {
    gauges
        .computeIfAbsent(
            series(Metric.ACTIVE_WORKERS, taskType),
            made -> registry.gauge(made.metric(), made.labels()))
        .add(by);
  }

  /** Errors are counted twice: by class and by message, which have a bound on series each. */
  private void error(Metric byClass, Metric byMessage, String name, Throwable cause) {
    count(byClass, name, kind(cause));
    count(byMessage, name, message(cause));
  }

  private static Series series(Metric metric, String... labels) {
    for (int at = 0; at < labels.length; at++) {
      labels[at] = labels[at] == null ? "" : labels[at];
    }
    return new Series(metric, List.of(labels));
  }

  private static String kind(Throwable cause) {
    return cause == null ? "Throwable" : cause.getClass().getSimpleName();
  }

  private static String message(Throwable cause) {
    String text = String.valueOf(cause == null ? null : cause.getMessage());
    return text.length() <= LONGEST_MESSAGE ? text : text.substring(0, LONGEST_MESSAGE);
  }
}
