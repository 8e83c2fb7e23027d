package io.ictus.conductor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.conductor.client.automator.TaskRunnerConfigurer;
import com.netflix.conductor.client.http.ConductorClient;
import com.netflix.conductor.client.http.TaskClient;
import com.netflix.conductor.client.worker.Worker;
import com.netflix.conductor.common.metadata.tasks.Task;
import com.netflix.conductor.common.metadata.tasks.TaskResult;
import io.ictus.Registry;
import io.ictus.Registry.Format;
import io.ictus.Registry.Surface;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A worker of the published SDK, with Ictus as its metrics collector, against a Conductor on
 * loopback.
 */
class WorkerTest {
  static final int TASKS = 40;
  private static final List<String> KINDS = List.of("resize", "mail");

  @Test
  void metricsOfAWorkerEqualTheCountsOfItsServer(@TempDir Path directory) throws Exception {
    Process server = startServer();
    try (Registry registry = new Registry(directory)) {
      String url = server.inputReader().readLine().replaceAll("/api$", "");
      IctusMetricsCollector collector = new IctusMetricsCollector(registry);
      TaskClient client = new TaskClient(new ConductorClient(url + "/api"));
      client.registerListener(collector);
      TaskRunnerConfigurer workers =
          new TaskRunnerConfigurer.Builder(
                  client, KINDS.stream().<Worker>map(OneOfThem::new).toList())
              .withTaskThreadCount(Map.of("resize", 2, "mail", 2))
              .withMetricsCollector(collector)
              .build();
      workers.init();
      while (!KINDS.stream().allMatch(kind -> isDone(url, kind))) {
        Thread.sleep(20);
      }
      // A poll that is on its way ends before the workers are stopped; otherwise it is not counted.
      OneOfThem.paused = true;
      while (!KINDS.stream().allMatch(kind -> polled(registry, kind) == polls(url, kind))) {
        Thread.sleep(20);
      }
      workers.shutdown();
      for (String kind : KINDS) {
        JsonNode counts = counts(url).get(kind);
        String label = "taskType=\"" + kind + "\"";
        double failed = counts.get("failed").asDouble();
        double completed = counts.get("completed").asDouble();
        assertTrue(failed > 0 && completed > 0, counts.toString());
        // The SDK reports the start of a poll also if it has no free thread and does not poll.
        assertTrue(shown(registry, "task_poll_total", label) >= polls(url, kind));
        assertEquals(
            counts.get("poll_errors").asDouble(), timed(registry, "poll", "FAILURE", kind));
        assertEquals(TASKS, shown(registry, "task_execution_started_total", label));
        assertEquals(failed, timed(registry, "execute", "FAILURE", kind));
        assertEquals(completed, timed(registry, "execute", "SUCCESS", kind));
        assertEquals(0, shown(registry, "active_workers", label));
      }
    } finally {
      server.destroy();
      server.waitFor();
    }
  }

  static Process startServer() throws java.io.IOException {
    return new ProcessBuilder(
            "python3",
            "../../testing/conductor_stub.py",
            "--port",
            "0",
            "--rate",
            "200",
            "--tasks",
            "" + TASKS,
            "--slow",
            "0",
            "--poll-errors",
            "0.3",
            "--update-errors",
            "0")
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  record OneOfThem(String getTaskDefName) implements Worker {
    static volatile boolean paused;

    @Override
    public TaskResult execute(Task task) {
      if (task.getTaskId().endsWith("0")) {
        throw new IllegalStateException("every tenth");
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

  static JsonNode counts(String url) {
    try {
      return new ObjectMapper().readTree(URI.create(url + "/stub/counts").toURL());
    } catch (java.io.IOException refused) {
      throw new java.io.UncheckedIOException(refused);
    }
  }

  static boolean isDone(String url, String kind) {
    JsonNode counts = counts(url).get(kind);
    return counts != null
        && counts.get("completed").asInt() + counts.get("failed").asInt() == TASKS
        && counts.get("poll_errors").asInt() > 0;
  }

  static double polls(String url, String kind) {
    return counts(url).get(kind).get("polls").asDouble();
  }

  static double polled(Registry registry, String kind) {
    return timed(registry, "poll", "SUCCESS", kind) + timed(registry, "poll", "FAILURE", kind);
  }

  static double timed(Registry registry, String what, String status, String kind) {
    String labels = "status=\"" + status + "\",taskType=\"" + kind + "\"";
    return shown(registry, "task_" + what + "_time_seconds_count", labels);
  }

  static double shown(Registry registry, String name, String labels) {
    String text =
        new String(registry.render(Format.TEXT, Surface.CANONICAL), StandardCharsets.UTF_8);
    String start = name + "{" + labels + "} ";
    return text.lines()
        .filter(line -> line.startsWith(start))
        .mapToDouble(line -> Double.parseDouble(line.substring(start.length())))
        .findFirst()
        .orElse(0);
  }
}
