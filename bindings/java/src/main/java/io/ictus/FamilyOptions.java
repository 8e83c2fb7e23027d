package io.ictus;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/**
 * Options of families: how a family keeps observations, and how many series it can have.
 *
 * <p>Options do not change: each method returns new ones. It throws an {@link IctusException} that
 * names the option if the value is invalid.
 */
public final class FamilyOptions {
  private static final double NANOSECONDS = 1e9;
  private static final FamilyOptions DEFAULTS = new FamilyOptions(List.of());

  private final List<ToIntFunction<Pointer>> settings;

  private FamilyOptions(List<ToIntFunction<Pointer>> settings) {
    this.settings = settings;
  }

  /** Returns a window of 1,000 observations, 1,000 series, no expiry, and the default buckets. */
  public static FamilyOptions defaults() {
    return DEFAULTS;
  }

  /** Sets how many of a timer's newest observations form the window: 1 to 65,536. */
  public FamilyOptions window(int observations) {
    return with(options -> Libictus.ictus_family_options_set_window(options, observations));
  }

  /** Removes older observations from a timer's window. Count and sum do not change. */
  public FamilyOptions maxAge(Duration age) {
    double seconds = seconds(age);
    return with(options -> Libictus.ictus_family_options_set_max_age(options, seconds));
  }

  /** Removes series that no process has updated for that time. */
  public FamilyOptions expireAfter(Duration idle) {
    double seconds = seconds(idle);
    return with(options -> Libictus.ictus_family_options_set_expire_after(options, seconds));
  }

  /** Sets the maximum number of series. Further label sets share one overflow series. */
  public FamilyOptions maxSeries(int series) {
    int number = Math.max(series, 0);
    return with(options -> Libictus.ictus_family_options_set_max_series(options, number));
  }

  /** Sets the ascending upper bounds of a histogram. */
  public FamilyOptions buckets(double... bounds) {
    double[] copy = bounds.clone();
    return with(
        options -> {
          try (Memory row = new Memory((long) Double.BYTES * Math.max(copy.length, 1))) {
            row.write(0, copy, 0, copy.length);
            return Libictus.ictus_family_options_set_buckets(options, row, copy.length);
          }
        });
  }

  /** Records a timer without buckets, which makes an observation cheaper. */
  public FamilyOptions withoutDistribution() {
    return with(Libictus::ictus_family_options_set_no_distribution);
  }

  private FamilyOptions with(ToIntFunction<Pointer> setting) {
    List<ToIntFunction<Pointer>> all = new ArrayList<>(settings);
    all.add(setting);
    FamilyOptions changed = new FamilyOptions(List.copyOf(all));
    changed.use(valid -> true);
    return changed;
  }

  /** Calls a function with these options as libictus takes them. */
  <T> T use(Function<Pointer, T> call) {
    return use(
        Libictus::ictus_family_options_new, settings, call, Libictus::ictus_family_options_free);
  }

  static <T> T use(
      ToIntFunction<PointerByReference> create,
      List<ToIntFunction<Pointer>> settings,
      Function<Pointer, T> call,
      Consumer<Pointer> free) {
    Pointer options = Owned.made(create);
    try {
      settings.forEach(setting -> Libictus.need(setting.applyAsInt(options)));
      return call.apply(options);
    } finally {
      free.accept(options);
    }
  }

  static double seconds(Duration duration) {
    return duration.getSeconds() + duration.getNano() / NANOSECONDS;
  }
}
