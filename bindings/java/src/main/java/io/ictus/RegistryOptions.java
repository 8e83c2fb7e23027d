package io.ictus;

import com.sun.jna.Pointer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/** Options of registries. Options do not change: each method returns new ones. */
public final class RegistryOptions {
  private static final RegistryOptions DEFAULTS = new RegistryOptions(List.of());

  private final List<ToIntFunction<Pointer>> settings;

  private RegistryOptions(List<ToIntFunction<Pointer>> settings) {
    this.settings = settings;
  }

  /** Returns the default options. */
  public static RegistryOptions defaults() {
    return DEFAULTS;
  }

  /** Sets the options of all families, except timers that are created with separate options. */
  public RegistryOptions families(FamilyOptions families) {
    return with(
        options ->
            families.use(given -> Libictus.ictus_registry_options_set_families(options, given)));
  }

  /** Sets the number of a group of users that share the directory. */
  public RegistryOptions group(long number) {
    // A number that is none becomes one that libictus refuses.
    int group = number < 0 || number > 0xFFFF_FFFFL ? -1 : (int) number;
    return with(options -> Libictus.ictus_registry_options_set_group(options, group));
  }

  /** Allows names of metrics and labels with any characters. */
  public RegistryOptions utf8Names(boolean allowed) {
    return with(
        options -> Libictus.ictus_registry_options_set_utf8_names(options, allowed ? 1 : 0));
  }

  private RegistryOptions with(ToIntFunction<Pointer> setting) {
    List<ToIntFunction<Pointer>> all = new ArrayList<>(settings);
    all.add(setting);
    RegistryOptions changed = new RegistryOptions(List.copyOf(all));
    changed.use(valid -> true);
    return changed;
  }

  /** Calls a function with these options as libictus takes them. */
  <T> T use(Function<Pointer, T> call) {
    return FamilyOptions.use(
        Libictus::ictus_registry_options_new,
        settings,
        call,
        Libictus::ictus_registry_options_free);
  }
}
