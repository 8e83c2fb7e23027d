package io.ictus;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.DoubleByReference;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/** The recorded data of one instant. Label values are in the order of a family's label names. */
public final class Snapshot extends Owned {
  Snapshot(Pointer pointer) {
    super(pointer, Libictus::ictus_snapshot_free);
  }

  /** Lifetime count and sum, and how many observations quantiles are taken of. */
  public record Timing(long count, double sum, long window) {}

  /** The value of a counter or gauge; empty where nothing was recorded. */
  public OptionalDouble value(String name, String... labels) {
    Libictus.Strs values = new Libictus.Strs(List.of(labels));
    DoubleByReference out = new DoubleByReference();
    int status =
        use(
            snapshot ->
                Libictus.ictus_snapshot_value(
                    snapshot, new Libictus.Str(name), values.first, values.count, out));
    return found(status) ? OptionalDouble.of(out.getValue()) : OptionalDouble.empty();
  }

  /** Returns the state of a timer's series; empty if nothing was recorded. */
  public Optional<Timing> timing(String name, String... labels) {
    Libictus.Strs values = new Libictus.Strs(List.of(labels));
    Libictus.TimingStruct out = new Libictus.TimingStruct();
    int status =
        use(
            snapshot ->
                Libictus.ictus_snapshot_timing(
                    snapshot, new Libictus.Str(name), values.first, values.count, out));
    return found(status)
        ? Optional.of(new Timing(out.count, out.sum, out.window))
        : Optional.empty();
  }

  /**
   * An exact quantile of a timer's window, for a share from 0 to 1; NaN where the window is empty.
   */
  public OptionalDouble quantile(double share, String name, String... labels) {
    Libictus.Strs values = new Libictus.Strs(List.of(labels));
    try (Memory numbers = new Memory(2L * Double.BYTES)) {
      numbers.setDouble(0, share);
      Pointer out = numbers.share(Double.BYTES);
      int status =
          use(
              snapshot ->
                  Libictus.ictus_snapshot_quantiles(
                      snapshot,
                      new Libictus.Str(name),
                      values.first,
                      values.count,
                      numbers,
                      1,
                      out));
      return found(status) ? OptionalDouble.of(out.getDouble(0)) : OptionalDouble.empty();
    }
  }

  private static boolean found(int status) {
    if (status == Libictus.UNKNOWN) {
      return false;
    }
    Libictus.need(status);
    return true;
  }
}
