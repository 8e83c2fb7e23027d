package io.ictus;

import java.io.ByteArrayOutputStream;
import java.util.function.ToIntFunction;

/** What a call writes in pieces. */
final class Written {
  private Written() {}

  static byte[] by(ToIntFunction<Libictus.Write> call) {
    ByteArrayOutputStream written = new ByteArrayOutputStream();
    Libictus.Write write =
        (context, data, len) -> {
          written.writeBytes(data.getByteArray(0, (int) len));
          return 0;
        };
    Libictus.need(call.applyAsInt(write));
    return written.toByteArray();
  }
}
