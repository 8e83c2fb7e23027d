package io.ictus;

import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/**
 * Finds the native library: the file that {@code -Dictus.library} or {@code ICTUS_LIBRARY} names,
 * else the one in this jar, else the one that the system's loader finds.
 */
final class NativeLoader {
  /** The value of ICTUS_ABI_VERSION in the ictus.h that this class was written for. */
  static final int ABI_VERSION = 1;

  private static final String PLATFORM = platform();
  private static final String NAME = System.mapLibraryName("ictus");
  private static final String RESOURCE = "native/" + PLATFORM + "/" + NAME;

  private final List<String> attempts = new ArrayList<>();

  private NativeLoader() {}

  static NativeLibrary load() {
    return new NativeLoader().find();
  }

  private NativeLibrary find() {
    String property = System.getProperty("ictus.library");
    String requested = property == null ? System.getenv("ICTUS_LIBRARY") : property;
    NativeLibrary library = null;
    if (requested != null && !requested.isEmpty()) {
      library = open(requested, "ICTUS_LIBRARY is " + requested);
    } else {
      attempts.add("neither -Dictus.library nor ICTUS_LIBRARY is set");
      library = bundled();
      if (library == null) {
        library = open("ictus", NAME + " in the loader's path");
      }
    }
    if (library == null) {
      throw new UnsatisfiedLinkError(
          "ictus: cannot load the native library on "
              + PLATFORM
              + ". Looked for: "
              + String.join("; ", attempts)
              + ". Use the jar of a release, which contains the library for Linux and macOS. If no"
              + " directory allows to execute files, set -Dictus.tmpdir to one that does. Else"
              + " install libictus and set ICTUS_LIBRARY to the path of its shared library.");
    }
    check(library);
    return library;
  }

  private NativeLibrary open(String name, String description) {
    try {
      return NativeLibrary.getInstance(name);
    } catch (UnsatisfiedLinkError error) {
      attempts.add(description + " (" + cause(error) + ")");
      return null;
    }
  }

  /** Returns the message of the system's loader, which JNA puts into the second line. */
  private static String cause(UnsatisfiedLinkError error) {
    List<String> lines = error.getMessage().lines().toList();
    return lines.get(Math.min(1, lines.size() - 1));
  }

  private static void check(NativeLibrary library) {
    int loaded;
    try {
      loaded = library.getFunction("ictus_abi_version").invokeInt(new Object[0]);
    } catch (UnsatisfiedLinkError missing) {
      throw new UnsatisfiedLinkError(
          "ictus: " + library.getFile() + " is not libictus: it has no function ictus_abi_version");
    }
    if (loaded != ABI_VERSION) {
      throw new UnsatisfiedLinkError(
          "ictus: "
              + library.getFile()
              + " has ABI version "
              + loaded
              + ", and this package needs ABI version "
              + ABI_VERSION
              + ": install libictus and the jar of the same version, or unset ICTUS_LIBRARY");
    }
  }

  /** Copies the jar's library into the first directory from which it can be loaded. */
  private NativeLibrary bundled() {
    byte[] bytes = resource(RESOURCE);
    byte[] checksum = resource(RESOURCE + ".sha256");
    if (bytes == null || checksum == null) {
      attempts.add("the jar's io/ictus/" + RESOURCE + " (not in this jar)");
      return null;
    }
    String expected = new String(checksum, StandardCharsets.US_ASCII).strip();
    if (!sha256(bytes).equals(expected)) {
      throw new UnsatisfiedLinkError(
          "ictus: io/ictus/" + RESOURCE + " is damaged: its SHA-256 is not that of the release");
    }
    for (Path parent : parents()) {
      NativeLibrary library = extract(bytes, expected, parent);
      if (library != null) {
        return library;
      }
    }
    return null;
  }

  private NativeLibrary extract(byte[] bytes, String expected, Path parent) {
    Path directory = null;
    try {
      Files.createDirectories(parent);
      // No other user can exchange the file between its check and its use.
      directory =
          Files.createTempDirectory(
              parent,
              "ictus-",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      Path file = directory.resolve(NAME);
      Files.write(file, bytes, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      if (!sha256(Files.readAllBytes(file)).equals(expected)) {
        attempts.add("the jar's library, copied to " + file + " (the copy is damaged)");
        return null;
      }
      return open(file.toString(), "the jar's library, copied to " + file);
    } catch (IOException | UnsupportedOperationException error) {
      attempts.add("the jar's library, copied to " + parent + " (" + error + ")");
      return null;
    } finally {
      delete(directory);
    }
  }

  /** A loaded library stays mapped without its file. */
  private static void delete(Path directory) {
    if (directory == null) {
      return;
    }
    try {
      Files.deleteIfExists(directory.resolve(NAME));
      Files.deleteIfExists(directory);
    } catch (IOException ignored) {
      // The copy is left behind, in a directory for temporary or cached files.
    }
  }

  private static List<Path> parents() {
    List<Path> parents = new ArrayList<>();
    String requested = System.getProperty("ictus.tmpdir");
    if (requested != null) {
      parents.add(Path.of(requested));
    }
    parents.add(Path.of(System.getProperty("java.io.tmpdir")));
    String cache = System.getenv("XDG_CACHE_HOME");
    parents.add(
        cache == null || cache.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache", "ictus")
            : Path.of(cache, "ictus"));
    return parents;
  }

  private static byte[] resource(String name) {
    try (InputStream stream = NativeLoader.class.getResourceAsStream(name)) {
      return stream == null ? null : stream.readAllBytes();
    } catch (IOException unreadable) {
      return null;
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch");
    return (os.startsWith("mac") ? "macos" : os)
        + "-"
        + (arch.equals("amd64") ? "x86_64" : arch.equals("arm64") ? "aarch64" : arch);
  }
}
