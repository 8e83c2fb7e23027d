package io.ictus;

import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An endpoint for Prometheus, on a separate thread. It runs until it is closed, or until the
 * program ends: you need not keep it.
 */
public final class Exporter extends Owned {
  private static final Set<Exporter> RUNNING = ConcurrentHashMap.newKeySet();

  Exporter(Pointer pointer) {
    super(pointer, Libictus::ictus_exporter_stop);
    RUNNING.add(this);
  }

  /** Stops the endpoint. */
  @Override
  public void close() {
    super.close();
    RUNNING.remove(this);
  }

  /** Where it listens. */
  public String address() {
    byte[] written =
        use(
            exporter ->
                Written.by(write -> Libictus.ictus_exporter_address(exporter, write, null)));
    return new String(written, StandardCharsets.UTF_8);
  }
}
