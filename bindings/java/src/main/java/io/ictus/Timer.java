package io.ictus;

import com.sun.jna.Pointer;
import java.time.Duration;
import java.util.concurrent.Callable;

/** Durations: one series. */
public final class Timer extends Owned {
  private static final double NANOSECONDS = 1e9;

  Timer(Pointer pointer) {
    super(pointer, Libictus::ictus_timer_free);
  }

  /**
   * Records seconds; false for what is negative or no finite number, which is counted as rejected.
   */
  public boolean observe(double seconds) {
    return Calls.BEST.observe(pointer(), seconds) == 0;
  }

  /** Records a duration. */
  public boolean observe(Duration duration) {
    return observe(duration.getSeconds() + duration.getNano() / NANOSECONDS);
  }

  /** Measures some work, whether or not it throws. */
  public <T> T time(Callable<T> work) throws Exception {
    long begun = System.nanoTime();
    try {
      return work.call();
    } finally {
      observe((System.nanoTime() - begun) / NANOSECONDS);
    }
  }
}
