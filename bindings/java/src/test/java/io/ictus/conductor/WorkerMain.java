package io.ictus.conductor;

import com.netflix.conductor.client.automator.TaskRunnerConfigurer;
import com.netflix.conductor.client.http.ConductorClient;
import com.netflix.conductor.client.http.TaskClient;
import com.netflix.conductor.client.worker.Worker;
import com.netflix.conductor.common.metadata.tasks.Task;
import com.netflix.conductor.common.metadata.tasks.TaskResult;
import io.ictus.Registry;
import java.nio.file.Path;
import java.util.List;

/**
 * Does tasks of a type with Conductor's Java SDK, until its standard input ends. A task takes the
 * input "number" modulo 50 milliseconds.
 */
public final class WorkerMain {
  private WorkerMain() {}

  /** Takes a server, a metrics directory and a task type. */
  public static void main(String[] arguments) throws Exception {
    Registry registry = new Registry(Path.of(arguments[1]));
    Worker worker =
        new Worker() {
          @Override
          public String getTaskDefName() {
            return arguments[2];
          }

          @Override
          public TaskResult execute(Task task) {
            try {
              Thread.sleep(((Number) task.getInputData().get("number")).longValue() % 50);
            } catch (InterruptedException interrupt) {
              Thread.currentThread().interrupt();
            }
            TaskResult result = new TaskResult(task);
            result.setStatus(TaskResult.Status.COMPLETED);
            return result;
          }

          @Override
          public int getPollingInterval() {
            return 10;
          }
        };
    TaskRunnerConfigurer workers =
        new TaskRunnerConfigurer.Builder(
                new TaskClient(new ConductorClient(arguments[0])), List.of(worker))
            .withThreadCount(2)
            .withMetricsCollector(new IctusMetricsCollector(registry))
            .build();
    workers.init();
    System.in.transferTo(java.io.OutputStream.nullOutputStream());
    workers.shutdown();
    System.exit(0);
  }
}
