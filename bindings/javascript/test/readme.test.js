// The blocks of README.md are run as they are written, with a directory and a port of the test.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Registry } from '../src/index.js';

const AROUND = `
const answer = async (request) => request;
const request = {};
const client = {};
class TaskHandler {
  constructor({ eventListeners }) {
    if (eventListeners.length !== 1) throw new Error('no listener');
  }
}
`;

test('the README works as written', (context) => {
  const metrics = mkdtempSync(join(tmpdir(), 'ictus-'));
  context.after(() => rmSync(metrics, { recursive: true, force: true, maxRetries: 9 }));
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);
  assert.equal(blocks.length, 3);
  const code = blocks
    .join('\n')
    .replaceAll('/var/lib/app/metrics', metrics)
    .replaceAll('127.0.0.1:9464', '127.0.0.1:0');
  // Inside of the package, which the import is of. The server would go on.
  const program = fileURLToPath(new URL(`readme-${process.pid}.tmp.js`, import.meta.url));
  context.after(() => rmSync(program));
  writeFileSync(program, `${AROUND}${code}\nprocess.exit(0);\n`);
  assert.equal(execFileSync(process.execPath, [program], { encoding: 'utf8' }), 'p99: 0.099\n');
  const registry = new Registry(metrics);
  context.after(() => registry.close());
  assert.equal(registry.snapshot().timing('request_seconds', '/').count, 101);
});
