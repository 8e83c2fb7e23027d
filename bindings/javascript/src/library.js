// Finds the native library, and refuses one with another ABI version.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi from 'koffi';

/** The value of ICTUS_ABI_VERSION in the ictus.h that this package was written for. */
const ABI_VERSION = 1;
const NAME = process.platform === 'darwin' ? 'libictus.dylib' : 'libictus.so';
const INSTALLED = process.platform === 'darwin' ? 'libictus.dylib' : 'libictus.so.0';

/** The name of the optional package that contains the library for this platform. */
function platformPackage() {
  const libc = process.platform === 'linux' && !isGlibc() ? '-musl' : '';
  return `@conductor-oss/ictus-${process.platform}-${process.arch}${libc}`;
}

function isGlibc() {
  return process.report.getReport().header.glibcVersionRuntime !== undefined;
}

/** The path of the library in the package of this platform; undefined if it is not installed. */
function bundled(name) {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const path = join(dirname(manifest), NAME);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Loads the file that ICTUS_LIBRARY names, else that of the platform's package, else the one that the
 * system's loader finds.
 */
export function loadLibrary() {
  const variable = process.env.ICTUS_LIBRARY;
  const name = platformPackage();
  const path = variable || bundled(name) || INSTALLED;
  let library;
  try {
    library = koffi.load(path);
  } catch (error) {
    throw new Error(
      `ictus: cannot load ${path} on ${process.platform}-${process.arch}: ${error.message}. Looked for: ` +
        `${variable ? `ICTUS_LIBRARY is ${variable}` : 'ICTUS_LIBRARY is not set'}; the package ${name} ` +
        `(${bundled(name) ?? 'not installed'}); ${INSTALLED} in the loader's path. Install the package ${name} ` +
        `(npm omits it with --omit=optional), or install libictus and set ICTUS_LIBRARY to the path of its ` +
        'shared library.',
      { cause: error },
    );
  }
  checkVersion(path, library);
  return library;
}

function checkVersion(path, library) {
  let version;
  try {
    version = library.func('uint32_t ictus_abi_version(void)');
  } catch (error) {
    throw new Error(`ictus: ${path} is not libictus: it has no function ictus_abi_version`, { cause: error });
  }
  const loaded = version();
  if (loaded !== ABI_VERSION) {
    throw new Error(
      `ictus: ${path} has ABI version ${loaded}, and this package needs ABI version ${ABI_VERSION}: install ` +
        'libictus and the package of the same version, or unset ICTUS_LIBRARY',
    );
  }
}
