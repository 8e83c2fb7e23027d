package io.ictus;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.lang.ref.Cleaner;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;

/** Something of libictus, freed when it is closed or when nothing refers to it any more. */
abstract class Owned implements AutoCloseable {
  private static final Cleaner FORGOTTEN = Cleaner.create();

  private final Pointer pointer;
  private final Cleaner.Cleanable end;
  private volatile boolean closed;

  Owned(Pointer pointer, Consumer<Pointer> free) {
    this.pointer = pointer;
    // Not through `this`, which would never be forgotten.
    end = FORGOTTEN.register(this, () -> free.accept(pointer));
  }

  static Pointer made(ToIntFunction<PointerByReference> call) {
    PointerByReference out = new PointerByReference();
    Libictus.need(call.applyAsInt(out));
    return out.getValue();
  }

  /** What libictus takes; NULL once it is closed, which it answers with an error. */
  final Pointer pointer() {
    return closed ? null : pointer;
  }

  /** Frees it, when no other call uses it any more. What was recorded stays. */
  @Override
  public void close() {
    closed = true;
    end.clean();
  }
}
