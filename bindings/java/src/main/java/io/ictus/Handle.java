package io.ictus;

import com.sun.jna.Pointer;
import java.util.function.Consumer;

/**
 * A handle of one series. Threads may record through it and close it at the same time, and
 * recording takes no lock: so the garbage collector frees it, when nothing refers to it any more.
 */
abstract class Handle implements AutoCloseable {
  private final Pointer pointer;
  private volatile boolean closed;

  Handle(Pointer pointer, Consumer<Pointer> free) {
    this.pointer = new UsedPointer(pointer, this);
    // Without `this`, which would stay reachable.
    Owned.CLEANER.register(this, () -> free.accept(pointer));
  }

  /** A pointer that keeps its handle reachable while a call has it as an argument. */
  private static final class UsedPointer extends Pointer {
    private final Handle handle;

    UsedPointer(Pointer pointer, Handle handle) {
      super(Pointer.nativeValue(pointer));
      this.handle = handle;
    }
  }

  /** Returns the handle, or NULL if it is closed, which libictus refuses. */
  final Pointer pointer() {
    return closed ? null : pointer;
  }

  /** Ends recording through this handle. Recorded data stays. */
  @Override
  public void close() {
    closed = true;
  }
}
