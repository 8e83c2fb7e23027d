package io.ictus;

import com.sun.jna.Callback;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.DoubleByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The functions of ictus.h, and how values cross to them. */
final class Libictus {
  static final int UNKNOWN = 12;

  /** Statuses whose calls leave the text of an earlier failure. */
  private static final List<Integer> WITHOUT_TEXT = List.of(7, 14);

  static final NativeLibrary LIBRARY = NativeLoader.load();

  static {
    Native.register(Libictus.class, LIBRARY);
  }

  private Libictus() {}

  /** A string, whose bytes live as long as it does. */
  @Structure.FieldOrder({"data", "len"})
  public static class Str extends Structure implements Structure.ByValue {
    public Pointer data;
    public long len;

    public Str() {}

    Str(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      len = bytes.length;
      if (len > 0) {
        Memory memory = new Memory(len);
        memory.write(0, bytes, 0, bytes.length);
        data = memory;
      }
    }

    String text() {
      return new String(data.getByteArray(0, (int) len), StandardCharsets.UTF_8);
    }
  }

  /** Count, sum and length of the window. */
  @Structure.FieldOrder({"count", "sum", "window"})
  public static class TimingStruct extends Structure {
    public long count;
    public double sum;
    public long window;
  }

  /** Takes what a call writes. */
  interface Write extends Callback {
    int invoke(Pointer context, Pointer data, long len);
  }

  /** An array of strings; NULL if it is empty. */
  static final class Strs {
    final Pointer first;
    final long count;

    Strs(List<String> texts) {
      count = texts.size();
      first = count == 0 ? null : new Row(texts.stream().map(Str::new).toList());
    }
  }

  /** The memory of an array of strings. A call that has it as an argument keeps them reachable. */
  private static final class Row extends Memory {
    private static final int BYTES = 16;

    private final List<Str> strings;

    Row(List<Str> strings) {
      super((long) BYTES * strings.size());
      this.strings = strings;
      for (int at = 0; at < strings.size(); at++) {
        setPointer((long) BYTES * at, strings.get(at).data);
        setLong((long) BYTES * at + 8, strings.get(at).len);
      }
    }
  }

  static native Str ictus_error_text();

  static native Str ictus_status_text(int status);

  static native int ictus_registry_new(PointerByReference out);

  static native int ictus_registry_open(Str directory, PointerByReference out);

  static native void ictus_registry_free(Pointer registry);

  static native int ictus_registry_render(
      Pointer registry, int format, int surfaces, Write write, Pointer context);

  static native int ictus_registry_new_with(Pointer options, PointerByReference out);

  static native int ictus_registry_open_with(
      Str directory, Pointer options, PointerByReference out);

  static native int ictus_registry_remove(
      Pointer registry, Str name, Pointer names, Pointer values, long count);

  static native int ictus_registry_remove_idle(
      Pointer registry, double seconds, LongByReference out);

  static native int ictus_family_options_new(PointerByReference out);

  static native int ictus_family_options_set_window(Pointer options, int observations);

  static native int ictus_family_options_set_max_age(Pointer options, double seconds);

  static native int ictus_family_options_set_expire_after(Pointer options, double seconds);

  static native int ictus_family_options_set_max_series(Pointer options, int series);

  static native int ictus_family_options_set_buckets(Pointer options, Pointer bounds, long count);

  static native int ictus_family_options_set_no_distribution(Pointer options);

  static native void ictus_family_options_free(Pointer options);

  static native int ictus_registry_options_new(PointerByReference out);

  static native int ictus_registry_options_set_families(Pointer options, Pointer families);

  static native int ictus_registry_options_set_group(Pointer options, int number);

  static native int ictus_registry_options_set_utf8_names(Pointer options, int allowed);

  static native void ictus_registry_options_free(Pointer options);

  static native int ictus_counter_new(
      Pointer registry,
      Str name,
      Str help,
      Pointer names,
      Pointer values,
      long count,
      PointerByReference out);

  static native int ictus_counter_add(Pointer counter, double by);

  static native void ictus_counter_free(Pointer counter);

  static native int ictus_gauge_new(
      Pointer registry,
      Str name,
      Str help,
      Pointer names,
      Pointer values,
      long count,
      PointerByReference out);

  static native int ictus_gauge_set(Pointer gauge, double to);

  static native int ictus_gauge_add(Pointer gauge, double by);

  static native void ictus_gauge_free(Pointer gauge);

  static native int ictus_timer_new(
      Pointer registry,
      Str name,
      Str help,
      Pointer names,
      Pointer values,
      long count,
      PointerByReference out);

  static native int ictus_timer_observe(Pointer timer, double seconds);

  static native int ictus_timer_new_with(
      Pointer registry,
      Str name,
      Str help,
      Pointer names,
      Pointer values,
      long count,
      Pointer options,
      PointerByReference out);

  static native int ictus_timer_observe_exemplar(Pointer timer, double seconds, Str traceId);

  static native void ictus_timer_free(Pointer timer);

  static native int ictus_catalog_timer_new(
      Pointer registry, int metric, Pointer values, long count, PointerByReference out);

  static native int ictus_catalog_counter_new(
      Pointer registry, int metric, Pointer values, long count, PointerByReference out);

  static native int ictus_catalog_gauge_new(
      Pointer registry, int metric, Pointer values, long count, PointerByReference out);

  static native int ictus_snapshot_new(Pointer registry, PointerByReference out);

  static native int ictus_snapshot_value(
      Pointer snapshot, Str name, Pointer values, long count, DoubleByReference out);

  static native int ictus_snapshot_timing(
      Pointer snapshot, Str name, Pointer values, long count, TimingStruct out);

  static native int ictus_snapshot_quantiles(
      Pointer snapshot,
      Str name,
      Pointer values,
      long count,
      Pointer shares,
      long wanted,
      Pointer out);

  static native void ictus_snapshot_free(Pointer snapshot);

  static native int ictus_exporter_start(
      Str directory, Str address, int surfaces, PointerByReference out);

  static native int ictus_exporter_address(Pointer exporter, Write write, Pointer context);

  static native void ictus_exporter_stop(Pointer exporter);

  /** Throws where a call failed. */
  static void need(int status) {
    if (status != 0) {
      String text = WITHOUT_TEXT.contains(status) ? "" : ictus_error_text().text();
      throw new IctusException(status, text.isEmpty() ? ictus_status_text(status).text() : text);
    }
  }
}
