package io.ictus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The block of README.md is run as it is written, with a directory of the test. */
class ReadmeTest {
  @Test
  void theReadmeWorksAsWritten(@TempDir Path folder) throws Exception {
    Path metrics = folder.resolve("metrics");
    Matcher block =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("README.md")));
    assertTrue(block.find());
    String code = block.group(1).replace("/var/lib/app/metrics", metrics.toString());
    Path source = folder.resolve("Program.java");
    Files.writeString(source, code);

    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Path classes =
        Path.of(Registry.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    StringWriter said = new StringWriter();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      List<String> options = List.of("-classpath", classes.toString(), "-d", folder.toString());
      boolean compiled =
          compiler
              .getTask(said, files, null, options, null, files.getJavaFileObjects(source))
              .call();
      assertTrue(compiled, said::toString);
    }
    URL[] places = {folder.toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(places, Registry.class.getClassLoader())) {
      loader
          .loadClass("Program")
          .getMethod("main", String[].class)
          .invoke(null, (Object) new String[0]);
    }
    try (Registry registry = new Registry(metrics);
        Snapshot snapshot = registry.snapshot()) {
      assertEquals(100, snapshot.timing("request_seconds", "/").get().count());
    }
  }
}
