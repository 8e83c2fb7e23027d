package io.ictus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each test loads the library in another process. */
class NativeLoaderTest {
  private static final String RESOURCES =
      "io/ictus/native/linux-" + System.getProperty("os.arch").replace("amd64", "x86_64");

  @TempDir Path folder;
  private Path temporary;

  @BeforeEach
  void createTemporary() throws Exception {
    temporary = Files.createDirectory(folder.resolve("temporary"));
  }

  private String load(String... options) throws Exception {
    return load(List.of(), options);
  }

  private String load(List<String> prefix, String... options) throws Exception {
    List<String> command = new ArrayList<>(prefix);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Djava.io.tmpdir=" + temporary,
            "-cp",
            folder + ":" + System.getProperty("java.class.path")));
    command.addAll(List.of(options));
    command.add("io.ictus.LoaderMain");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().remove("ICTUS_LIBRARY");
    builder.environment().remove("LD_LIBRARY_PATH");
    builder.environment().put("XDG_CACHE_HOME", folder.resolve("cache").toString());
    Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
    return new String(process.getInputStream().readAllBytes()).strip();
  }

  /** Puts a library where a release's jar has it. */
  private void bundle(Path library) throws Exception {
    Path resources = Files.createDirectories(folder.resolve(RESOURCES));
    byte[] bytes = Files.readAllBytes(library);
    Files.write(resources.resolve("libictus.so"), bytes);
    Files.writeString(
        resources.resolve("libictus.so.sha256"),
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)) + "\n");
  }

  private static Path installed() {
    return Path.of(System.getenv("ICTUS_LIBRARY"));
  }

  private Path compile(String source) throws Exception {
    Path file = folder.resolve("other.c");
    Files.writeString(file, source);
    Path library = folder.resolve("other.so");
    int status =
        new ProcessBuilder("gcc", "-shared", "-fPIC", "-o", library.toString(), file.toString())
            .inheritIO()
            .start()
            .waitFor();
    assertEquals(0, status);
    return library;
  }

  private static boolean isEmpty(Path directory) throws Exception {
    try (Stream<Path> files = Files.list(directory)) {
      return files.noneMatch(file -> file.getFileName().toString().startsWith("ictus-"));
    }
  }

  @Test
  void bundledLibraryIsLoadedAndItsCopyDeleted() throws Exception {
    bundle(installed());
    String loaded = load();
    assertTrue(loaded.startsWith("0.25 " + temporary + "/ictus-"), loaded);
    assertTrue(isEmpty(temporary));
  }

  @Test
  void unusableDirectoryIsSkipped() throws Exception {
    bundle(installed());
    String loaded = load("-Dictus.tmpdir=/proc/nowhere", "-Djava.io.tmpdir=/dev/null/x");
    assertTrue(loaded.startsWith("0.25 " + folder.resolve("cache")), loaded);
  }

  @Test
  void directoryWithoutExecutionIsSkipped() throws Exception {
    Path directory = Files.createDirectory(folder.resolve("noexec"));
    String mount = "mount -t tmpfs -o noexec tmpfs " + directory;
    List<String> prefix = List.of("unshare", "-m", "sh", "-c", mount + " && exec \"$@\"", "sh");
    int status =
        new ProcessBuilder("unshare", "-m", "sh", "-c", mount)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start()
            .waitFor();
    Assumptions.assumeTrue(status == 0, "file systems cannot be mounted");
    bundle(installed());
    String loaded = load(prefix, "-Dictus.tmpdir=" + directory);
    assertTrue(loaded.startsWith("0.25 " + temporary), loaded);

    String other = "-Djna.tmpdir=" + temporary;
    String unset = "-Djava.io.tmpdir=" + directory;
    Path cache = Files.createDirectories(folder.resolve("cache")).resolve("ictus");
    Files.createFile(cache);
    String message = load(prefix, other, unset, "-Dictus.tmpdir=" + directory);
    assertTrue(message.contains("failed to map segment from shared object"), message);
    assertTrue(message.contains("set -Dictus.tmpdir to one that does"), message);
  }

  @Test
  void damagedLibraryIsRefused() throws Exception {
    bundle(installed());
    Files.writeString(folder.resolve(RESOURCES).resolve("libictus.so"), "damaged");
    assertTrue(load().contains("is damaged: its SHA-256"), load());
  }

  @Test
  void missingLibraryIsAnErrorWithItsPathAndTheRemedy() throws Exception {
    String message = load("-Dictus.library=/nowhere/libictus.so.0");
    assertTrue(message.contains("ICTUS_LIBRARY is /nowhere/libictus.so.0 ("), message);
    message = load("-Djna.library.path=/nowhere");
    for (String part :
        List.of(
            "on linux-",
            "nor ICTUS_LIBRARY is set",
            RESOURCES + "/libictus.so (not in this jar)",
            "libictus.so in the loader's path",
            "set ICTUS_LIBRARY to the path")) {
      assertTrue(message.contains(part), message);
    }
    assertFalse(message.contains("0.25"), message);
  }

  @Test
  void libraryWithAnotherAbiVersionIsRefusedWithBothNumbers() throws Exception {
    Path library = compile("unsigned ictus_abi_version(void) { return 99; }");
    String message = load("-Dictus.library=" + library);
    assertTrue(message.contains(library.toString()), message);
    assertTrue(
        message.contains("has ABI version 99, and this package needs ABI version 1"), message);
  }

  @Test
  void anotherLibraryIsRefused() throws Exception {
    String message = load("-Dictus.library=" + compile("int other;"));
    assertTrue(message.contains("is not libictus"), message);
  }
}
