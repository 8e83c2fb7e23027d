package io.ictus;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ictus.Registry.Format;
import io.ictus.Registry.Surface;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RegistryTest {
  @Test
  void snapshotHasTheRecordedValues(@TempDir Path directory) {
    try (Registry registry = new Registry(directory)) {
      Counter jobs = registry.counter("jobs", "Jobs done.", Map.of("queue", "mäil"));
      assertTrue(jobs.increment() && jobs.add(1.5));
      assertFalse(jobs.add(-1));
      Gauge active = registry.gauge("active", "", Map.of());
      assertTrue(active.set(5) && active.add(-2));
      Timer work = registry.timer("work_seconds", "", Map.of());
      IntStream.rangeClosed(1, 2000).forEach(number -> assertTrue(work.observe(number)));
      assertFalse(work.observe(Double.NaN));
      try (Snapshot snapshot = registry.snapshot()) {
        assertEquals(OptionalDouble.of(2.5), snapshot.value("jobs", "mäil"));
        assertEquals(OptionalDouble.of(3), snapshot.value("active"));
        assertEquals(
            new Snapshot.Timing(2000, 2_001_000, 1000), snapshot.timing("work_seconds").get());
        double[] quantiles =
            List.of(0.0, 0.5, 1.0).stream()
                .mapToDouble(share -> snapshot.quantile(share, "work_seconds").getAsDouble())
                .toArray();
        assertArrayEquals(new double[] {1001, 1500.5, 2000}, quantiles);
        assertTrue(snapshot.timing("none").isEmpty() && snapshot.value("none").isEmpty());
        assertTrue(snapshot.quantile(1, "none").isEmpty());
      }
      String shown =
          new String(registry.render(Format.OPENMETRICS, Surface.DEFAULT), StandardCharsets.UTF_8);
      assertTrue(
          shown.contains("jobs_total{queue=\"mäil\"} 2.5\n") && shown.endsWith("# EOF\n"), shown);
      assertTrue(registry.render(Format.PROTOBUF, Surface.CANONICAL).length > 100);
    }
  }

  @Test
  void newJavaRecordsThroughTheForeignFunctionInterface() {
    boolean isForeign = Calls.BEST.getClass().getSimpleName().equals("ForeignCalls");
    assertEquals(Runtime.version().feature() >= 22, isForeign);
  }

  @Test
  void invalidArgumentsThrowAnErrorWithARemedy() {
    try (Registry registry = new Registry()) {
      Counter jobs = registry.counter("jobs", "", Map.of());
      IctusException refused =
          assertThrows(IctusException.class, () -> registry.timer("jobs", "", Map.of()));
      assertEquals(5, refused.status());
      assertTrue(refused.getMessage().contains("another name"), refused.getMessage());
      assertThrows(IctusException.class, () -> registry.counter("9 lives", "", Map.of()));
      assertThrows(IctusException.class, () -> new Registry(Path.of("/dev/null/x")));
      assertThrows(
          IllegalStateException.class, () -> registry.serve("127.0.0.1:0", Surface.DEFAULT));
      jobs.close();
      jobs.close();
      assertFalse(jobs.increment());
      assertEquals(1, assertThrows(IctusException.class, () -> closed().snapshot()).status());
    }
  }

  @Test
  void endpointRunsUntilItIsClosed(@TempDir Path directory) throws Exception {
    try (Registry registry = new Registry(directory)) {
      String address = registry.serve("127.0.0.1:0", Surface.DEFAULT).address();
      URI metrics = URI.create("http://" + address + "/metrics");
      for (int round = 0; round < 10; round++) {
        System.gc();
        Thread.sleep(20);
      }
      HttpRequest request = HttpRequest.newBuilder(metrics).build();
      assertEquals(
          200,
          HttpClient.newHttpClient()
              .send(request, HttpResponse.BodyHandlers.ofString())
              .statusCode());
    }
  }

  @Test
  void snapshotClosedDuringACallAnswersOrThrows() throws Exception {
    try (Registry registry = new Registry();
        AutoExecutor threads = new AutoExecutor(2)) {
      IntStream.range(0, 100)
          .forEach(
              number -> registry.counter("jobs", "", Map.of("queue", "q" + number)).add(number));
      for (int round = 0; round < 200; round++) {
        Snapshot snapshot = registry.snapshot();
        Future<?> reads =
            threads.service.submit(
                () -> {
                  for (int number = 0; number < 100; number++) {
                    assertEquals(OptionalDouble.of(number), snapshot.value("jobs", "q" + number));
                  }
                });
        snapshot.close();
        try {
          reads.get();
        } catch (ExecutionException closed) {
          assertEquals(1, ((IctusException) closed.getCause()).status());
        }
      }
    }
  }

  private record AutoExecutor(ExecutorService service) implements AutoCloseable {
    AutoExecutor(int threads) {
      this(Executors.newFixedThreadPool(threads));
    }

    @Override
    public void close() {
      service.shutdownNow();
    }
  }

  private static Registry closed() {
    Registry registry = new Registry();
    registry.close();
    return registry;
  }

  @Test
  void endpointShowsTheObservationsOfThreads(@TempDir Path directory) throws Exception {
    try (Registry registry = new Registry(directory)) {
      ExecutorService pool = Executors.newFixedThreadPool(8);
      List<Future<?>> all =
          IntStream.range(0, 8)
              .<Future<?>>mapToObj(thread -> pool.submit(() -> record(registry, thread)))
              .toList();
      for (Future<?> one : all) {
        one.get();
      }
      pool.shutdown();
      String address;
      HttpClient client = HttpClient.newHttpClient();
      try (Exporter exporter = registry.serve("127.0.0.1:0", Surface.DEFAULT)) {
        address = exporter.address();
        String shown = get(client, address);
        assertTrue(shown.contains("\nwork_seconds_count{kind=\"a\"} 8000.0\n"), shown);
      }
      assertThrows(ConnectException.class, () -> get(client, address));
    }
  }

  private static void record(Registry registry, int thread) {
    Timer work = registry.timer("work_seconds", "", Map.of("kind", "a"));
    IntStream.range(0, 500).forEach(number -> work.observe(thread * 1000 + number));
    IntStream.range(0, 500).forEach(number -> work.observe(Duration.ofMillis(number)));
  }

  private static String get(HttpClient client, String address) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://" + address + "/metrics")).build();
    return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
  }

  @Test
  void workIsMeasuredUntilItEnds() throws Exception {
    try (Registry registry = new Registry()) {
      Timer work = registry.timer("work_seconds", "", Map.of());
      assertEquals(7, work.time(() -> 7));
      assertThrows(
          IllegalStateException.class,
          () ->
              work.time(
                  () -> {
                    Thread.sleep(20);
                    throw new IllegalStateException();
                  }));
      Snapshot snapshot = registry.snapshot();
      assertEquals(2, snapshot.timing("work_seconds").get().count());
      assertTrue(snapshot.quantile(1, "work_seconds").getAsDouble() >= 0.02);
    }
  }
}
