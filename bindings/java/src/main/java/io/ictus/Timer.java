package io.ictus;

import com.sun.jna.Pointer;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.concurrent.Callable;

/** Durations: one series. */
public final class Timer extends Handle {
  private static final double NANOSECONDS = 1e9;

  Timer(Pointer pointer) {
    super(pointer, Libictus::ictus_timer_free);
  }

  /**
   * Records seconds; false for what is negative or no finite number, which is counted as rejected.
   */
  public boolean observe(double seconds) {
    try {
      return Calls.BEST.observe(pointer(), seconds) == 0;
    } finally {
      // The foreign function interface takes a number, which keeps nothing reachable.
      Reference.reachabilityFence(this);
    }
  }

  /** Records a duration. */
  public boolean observe(Duration duration) {
    return observe(FamilyOptions.seconds(duration));
  }

  /**
   * Records seconds with the id of a trace, which histograms show as an exemplar. If the id is
   * invalid, the duration is recorded without it, and the result is false.
   */
  public boolean observe(double seconds, String traceId) {
    return Libictus.ictus_timer_observe_exemplar(pointer(), seconds, new Libictus.Str(traceId))
        == 0;
  }

  /** Records a duration with the id of a trace. */
  public boolean observe(Duration duration, String traceId) {
    return observe(FamilyOptions.seconds(duration), traceId);
  }

  /** A measurement that is recorded when it is closed, for a statement {@code try}. */
  public final class Context implements AutoCloseable {
    private final long begun = System.nanoTime();
    private boolean closed;

    private Context() {}

    /** Records the time since the start. A second call does nothing. */
    @Override
    public void close() {
      if (!closed) {
        closed = true;
        observe((System.nanoTime() - begun) / NANOSECONDS);
      }
    }
  }

  /** Starts a measurement, which one thread closes. */
  public Context start() {
    return new Context();
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
