package io.ictus;

import java.util.Map;

/** Loads the native library, and prints where it comes from or the error. */
final class LoaderMain {
  private LoaderMain() {}

  /** Prints one line. */
  public static void main(String[] arguments) {
    try (Registry registry = new Registry()) {
      Timer work = registry.timer("work_seconds", "", Map.of());
      work.observe(0.25);
      System.out.println(
          registry.snapshot().quantile(0.99, "work_seconds").getAsDouble()
              + " "
              + Libictus.LIBRARY.getFile());
    } catch (UnsatisfiedLinkError error) {
      System.out.println(error.getMessage());
    }
  }
}
