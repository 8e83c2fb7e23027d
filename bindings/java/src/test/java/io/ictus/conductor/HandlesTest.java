package io.ictus.conductor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.netflix.conductor.client.events.taskrunner.PollFailure;
import com.netflix.conductor.client.events.taskrunner.PollStarted;
import com.netflix.conductor.client.events.workflow.WorkflowPayloadUsedEvent;
import io.ictus.Registry;
import io.ictus.Registry.Format;
import io.ictus.Registry.Metric;
import io.ictus.Registry.Surface;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HandlesTest {
  @Test
  void handlesBeyondTheLimitAreClosed() {
    List<Object> closed = new ArrayList<>();
    Handles<Object> handles = new Handles<>(labels -> new Object(), closed::add);
    for (int number = 0; number < Handles.MAX_HANDLES + 300; number++) {
      handles.use(List.of("message " + number), handle -> {});
      handles.use(List.of("message 0"), handle -> {});
    }
    assertEquals(Handles.MAX_HANDLES, handles.size());
    assertEquals(300, closed.size());
  }

  @Test
  void cachedHandlesAreBoundedPerMetric() {
    try (Registry registry = new Registry()) {
      IctusMetricsCollector collector = new IctusMetricsCollector(registry);
      int total = Handles.MAX_HANDLES + 300;
      for (int number = 0; number < total; number++) {
        collector.consume(new WorkflowPayloadUsedEvent("flow " + number, 1, "READ", "INPUT"));
      }
      collector.consume(new PollStarted("resize"));
      collector.consume(new PollFailure("resize", 5, new IllegalStateException()));
      assertEquals(Handles.MAX_HANDLES, collector.cachedCounters(Metric.EXTERNAL_PAYLOAD_USED));
      assertEquals(1, collector.cachedCounters(Metric.TASK_POLL));
      String shown =
          new String(registry.render(Format.TEXT, Surface.CANONICAL), StandardCharsets.UTF_8);
      double recorded =
          shown
              .lines()
              .filter(line -> line.startsWith("external_payload_used_total{"))
              .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
              .sum();
      assertEquals(total, recorded);
    }
  }
}
