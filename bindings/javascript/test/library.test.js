// Missing and unsuitable native libraries.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

/** Loads the package in another process; returns the message of the error. */
function loadWith(library) {
  const program = `import(${JSON.stringify(new URL('../src/index.js', import.meta.url).href)})`;
  const env = { ...process.env, ICTUS_LIBRARY: library, LD_LIBRARY_PATH: '' };
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { env, encoding: 'utf8' });
  assert.notEqual(status, 0);
  return stderr;
}

function compile(context, source) {
  const folder = mkdtempSync(join(tmpdir(), 'ictus-'));
  context.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 9 }));
  const library = join(folder, 'other.so');
  writeFileSync(join(folder, 'other.c'), source);
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, join(folder, 'other.c')]);
  return library;
}

test('a missing library is an error with its path and the remedy', () => {
  const message = loadWith('/nowhere/libictus.so.0');
  assert.match(message, /cannot load \/nowhere\/libictus\.so\.0 on linux-/);
  assert.match(message, /package @conductor-oss\/ictus-linux-\w+ \(not installed\)/);
  assert.match(message, /set ICTUS_LIBRARY to the path/);
  assert.match(loadWith(''), /ICTUS_LIBRARY is not set;.* libictus\.so\.0 in the loader's path/);
});

test('a library with another ABI version is refused with both numbers', (context) => {
  const library = compile(context, 'unsigned ictus_abi_version(void) { return 99; }');
  const message = loadWith(library);
  assert.ok(message.includes(library), message);
  assert.match(message, /has ABI version 99, and this package needs ABI version 1/);
});

test('another library is refused', (context) => {
  assert.match(loadWith(compile(context, 'int other;')), /is not libictus/);
});
