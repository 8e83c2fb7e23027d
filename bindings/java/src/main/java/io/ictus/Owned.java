package io.ictus;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToIntFunction;

/** An object of libictus, freed when it is closed or when nothing refers to it any more. */
abstract class Owned implements AutoCloseable {
  static final Cleaner CLEANER = Cleaner.create();

  private final Pointer pointer;
  private final Cleaner.Cleanable end;
  // Held shared by calls, so that no thread frees what another one uses.
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  Owned(Pointer pointer, Consumer<Pointer> free) {
    this.pointer = pointer;
    // Without `this`, which would stay reachable.
    end = CLEANER.register(this, () -> free.accept(pointer));
  }

  static Pointer made(ToIntFunction<PointerByReference> call) {
    PointerByReference out = new PointerByReference();
    Libictus.need(call.applyAsInt(out));
    return out.getValue();
  }

  /** Calls a function with the object, or with NULL if it is closed, which libictus refuses. */
  final <T> T use(Function<Pointer, T> call) {
    lock.readLock().lock();
    try {
      return call.apply(closed ? null : pointer);
    } finally {
      lock.readLock().unlock();
      // Without it, the cleaner may free the object while the call runs.
      Reference.reachabilityFence(this);
    }
  }

  /** Frees the object after the calls that use it. Recorded data stays. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      closed = true;
    } finally {
      lock.writeLock().unlock();
    }
    end.clean();
  }
}
