package io.ictus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import io.ictus.Registry.Format;
import io.ictus.Registry.Metric;
import io.ictus.Registry.Surface;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Options, exemplars, removal, and measurements that end with their block. */
class OptionsTest {
  private static final String ID = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final FamilyOptions BUCKETS = FamilyOptions.defaults().buckets(0.5, 2);

  @Test
  void optionsChangeFamilies(@TempDir Path directory) {
    FamilyOptions families =
        FamilyOptions.defaults().window(1).maxSeries(2).maxAge(Duration.ofHours(1));
    RegistryOptions options = RegistryOptions.defaults().families(families).utf8Names(true);
    for (Registry registry : List.of(new Registry(options), new Registry(directory, options))) {
      try (registry) {
        Timer shared = registry.timer("shared.seconds", "", Map.of());
        Timer own = registry.timer("own_seconds", "", Map.of(), FamilyOptions.defaults().window(2));
        for (Timer timer : List.of(shared, own)) {
          List.of(1, 2, 3).forEach(timer::observe);
        }
        for (String tenant : List.of("a", "b", "c")) {
          registry.counter("jobs", "", Map.of("tenant", tenant)).increment();
        }
        try (Snapshot snapshot = registry.snapshot()) {
          assertEquals(new Snapshot.Timing(3, 6, 1), snapshot.timing("shared.seconds").get());
          assertEquals(new Snapshot.Timing(3, 6, 2), snapshot.timing("own_seconds").get());
          assertTrue(snapshot.value("jobs", "c").isEmpty());
        }
      }
    }
  }

  @Test
  void invalidOptionsAreErrorsThatNameThem() {
    FamilyOptions families = FamilyOptions.defaults();
    Map<String, Supplier<Object>> invalid =
        Map.of(
            "window", () -> families.window(65_537),
            "max_series", () -> families.maxSeries(-1),
            "max_age", () -> families.maxAge(Duration.ofSeconds(-1)),
            "expire_after", () -> families.expireAfter(Duration.ZERO),
            "buckets", () -> families.buckets(2, 1),
            "group", () -> RegistryOptions.defaults().group(-7));
    invalid.forEach(
        (option, create) -> {
          IctusException refused = assertThrows(IctusException.class, create::get);
          assertEquals(11, refused.status());
          assertTrue(refused.getMessage().contains(option), refused.getMessage());
        });
    assertThrows(IctusException.class, () -> families.window(-1));
    assertThrows(IctusException.class, () -> families.buckets(1, Double.NaN));
    assertEquals(0, new Registry(RegistryOptions.defaults()).removeIdle(Duration.ofHours(1)));
    families.buckets();
  }

  @Test
  void errorsHaveTheTextOfTheirOwnCall() {
    try (Registry registry = new Registry()) {
      registry.timer("work_seconds", "", Map.of());
      IctusException idle =
          assertThrows(IctusException.class, () -> registry.removeIdle(Duration.ofSeconds(-1)));
      assertTrue(idle.getMessage().contains("idle"), idle.getMessage());
      IctusException share =
          assertThrows(IctusException.class, () -> registry.snapshot().quantile(2, "work_seconds"));
      assertTrue(share.getMessage().contains("cannot be recorded"), share.getMessage());
    }
  }

  @Test
  void exemplarsAreShownAndInvalidOnesRefused() {
    RegistryOptions options = RegistryOptions.defaults().families(BUCKETS);
    try (Registry registry = new Registry(options)) {
      Timer executions = registry.timer(Metric.TASK_EXECUTE_TIME, List.of("resize", "SUCCESS"));
      assertTrue(executions.observe(0.25, ID));
      for (String wrong : List.of("", "a\nb", "x".repeat(97))) {
        assertFalse(executions.observe(Duration.ofMillis(250), wrong));
      }
      assertFalse(executions.observe(-1, ID));
      String bucket =
          "task_execute_time_seconds_bucket{le=\"0.5\",status=\"SUCCESS\",taskType=\"resize\"} 4.0"
              + " # {trace_id=\""
              + ID
              + "\"} 0.25";
      String shown = shown(registry, Format.OPENMETRICS);
      assertTrue(shown.contains(bucket), shown);
    }
  }

  @Test
  void timersWithoutDistributionHaveNoBuckets() {
    for (FamilyOptions families : List.of(BUCKETS, BUCKETS.withoutDistribution())) {
      RegistryOptions options = RegistryOptions.defaults().families(families);
      try (Registry registry = new Registry(options)) {
        registry.timer(Metric.TASK_EXECUTE_TIME, List.of("resize", "SUCCESS")).observe(1);
        int buckets =
            shown(registry, Format.TEXT).split("task_execute_time_seconds_bucket", -1).length - 1;
        assertEquals(families == BUCKETS ? 3 : 1, buckets);
      }
    }
  }

  private static String shown(Registry registry, Format format) {
    return new String(registry.render(format, Surface.CANONICAL), StandardCharsets.UTF_8);
  }

  @Test
  void seriesAreRemoved(@TempDir Path directory) throws Exception {
    for (Registry registry : List.of(new Registry(), new Registry(directory))) {
      try (registry) {
        Map<String, String> labels = Map.of("zone", "a", "queue", "mail");
        Counter jobs = registry.counter("jobs", "", labels);
        jobs.increment();
        assertFalse(registry.remove("jobs", Map.of("zone", "a")));
        assertFalse(registry.remove("others", Map.of()));
        assertTrue(registry.remove("jobs", labels));
        assertFalse(registry.remove("jobs", labels));
        jobs.increment();
        assertFalse(shown(registry, Format.TEXT).contains("jobs_total"));
        registry.gauge("active", "", Map.of());
        assertEquals(0, registry.removeIdle(Duration.ofMillis(20)));
        Thread.sleep(50);
        assertEquals(1, registry.removeIdle(Duration.ofMillis(20)));
      }
    }
  }

  @Test
  void serverOfTheProgramServesTheFormatThatTheClientAccepts() throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    try (Registry registry = new Registry()) {
      registry.counter("jobs", "", Map.of()).increment();
      server.createContext("/metrics", registry.handler(Surface.DEFAULT));
      server.start();
      URI address = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/metrics");
      HttpClient client = HttpClient.newHttpClient();
      for (String type :
          List.of("text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0")) {
        HttpRequest request = HttpRequest.newBuilder(address).header("Accept", type).build();
        HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        assertEquals(type + "; charset=utf-8", answer.headers().firstValue("Content-Type").get());
        assertTrue(answer.body().contains("\njobs_total 1.0\n"), answer.body());
      }
    } finally {
      server.stop(0);
    }
  }

  @Test
  void metricsOfMicrometerFollowInTheSameResponse() throws Exception {
    PrometheusMeterRegistry others = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    others.counter("others").increment(7);
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    try (Registry registry = new Registry()) {
      registry.counter("jobs", "", Map.of()).increment();
      server.createContext("/metrics", registry.handler(Surface.DEFAULT, others::scrape));
      server.start();
      URI address = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/metrics");
      HttpRequest request =
          HttpRequest.newBuilder(address).header("Accept", "application/openmetrics-text").build();
      HttpResponse<String> answer =
          HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
      assertEquals(
          "text/plain; version=0.0.4; charset=utf-8",
          answer.headers().firstValue("Content-Type").get());
      assertTrue(answer.body().contains("\njobs_total 1.0\n"), answer.body());
      assertTrue(answer.body().contains("\nothers_total 7.0\n"), answer.body());
    } finally {
      server.stop(0);
    }
  }

  @Test
  @SuppressWarnings("try")
  void measurementsEndWithTheirBlockAndExpire() throws Exception {
    try (Registry registry = new Registry()) {
      FamilyOptions options = FamilyOptions.defaults().expireAfter(Duration.ofMillis(500));
      Timer work = registry.timer("work_seconds", "", Map.of(), options);
      assertThrows(
          IllegalStateException.class,
          () -> {
            try (Timer.Context running = work.start()) {
              throw new IllegalStateException();
            }
          });
      Timer.Context running = work.start();
      running.close();
      running.close();
      assertEquals(2, registry.snapshot().timing("work_seconds").get().count());
      Thread.sleep(700);
      assertTrue(registry.snapshot().timing("work_seconds").isEmpty());
    }
  }
}
