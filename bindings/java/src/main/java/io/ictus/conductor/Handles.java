package io.ictus.conductor;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Handles of one metric, by label values. Values such as messages are unbounded: beyond the limit,
 * each observation creates its handle and closes it.
 */
final class Handles<H> {
  static final int MAX_HANDLES = 4096;

  private final Map<List<String>, H> cached = new ConcurrentHashMap<>();
  private final Function<List<String>, H> create;
  private final Consumer<H> close;

  Handles(Function<List<String>, H> create, Consumer<H> close) {
    this.create = create;
    this.close = close;
  }

  /** Calls {@code use} with the handle of a series. */
  void use(List<String> labels, Consumer<H> use) {
    H handle = cached.get(labels);
    if (handle == null && cached.size() < MAX_HANDLES) {
      handle = cached.computeIfAbsent(labels, create);
    }
    if (handle != null) {
      use.accept(handle);
      return;
    }
    H temporary = create.apply(labels);
    try {
      use.accept(temporary);
    } finally {
      close.accept(temporary);
    }
  }

  int size() {
    return cached.size();
  }
}
