package io.ictus;

import com.sun.jna.Pointer;

/** The calls that record: by JNA, or by the foreign function interface where Java has it. */
interface Calls {
  /**
   * What this Java is best at; built for Java 22 and newer, the package has {@code ForeignCalls}.
   */
  Calls BEST = best();

  int observe(Pointer timer, double seconds);

  private static Calls best() {
    try {
      return (Calls) Class.forName("io.ictus.ForeignCalls").getDeclaredConstructor().newInstance();
    } catch (ReflectiveOperationException | LinkageError missing) {
      return Libictus::ictus_timer_observe;
    }
  }
}
