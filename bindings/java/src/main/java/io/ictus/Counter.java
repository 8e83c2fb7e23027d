package io.ictus;

import com.sun.jna.Pointer;

/** A total that only grows: one series. */
public final class Counter extends Handle {
  Counter(Pointer pointer) {
    super(pointer, Libictus::ictus_counter_free);
  }

  /** Adds one. */
  public boolean increment() {
    return add(1);
  }

  /** Adds to it; false for what is negative or no finite number, which is counted as rejected. */
  public boolean add(double by) {
    return Libictus.ictus_counter_add(pointer(), by) == 0;
  }
}
