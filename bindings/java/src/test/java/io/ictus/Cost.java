package io.ictus;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Measures the cost of an observation, and of Micrometer's. */
public final class Cost {
  private static final int CALLS = 1_000_000;
  private static final int ROUNDS = 21;

  private Cost() {}

  /** Prints medians. */
  public static void main(String[] arguments) {
    Timer timer = new Registry().timer("work_seconds", "", Map.of("kind", "a"));
    PrometheusMeterRegistry theirs = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    DistributionSummary histogram =
        DistributionSummary.builder("histogram").publishPercentileHistogram().register(theirs);
    DistributionSummary quantiles =
        DistributionSummary.builder("quantiles").publishPercentiles(0.5, 0.99).register(theirs);
    Map<String, Runnable> candidates = new LinkedHashMap<>();
    candidates.put("ictus: observe", () -> timer.observe(0.01));
    candidates.put("Micrometer: histogram", () -> histogram.record(0.01));
    candidates.put("Micrometer: quantiles", () -> quantiles.record(0.01));
    Map<String, double[]> spent = new LinkedHashMap<>();
    for (int round = -5; round < ROUNDS; round++) {
      for (Map.Entry<String, Runnable> candidate : candidates.entrySet()) {
        long begun = System.nanoTime();
        for (int call = 0; call < CALLS; call++) {
          candidate.getValue().run();
        }
        if (round >= 0) {
          double[] times = spent.computeIfAbsent(candidate.getKey(), name -> new double[ROUNDS]);
          times[round] = (System.nanoTime() - begun) / (double) CALLS;
        }
      }
    }
    spent.forEach(
        (name, times) -> {
          Arrays.sort(times);
          System.out.printf("%s: %.0f ns%n", name, times[ROUNDS / 2]);
        });
  }
}
