package io.ictus.conductor;

import com.netflix.conductor.client.metrics.ApiClientMetrics;
import io.ictus.Registry.Metric;
import java.time.Duration;

/** Records the requests of the SDK's client, and the sizes of what they contain. */
final class RequestRecorder implements ApiClientMetrics {
  private final EventRecorder recorder;

  private RequestRecorder(EventRecorder recorder) {
    this.recorder = recorder;
  }

  /**
   * Creates a recorder. The caller sees only the type of the SDK, so that its class can be loaded
   * with an SDK that lacks this type.
   */
  static ApiClientMetrics create(EventRecorder recorder) {
    return new RequestRecorder(recorder);
  }

  @Override
  public void recordRequest(String method, String uri, int status, Duration duration) {
    String code = Integer.toString(Math.max(status, 0));
    recorder.time(Metric.API_REQUEST_TIME, duration, method, uri, code);
  }

  @Override
  public void recordTaskResultSize(String taskType, long bytes) {
    recorder.size(Metric.TASK_RESULT_SIZE, bytes, taskType);
  }

  @Override
  public void recordWorkflowInputSize(String workflow, Integer version, long bytes) {
    recorder.inputSize(workflow, version, bytes);
  }
}
