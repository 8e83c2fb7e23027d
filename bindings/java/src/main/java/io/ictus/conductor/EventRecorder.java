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
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Records the events of every supported version of the SDK; subclasses add those of newer ones. */
abstract class EventRecorder implements MetricsCollector {
  static final String SUCCESS = "SUCCESS";
  static final String FAILURE = "FAILURE";
  private static final int MAX_MESSAGE_LENGTH = 200;

  private final Map<Metric, Handles<Counter>> counters = new EnumMap<>(Metric.class);
  private final Map<Metric, Handles<Timer>> timers = new EnumMap<>(Metric.class);
  private final Handles<Gauge> active;

  EventRecorder(Registry registry) {
    for (Metric metric : Metric.values()) {
      counters.put(
          metric, new Handles<>(labels -> registry.counter(metric, labels), Counter::close));
      timers.put(metric, new Handles<>(labels -> registry.timer(metric, labels), Timer::close));
    }
    active = new Handles<>(labels -> registry.gauge(Metric.ACTIVE_WORKERS, labels), Gauge::close);
  }

  @Override
  public void consume(PollStarted event) {
    count(Metric.TASK_POLL, event.getTaskType());
  }

  @Override
  public void consume(PollCompleted event) {
    time(Metric.TASK_POLL_TIME, event.getDuration(), event.getTaskType(), SUCCESS);
  }

  @Override
  public void consume(PollFailure event) {
    count(Metric.TASK_POLL_ERROR, event.getTaskType(), kind(event.getCause()));
    time(Metric.TASK_POLL_TIME, event.getDuration(), event.getTaskType(), FAILURE);
  }

  @Override
  public void consume(TaskExecutionStarted event) {
    count(Metric.TASK_EXECUTION_STARTED, event.getTaskType());
    active(event.getTaskType(), 1);
  }

  @Override
  public void consume(TaskExecutionCompleted event) {
    time(Metric.TASK_EXECUTE_TIME, event.getDuration(), event.getTaskType(), SUCCESS);
    active(event.getTaskType(), -1);
  }

  @Override
  public void consume(TaskExecutionFailure event) {
    error(
        Metric.TASK_EXECUTE_ERROR,
        Metric.TASK_EXECUTE_ERROR_MESSAGE,
        event.getTaskType(),
        event.getCause());
    time(Metric.TASK_EXECUTE_TIME, event.getDuration(), event.getTaskType(), FAILURE);
    active(event.getTaskType(), -1);
  }

  @Override
  public void consume(TaskResultPayloadSizeEvent event) {
    size(Metric.TASK_RESULT_SIZE, event.getSize(), event.getTaskType());
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
    inputSize(event.getName(), event.getVersion(), event.getSize());
  }

  @Override
  public void consume(WorkflowPayloadUsedEvent event) {
    count(
        Metric.EXTERNAL_PAYLOAD_USED,
        event.getName(),
        event.getOperation(),
        event.getPayloadType());
  }

  /** Returns the number of cached handles of a counter. */
  final int cachedCounters(Metric metric) {
    return counters.get(metric).size();
  }

  final void count(Metric metric, String... labels) {
    counters.get(metric).use(values(labels), Counter::increment);
  }

  final void time(Metric metric, Duration duration, String... labels) {
    timers.get(metric).use(values(labels), timer -> timer.observe(duration));
  }

  final void size(Metric metric, double bytes, String... labels) {
    timers.get(metric).use(values(labels), timer -> timer.observe(bytes));
  }

  /** The last label is 1 if there is no version. */
  final void inputSize(String workflow, Integer version, long bytes) {
    String[] spelled =
        version == null ? new String[] {"", "1"} : new String[] {version.toString(), ""};
    size(Metric.WORKFLOW_INPUT_SIZE, bytes, workflow, spelled[0], spelled[1]);
  }

  private void active(String taskType, double by) {
    active.use(values(taskType), gauge -> gauge.add(by));
  }

  /** Errors are counted twice: by class and by message, which have a bound on series each. */
  final void error(Metric byClass, Metric byMessage, String name, Throwable cause) {
    count(byClass, name, kind(cause));
    count(byMessage, name, message(cause));
  }

  private static List<String> values(String... labels) {
    return Arrays.stream(labels).map(label -> label == null ? "" : label).toList();
  }

  static String kind(Throwable cause) {
    return cause == null ? "Throwable" : cause.getClass().getSimpleName();
  }

  private static String message(Throwable cause) {
    String text = String.valueOf(cause == null ? null : cause.getMessage());
    return text.length() <= MAX_MESSAGE_LENGTH ? text : text.substring(0, MAX_MESSAGE_LENGTH);
  }
}
