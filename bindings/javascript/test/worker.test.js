// A worker of the published SDK, with Ictus as its metrics collector, against a Conductor on loopback.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NonRetryableException, TaskHandler, createConductorClient } from '@io-orkes/conductor-javascript';
import { IctusMetricsCollector } from '../src/conductor.js';
import { Registry } from '../src/index.js';

const STUB = fileURLToPath(new URL('../../../testing/conductor_stub.py', import.meta.url));
const TASKS = 40;

async function conductor(context) {
  const options = [
    '--port',
    '0',
    '--rate',
    '200',
    '--tasks',
    String(TASKS),
    '--poll-errors',
    '0.3',
    '--slow',
    '0',
  ];
  const server = spawn('python3', [STUB, ...options, '--update-errors', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => server.kill());
  const [url] = await once(createInterface(server.stdout), 'line');
  return url.replace(/\/api$/, '');
}

test("a worker's metrics are what its server counted", { timeout: 120_000 }, async (context) => {
  const metrics = mkdtempSync(join(tmpdir(), 'ictus-'));
  context.after(() => rmSync(metrics, { recursive: true, force: true, maxRetries: 9 }));
  const url = await conductor(context);
  const registry = new Registry(metrics);
  const collector = new IctusMetricsCollector(registry);
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const client = await createConductorClient({ serverUrl: `${url}/api`, logger: quiet });
  const execute = async ({ taskId }) => {
    if (Number.parseInt(taskId.replace(/\D/g, ''), 10) % 4 === 0) {
      throw new NonRetryableException('every fourth');
    }
    return { status: 'COMPLETED', outputData: { taskId } };
  };
  const both = ['resize', 'mail'];
  const handler = new TaskHandler({
    client,
    logger: quiet,
    scanForDecorated: false,
    workers: both.map((taskDefName) => ({ taskDefName, execute, pollInterval: 10, concurrency: 2 })),
    eventListeners: [collector],
  });
  await handler.startWorkers();
  const counted = async () => (await fetch(`${url}/stub/counts`)).json();
  const done = (counts) => counts?.completed + counts?.failed === TASKS && counts.poll_errors > 0;
  const allDone = (counts) => both.every((name) => done(counts[name]));
  while (!allDone(await counted())) {
    await setTimeout(20);
  }
  await handler.stopWorkers();
  const shown = (name, labels) => {
    const text = collector.toPrometheusText();
    const line = text.split('\n').find((line) => line.startsWith(`${name}{${labels}} `));
    return line === undefined ? 0 : Number(line.split(' ').pop());
  };
  const timed = (what, name, status) =>
    shown(`task_${what}_time_seconds_count`, `status="${status}",taskType="${name}"`);
  // A poll that was on its way ends after the workers have stopped.
  const polled = (name) => timed('poll', name, 'SUCCESS') + timed('poll', name, 'FAILURE');
  while (!both.every((name) => polled(name) === shown('task_poll_total', `taskType="${name}"`))) {
    await setTimeout(20);
  }
  const counts = await counted();
  for (const name of both) {
    const { polls, poll_errors: pollErrors, completed, failed } = counts[name];
    assert.ok(completed > 0 && failed > 0 && pollErrors > 0, JSON.stringify(counts[name]));
    const task = `taskType="${name}"`;
    assert.equal(shown('task_poll_total', task), polls);
    assert.equal(timed('poll', name, 'FAILURE'), pollErrors);
    assert.equal(timed('poll', name, 'SUCCESS'), polls - pollErrors);
    assert.equal(shown('task_execution_started_total', task), TASKS);
    assert.equal(timed('execute', name, 'SUCCESS'), completed);
    assert.equal(timed('execute', name, 'FAILURE'), failed);
    assert.equal(timed('update', name, 'SUCCESS'), TASKS);
    assert.equal(shown('active_workers', task), 0);
  }
  await collector.stop();
  registry.close();
});
