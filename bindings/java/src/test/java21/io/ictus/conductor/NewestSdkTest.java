package io.ictus.conductor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.netflix.conductor.client.automator.TaskRunnerConfigurer;
import com.netflix.conductor.client.events.task.TaskResultPayloadSizeEvent;
import com.netflix.conductor.client.events.taskrunner.ActiveWorkersChanged;
import com.netflix.conductor.client.events.taskrunner.TaskAckError;
import com.netflix.conductor.client.events.taskrunner.TaskAckFailure;
import com.netflix.conductor.client.events.taskrunner.TaskExecutionStarted;
import com.netflix.conductor.client.events.taskrunner.TaskUpdateFailure;
import com.netflix.conductor.client.events.taskrunner.ThreadUncaughtException;
import com.netflix.conductor.client.http.ConductorClient;
import com.netflix.conductor.client.http.TaskClient;
import com.netflix.conductor.client.worker.Worker;
import com.netflix.conductor.common.metadata.tasks.Task;
import com.netflix.conductor.common.metadata.tasks.TaskResult;
import io.ictus.Registry;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The events that only the newest version of the SDK has, from a worker and one by one. */
class NewestSdkTest {
  private static final String KIND = "resize";
  private static final String LABEL = "taskType=\"" + KIND + "\"";

  @Test
  void everyEventOfTheSdkHasItsMethod() {
    Set<String> events = consumed(com.netflix.conductor.client.metrics.MetricsCollector.class);
    assertTrue(events.size() >= 19, events.toString());
    Set<String> handled =
        Stream.of(EventRecorder.class, IctusMetricsCollector.class)
            .flatMap(type -> Stream.of(type.getDeclaredMethods()))
            .filter(method -> method.getName().equals("consume"))
            .map(method -> method.getParameterTypes()[0].getSimpleName())
            .collect(Collectors.toSet());
    assertEquals(events, handled);
  }

  private static Set<String> consumed(Class<?> listener) {
    return Stream.of(listener.getMethods())
        .filter(method -> method.getName().equals("consume"))
        .map(Method::getParameterTypes)
        .map(types -> types[0].getSimpleName())
        .collect(Collectors.toSet());
  }

  @Test
  void updatesAndRequestsOfAWorkerAreRecorded(@TempDir Path directory) throws Exception {
    Process server = WorkerTest.startServer();
    try (Registry registry = new Registry(directory)) {
      String url = server.inputReader().readLine().replaceAll("/api$", "");
      IctusMetricsCollector collector = new IctusMetricsCollector(registry);
      ConductorClient client =
          ConductorClient.builder().basePath(url + "/api").withMetricsCollector(collector).build();
      CountDownLatch open = new CountDownLatch(1);
      Held worker = new Held(open);
      TaskRunnerConfigurer workers =
          new TaskRunnerConfigurer.Builder(new TaskClient(client), List.of(worker))
              .withThreadCount(2)
              .withMetricsCollector(collector)
              .build();
      workers.init();
      // Both threads are held, so the next poll finds no free one.
      until(() -> WorkerTest.shown(registry, "task_execution_queue_full_total", LABEL) > 0);
      assertEquals(2, WorkerTest.shown(registry, "active_workers", LABEL));
      open.countDown();
      until(() -> WorkerTest.isDone(url, KIND));
      worker.paused = true;
      until(() -> WorkerTest.shown(registry, "task_paused_total", LABEL) > 0);
      until(() -> WorkerTest.polled(registry, KIND) == WorkerTest.polls(url, KIND));
      until(() -> WorkerTest.timed(registry, "update", "SUCCESS", KIND) == WorkerTest.TASKS);
      workers.shutdown();
      JsonNode counts = WorkerTest.counts(url).get(KIND);
      assertEquals(WorkerTest.TASKS, counts.get("updates").asInt());
      assertEquals(
          WorkerTest.TASKS, WorkerTest.shown(registry, "task_result_size_bytes_count", LABEL));
      assertEquals(
          WorkerTest.TASKS, requests(registry, "POST", "200"), "each update is one request");
      assertEquals(
          counts.get("polls").asInt() - counts.get("poll_errors").asInt(),
          requests(registry, "GET", "200"));
      assertEquals(counts.get("poll_errors").asInt(), requests(registry, "GET", "500"));
    } finally {
      server.destroy();
      server.waitFor();
    }
  }

  @Test
  void eventsThatNoWorkerOfTheTestEmitsAreRecorded() {
    try (Registry registry = new Registry()) {
      IctusMetricsCollector collector = new IctusMetricsCollector(registry);
      IllegalStateException cause = new IllegalStateException("refused");
      collector.consume(new TaskAckFailure(KIND, "1"));
      collector.consume(new TaskAckError(KIND, "1", cause));
      collector.consume(new TaskUpdateFailure(KIND, "1", "worker", "flow", cause, 250));
      collector.consume(new ThreadUncaughtException(cause));
      collector.getApiClientMetrics().recordWorkflowInputSize("flow", null, 12);
      collector.getApiClientMetrics().recordRequest("GET", "/tasks", -1, Duration.ofMillis(1));
      String exception = "exception=\"IllegalStateException\"";
      assertEquals(1, WorkerTest.shown(registry, "task_ack_failed_total", LABEL));
      assertEquals(1, WorkerTest.shown(registry, "task_ack_error_total", exception + "," + LABEL));
      assertEquals(
          1, WorkerTest.shown(registry, "task_update_error_total", exception + "," + LABEL));
      assertEquals(1, WorkerTest.timed(registry, "update", "FAILURE", KIND));
      assertEquals(1, WorkerTest.shown(registry, "thread_uncaught_exceptions_total", exception));
      assertEquals(1, requests(registry, "GET", "0"));
      assertEquals(
          1,
          WorkerTest.shown(
              registry, "workflow_input_size_bytes_count", "version=\"\",workflowType=\"flow\""));
    }
  }

  @Test
  void staleCountsOfActiveWorkersChangeNothing() {
    try (Registry registry = new Registry()) {
      IctusMetricsCollector collector = new IctusMetricsCollector(registry);
      collector.consume(new TaskExecutionStarted(KIND, "1", "worker"));
      collector.consume(new ActiveWorkersChanged(KIND, 0));
      assertEquals(1, WorkerTest.shown(registry, "active_workers", LABEL));
    }
  }

  @Test
  void resultSizesAreRecordedOnce() {
    try (Registry registry = new Registry()) {
      IctusMetricsCollector collector = new IctusMetricsCollector(registry);
      collector.consume(new TaskResultPayloadSizeEvent(KIND, 10));
      assertEquals(1, WorkerTest.shown(registry, "task_result_size_bytes_count", LABEL));
      // From now on the requests of the client are measured, which have the same bodies.
      collector.getApiClientMetrics().recordTaskResultSize(KIND, 10);
      collector.consume(new TaskResultPayloadSizeEvent(KIND, 10));
      assertEquals(2, WorkerTest.shown(registry, "task_result_size_bytes_count", LABEL));
    }
  }

  private static final class Held implements Worker {
    private final CountDownLatch open;
    volatile boolean paused;

    Held(CountDownLatch open) {
      this.open = open;
    }

    @Override
    public String getTaskDefName() {
      return KIND;
    }

    @Override
    public TaskResult execute(Task task) {
      try {
        open.await();
      } catch (InterruptedException interrupted) {
        throw new IllegalStateException(interrupted);
      }
      TaskResult result = new TaskResult(task);
      result.setStatus(TaskResult.Status.COMPLETED);
      return result;
    }

    @Override
    public boolean paused() {
      return paused;
    }

    @Override
    public int getPollingInterval() {
      return 10;
    }
  }

  private interface Condition {
    boolean holds();
  }

  private static void until(Condition condition) throws InterruptedException {
    for (long end = System.nanoTime() + 60_000_000_000L; !condition.holds(); Thread.sleep(20)) {
      assertTrue(System.nanoTime() < end, "the condition does not hold after a minute");
    }
  }

  /** Returns the number of requests of a method that the server answered with a status. */
  private static double requests(Registry registry, String method, String status) {
    String text =
        new String(
            registry.render(Registry.Format.TEXT, Registry.Surface.CANONICAL),
            java.nio.charset.StandardCharsets.UTF_8);
    return text.lines()
        .filter(line -> line.startsWith("http_api_client_request_seconds_count{"))
        .filter(line -> line.contains("method=\"" + method + "\""))
        .filter(line -> line.contains("status=\"" + status + "\""))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }
}
