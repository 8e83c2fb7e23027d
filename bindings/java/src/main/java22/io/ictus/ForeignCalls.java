package io.ictus;

import com.sun.jna.Pointer;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The calls that record, without JNA between. */
final class ForeignCalls implements Calls {
  private static final MethodHandle OBSERVE = find("ictus_timer_observe");

  ForeignCalls() {}

  private static MethodHandle find(String name) {
    Pointer function = Libictus.LIBRARY.getFunction(name);
    FunctionDescriptor types =
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_DOUBLE);
    return Linker.nativeLinker()
        .downcallHandle(MemorySegment.ofAddress(Pointer.nativeValue(function)), types);
  }

  @Override
  public int observe(Pointer timer, double seconds) {
    try {
      return (int) OBSERVE.invokeExact(Pointer.nativeValue(timer), seconds);
    } catch (RuntimeException | Error raised) {
      throw raised;
    } catch (Throwable never) {
      throw new AssertionError(never);
    }
  }
}
