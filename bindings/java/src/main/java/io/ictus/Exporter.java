package io.ictus;

import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;

/** An endpoint for Prometheus, on a separate thread. */
public final class Exporter extends Owned {
  Exporter(Pointer pointer) {
    super(pointer, Libictus::ictus_exporter_stop);
  }

  /** Where it listens. */
  public String address() {
    byte[] written = Written.by(write -> Libictus.ictus_exporter_address(pointer(), write, null));
    return new String(written, StandardCharsets.UTF_8);
  }
}
