package io.ictus;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import com.sun.net.httpserver.HttpHandler;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** Where metrics are recorded: this process's memory, or a directory that processes share. */
public final class Registry extends Owned {
  private static final String OPENMETRICS_TYPE = "application/openmetrics-text";

  private final String directory;

  /** How an exposition is written. */
  public enum Format {
    TEXT,
    OPENMETRICS,
    PROTOBUF
  }

  /** Sets of names that the Conductor metrics are shown under. */
  public enum Surface {
    DEFAULT(0),
    LEGACY(1),
    DOCUMENTED(2),
    CANONICAL(4);

    private final int number;

    Surface(int number) {
      this.number = number;
    }
  }

  /** What Conductor's SDKs record, in the order in which ictus.h numbers it. */
  public enum Metric {
    API_REQUEST_TIME,
    TASK_POLL,
    TASK_POLL_TIME,
    TASK_EXECUTE_TIME,
    TASK_UPDATE_TIME,
    TASK_EXECUTE_ERROR,
    TASK_EXECUTE_ERROR_MESSAGE,
    TASK_UPDATE_ERROR,
    TASK_UPDATE_ERROR_MESSAGE,
    TASK_POLL_ERROR,
    TASK_EXECUTION_STARTED,
    TASK_ACK_ERROR,
    TASK_ACK_ERROR_MESSAGE,
    TASK_ACK_FAILED,
    TASK_EXECUTION_QUEUE_FULL,
    TASK_PAUSED,
    WORKER_RESTART,
    UNCAUGHT_EXCEPTION,
    EXTERNAL_PAYLOAD_USED,
    WORKFLOW_START_ERROR,
    WORKFLOW_START_ERROR_MESSAGE,
    TASK_RESULT_SIZE,
    WORKFLOW_INPUT_SIZE,
    ACTIVE_WORKERS
  }

  private interface Make {
    int make(
        Pointer registry,
        Libictus.Str name,
        Libictus.Str help,
        Pointer names,
        Pointer values,
        long count,
        PointerByReference out);
  }

  private interface MakeNumbered {
    int make(Pointer registry, int metric, Pointer values, long count, PointerByReference out);
  }

  /** In this process's memory. */
  public Registry() {
    super(made(Libictus::ictus_registry_new), Libictus::ictus_registry_free);
    directory = null;
  }

  /** In this process's memory, with options. */
  public Registry(RegistryOptions options) {
    super(
        options.use(given -> made(out -> Libictus.ictus_registry_new_with(given, out))),
        Libictus::ictus_registry_free);
    directory = null;
  }

  /** In a directory, which is created if it is missing, with options. */
  public Registry(Path directory, RegistryOptions options) {
    super(
        options.use(
            given ->
                made(
                    out ->
                        Libictus.ictus_registry_open_with(
                            new Libictus.Str(directory.toString()), given, out))),
        Libictus::ictus_registry_free);
    this.directory = directory.toString();
  }

  /** In a directory, which is made where it is missing. */
  public Registry(Path directory) {
    super(
        made(out -> Libictus.ictus_registry_open(new Libictus.Str(directory.toString()), out)),
        Libictus::ictus_registry_free);
    this.directory = directory.toString();
  }

  /** Returns a counter's series. Keep it: each call looks up the series. */
  public Counter counter(String name, String help, Map<String, String> labels) {
    return new Counter(series(Libictus::ictus_counter_new, name, help, labels));
  }

  /** A gauge's series. */
  public Gauge gauge(String name, String help, Map<String, String> labels) {
    return new Gauge(series(Libictus::ictus_gauge_new, name, help, labels));
  }

  /** A timer's series. */
  public Timer timer(String name, String help, Map<String, String> labels) {
    return new Timer(series(Libictus::ictus_timer_new, name, help, labels));
  }

  /** Returns a timer's series, with options if this process has not registered the family yet. */
  public Timer timer(String name, String help, Map<String, String> labels, FamilyOptions options) {
    return options.use(
        given -> {
          Make make =
              (registry, text, description, names, values, count, out) ->
                  Libictus.ictus_timer_new_with(
                      registry, text, description, names, values, count, given, out);
          return new Timer(series(make, name, help, labels));
        });
  }

  /**
   * Removes a series of a counter, gauge or timer. Returns false if it does not exist. Its handles
   * record nothing afterwards; create them again.
   */
  public boolean remove(String name, Map<String, String> labels) {
    List<Map.Entry<String, String>> all = List.copyOf(labels.entrySet());
    Libictus.Strs names = new Libictus.Strs(all.stream().map(Map.Entry::getKey).toList());
    Libictus.Strs values = new Libictus.Strs(all.stream().map(Map.Entry::getValue).toList());
    int status =
        use(
            registry ->
                Libictus.ictus_registry_remove(
                    registry, new Libictus.Str(name), names.first, values.first, names.count));
    if (status == Libictus.UNKNOWN) {
      return false;
    }
    Libictus.need(status);
    return true;
  }

  /**
   * Removes the series that no process has updated for that time. Returns the number of series that
   * were removed from this process. The first call starts to watch counters and gauges: call it
   * from time to time.
   */
  public long removeIdle(Duration idle) {
    LongByReference removed = new LongByReference();
    double seconds = FamilyOptions.seconds(idle);
    Libictus.need(use(registry -> Libictus.ictus_registry_remove_idle(registry, seconds, removed)));
    return removed.getValue();
  }

  /** A series of a catalogued counter, by the values of its labels in order. */
  public Counter counter(Metric metric, List<String> values) {
    return new Counter(series(Libictus::ictus_catalog_counter_new, metric, values));
  }

  /** A series of a catalogued gauge. */
  public Gauge gauge(Metric metric, List<String> values) {
    return new Gauge(series(Libictus::ictus_catalog_gauge_new, metric, values));
  }

  /** A series of a catalogued timer. */
  public Timer timer(Metric metric, List<String> values) {
    return new Timer(series(Libictus::ictus_catalog_timer_new, metric, values));
  }

  /** What was recorded, here or in the directory by all of its processes. */
  public Snapshot snapshot() {
    return new Snapshot(use(registry -> made(out -> Libictus.ictus_snapshot_new(registry, out))));
  }

  /** The same for Prometheus. */
  public byte[] render(Format format, Surface surface) {
    return use(
        registry ->
            Written.by(
                write ->
                    Libictus.ictus_registry_render(
                        registry, format.ordinal(), surface.number, write, null)));
  }

  /**
   * Returns a handler for Java's own HTTP server. It answers in OpenMetrics to clients that accept
   * it, and in Prometheus's text format to others.
   */
  public HttpHandler handler(Surface surface) {
    return handler(surface, null);
  }

  /**
   * Returns a handler whose answers also have the metrics of another library, in Prometheus's text
   * format: for Micrometer, {@code prometheusMeterRegistry::scrape}.
   */
  public HttpHandler handler(Surface surface, Supplier<String> others) {
    return exchange -> {
      try (exchange) {
        List<String> accept = exchange.getRequestHeaders().getOrDefault("Accept", List.of());
        boolean open =
            others == null && accept.stream().anyMatch(one -> one.contains(OPENMETRICS_TYPE));
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(render(open ? Format.OPENMETRICS : Format.TEXT, surface));
        if (others != null) {
          all.write(others.get().getBytes(StandardCharsets.UTF_8));
        }
        byte[] body = all.toByteArray();
        exchange
            .getResponseHeaders()
            .set(
                "Content-Type",
                (open ? OPENMETRICS_TYPE + "; version=1.0.0" : "text/plain; version=0.0.4")
                    + "; charset=utf-8");
        exchange.getResponseHeaders().set("Vary", "Accept");
        if (exchange.getRequestMethod().equals("HEAD")) {
          exchange.sendResponseHeaders(200, -1);
          return;
        }
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
      }
    };
  }

  /** Serves the directory at an address like {@code 127.0.0.1:9464}; port 0 is any free one. */
  public Exporter serve(String address, Surface surface) {
    if (directory == null) {
      throw new IllegalStateException("a registry in memory cannot be served: give it a directory");
    }
    Libictus.Str[] strings = {new Libictus.Str(directory), new Libictus.Str(address)};
    return new Exporter(
        made(out -> Libictus.ictus_exporter_start(strings[0], strings[1], surface.number, out)));
  }

  private Pointer series(Make make, String name, String help, Map<String, String> labels) {
    List<Map.Entry<String, String>> all = List.copyOf(labels.entrySet());
    Libictus.Strs names = new Libictus.Strs(all.stream().map(Map.Entry::getKey).toList());
    Libictus.Strs values = new Libictus.Strs(all.stream().map(Map.Entry::getValue).toList());
    Libictus.Str[] strings = {new Libictus.Str(name), new Libictus.Str(help)};
    return use(
        registry ->
            made(
                out ->
                    make.make(
                        registry,
                        strings[0],
                        strings[1],
                        names.first,
                        values.first,
                        names.count,
                        out)));
  }

  private Pointer series(MakeNumbered make, Metric metric, List<String> labels) {
    Libictus.Strs values = new Libictus.Strs(labels);
    return use(
        registry ->
            made(out -> make.make(registry, metric.ordinal(), values.first, values.count, out)));
  }
}
