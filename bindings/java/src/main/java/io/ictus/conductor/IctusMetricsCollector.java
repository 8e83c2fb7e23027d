package io.ictus.conductor;

import io.ictus.Registry;

/**
 * Records the metrics of the SDK's workers and clients: pass it to {@code withMetricsCollector}, or
 * register it as a listener.
 */
public final class IctusMetricsCollector extends EventRecorder {
  /** Creates a collector that records into a registry, which the caller closes. */
  public IctusMetricsCollector(Registry registry) {
    super(registry);
  }
}
