// Recording, reading, serving, and mistakes.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { LegacyMetricsCollector } from '@io-orkes/conductor-javascript';
import { IctusError, Registry } from '../src/index.js';

/** A directory that goes with the test. */
export function directory(context) {
  const folder = mkdtempSync(join(tmpdir(), 'ictus-'));
  context.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 9 }));
  return folder;
}

test('a snapshot has the recorded values', (context) => {
  const registry = new Registry(directory(context));
  const jobs = registry.counter('jobs', 'Jobs done.', { queue: 'mäil', zone: 1 });
  assert.ok(jobs.inc() && jobs.inc(1.5));
  assert.ok(!jobs.inc(-1));
  const active = registry.gauge('active');
  active.set(5);
  active.add(-2);
  const work = registry.timer('work_seconds');
  for (let number = 1; number <= 2000; number++) {
    assert.ok(work.observe(number));
  }
  assert.ok(!work.observe(NaN));
  const snapshot = registry.snapshot();
  assert.equal(snapshot.value('jobs', 'mäil', '1'), 2.5);
  assert.equal(snapshot.value('active'), 3);
  assert.deepEqual(snapshot.timing('work_seconds'), { count: 2000, sum: 2_001_000, window: 1000 });
  assert.deepEqual(snapshot.quantiles([0, 0.5, 1], 'work_seconds'), [1001, 1500.5, 2000]);
  for (const missing of [snapshot.value('none'), snapshot.timing('none'), snapshot.quantiles([1], 'none')]) {
    assert.equal(missing, undefined);
  }
  assert.match(registry.render().toString(), /^jobs_total\{queue="mäil",zone="1"\} 2\.5$/m);
  assert.match(registry.render('openmetrics').toString(), /# EOF\n$/);
  assert.ok(registry.render('protobuf').includes('work_seconds'));
  for (const owned of [jobs, active, work, snapshot, registry]) {
    owned.close();
    owned.close();
  }
});

test('invalid arguments and closed objects are errors with a remedy', () => {
  const registry = new Registry();
  const jobs = registry.counter('jobs');
  assert.throws(() => registry.timer('jobs'), {
    name: 'IctusError',
    status: 5,
    message: /use the same kind everywhere/,
  });
  assert.throws(() => registry.counter('9 lives'), IctusError);
  assert.throws(() => new Registry('/dev/null/x'), { status: 8 });
  assert.throws(() => registry.render('json'), /use text, openmetrics, protobuf/);
  assert.throws(() => registry.render('text', 'other'), /use default, legacy/);
  assert.throws(() => registry.serve('127.0.0.1:0'), /give it a directory/);
  assert.throws(() => registry.snapshot().value('work', 'a', 'b') ?? registry.timer('jobs'), IctusError);
  jobs.close();
  assert.equal(jobs.inc(), false);
  registry.close();
  assert.throws(() => registry.snapshot(), { status: 1 });
});

test('functions and promises are measured until they end', async () => {
  const registry = new Registry();
  const work = registry.timer('work_seconds');
  assert.equal(
    work.time(() => 7),
    7,
  );
  assert.throws(() =>
    work.time(() => {
      throw new RangeError('no');
    }),
  );
  assert.equal(await work.time(() => setTimeout(30, 8)), 8);
  await assert.rejects(
    work.time(() => Promise.reject(new RangeError('no'))),
    RangeError,
  );
  const snapshot = registry.snapshot();
  assert.equal(snapshot.timing('work_seconds').count, 4);
  assert.ok(snapshot.quantiles([1], 'work_seconds')[0] >= 0.029);
});

test('threads record into one directory, and an endpoint shows it', async (context) => {
  const metrics = directory(context);
  const registry = new Registry(metrics);
  const threads = Array.from({ length: 4 }, (_, thread) => {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: { metrics, thread } });
    return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  });
  assert.deepEqual(await Promise.all(threads), [0, 0, 0, 0]);
  assert.deepEqual(registry.snapshot().timing('work_seconds', 'a'), {
    count: 2000,
    sum: [0, 1, 2, 3].reduce((sum, thread) => sum + 500 * thread * 1000 + (499 * 500) / 2, 0),
    window: 1000,
  });
  const exporter = registry.serve('127.0.0.1:0');
  const answer = await fetch(`http://${exporter.address}/metrics`);
  assert.match(await answer.text(), /^work_seconds_count\{kind="a"\} 2000\.0$/m);
  const { address } = exporter;
  exporter.close();
  await assert.rejects(fetch(`http://${address}/metrics`));
});

test("quantiles are those of the SDK's own collector", () => {
  const registry = new Registry();
  const work = registry.timer('work_seconds');
  const theirs = new LegacyMetricsCollector();
  let seed = 1;
  for (let number = 0; number < 2345; number++) {
    // Park and Miller's.
    seed = (seed * 48271) % 2147483647;
    const durationMs = -Math.log(seed / 2147483647) * 100;
    theirs.onTaskExecutionCompleted({ taskType: 'a', durationMs });
    work.observe(durationMs);
  }
  const shown = theirs.toPrometheusText();
  const shares = [0.5, 0.75, 0.9, 0.95, 0.99];
  const quantiles = registry.snapshot().quantiles(shares, 'work_seconds');
  shares.forEach((share, at) => {
    const line = new RegExp(`task_execute_time\\{.*quantile="${share}".*\\} (\\S+)`);
    const [, own] = shown.match(line) ?? assert.fail(`no ${share} in\n${shown}`);
    assert.equal(quantiles[at], Number(own));
  });
});
