package io.ictus;

import com.sun.jna.Pointer;

/** A state of this process; the sum over living processes is shown. */
public final class Gauge extends Handle {
  Gauge(Pointer pointer) {
    super(pointer, Libictus::ictus_gauge_free);
  }

  /** Sets it. */
  public boolean set(double to) {
    return Libictus.ictus_gauge_set(pointer(), to) == 0;
  }

  /** Adds to it, or takes off it. */
  public boolean add(double by) {
    return Libictus.ictus_gauge_add(pointer(), by) == 0;
  }
}
