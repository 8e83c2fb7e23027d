// Options, exemplars, removal, and the listener of a server.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import client from 'prom-client';
import { IctusError, Registry, Timer } from '../src/index.js';
import { made, native, str } from '../src/native.js';
import { directory } from './registry.test.js';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

/** A timer of the catalog, which the canonical surface shows as a histogram. */
function executions(registry) {
  const values = ['resize', 'SUCCESS'].map(str);
  return new Timer(made((out) => native.catalog_timer_new(registry.pointer, 3, values, 2, out)));
}

test('options change families', (context) => {
  const options = { window: 1, maxSeries: 2, maxAge: 3600, utf8Names: true };
  for (const registry of [new Registry(undefined, options), new Registry(directory(context), options)]) {
    const shared = registry.timer('shared.seconds');
    const own = registry.timer('own_seconds', '', {}, { window: 2 });
    for (const timer of [shared, own]) {
      [1, 2, 3].forEach((seconds) => timer.observe(seconds));
    }
    const snapshot = registry.snapshot();
    assert.deepEqual(snapshot.timing('shared.seconds'), { count: 3, sum: 6, window: 1 });
    assert.deepEqual(snapshot.timing('own_seconds'), { count: 3, sum: 6, window: 2 });
    ['a', 'b', 'c'].forEach((tenant) => registry.counter('jobs', '', { tenant }).inc());
    assert.equal(registry.snapshot().value('jobs', 'c'), undefined);
    registry.close();
  }
});

test('invalid options are errors that name them', () => {
  for (const [options, name] of [
    [{ window: 65_537 }, 'window'],
    [{ maxSeries: 0 }, 'max_series'],
    [{ maxAge: -1 }, 'max_age'],
    [{ expireAfter: NaN }, 'expire_after'],
    [{ buckets: [2, 1] }, 'buckets'],
    [{ group: 0xffff_ffff }, 'group'],
  ]) {
    const refused = { name: 'IctusError', status: 11, message: new RegExp(name) };
    assert.throws(() => new Registry(undefined, options), refused);
    if (options.group === undefined) {
      assert.throws(() => new Registry().timer('a', '', {}, options), refused);
    }
  }
  for (const options of [
    { window: -1 },
    { window: 2 ** 32 },
    { window: 1.5 },
    { maxAge: '1' },
    { other: 1 },
  ]) {
    const [name] = Object.keys(options);
    assert.throws(() => new Registry(undefined, options), { message: new RegExp(`option ${name}:`) });
  }
  assert.throws(() => new Registry().timer('a', '', {}, { group: 1 }), /unknown option group/);
});

test('errors have the text of their own call', () => {
  const registry = new Registry();
  registry.timer('work_seconds');
  assert.throws(() => registry.removeIdle(-1), { status: 11, message: /idle/ });
  assert.throws(() => registry.snapshot().quantiles([2], 'work_seconds'), {
    status: 7,
    message: /cannot be/,
  });
  assert.throws(() => new Registry('/dev/null/x'), { message: /\/dev\/null\/x/ });
});

test('exemplars are shown, and invalid ones are refused', async () => {
  const registry = new Registry(undefined, { buckets: [0.5, 2] });
  const timer = executions(registry);
  assert.ok(timer.observe(0.25, ID));
  for (const wrong of ['', 'a\nb', 'x'.repeat(97)]) {
    assert.ok(!timer.observe(0.25, wrong));
  }
  assert.ok(!timer.observe(-1, ID));
  assert.equal(await timer.time(async () => 7, 'fast'), 7);
  const shown = registry.render('openmetrics', 'canonical').toString();
  const bucket = 'task_execute_time_seconds_bucket{le="0.5",status="SUCCESS",taskType="resize"} 5.0';
  assert.ok(shown.includes(`${bucket} # {trace_id="fast"}`), shown);
});

test('timers without distribution have no buckets', () => {
  const counts = [true, false].map((distribution) => {
    const registry = new Registry(undefined, { buckets: [0.5, 2], distribution });
    executions(registry).observe(1);
    const shown = registry.render('text', 'canonical').toString();
    return shown.split('task_execute_time_seconds_bucket').length - 1;
  });
  assert.deepEqual(counts, [3, 1]);
});

test('series are removed', async (context) => {
  for (const registry of [new Registry(), new Registry(directory(context))]) {
    const jobs = registry.counter('jobs', '', { zone: 'a', queue: 'mail' });
    jobs.inc();
    assert.ok(!registry.remove('jobs', { zone: 'a' }) && !registry.remove('others'));
    assert.ok(registry.remove('jobs', { queue: 'mail', zone: 'a' }));
    assert.ok(!registry.remove('jobs', { zone: 'a', queue: 'mail' }));
    jobs.inc();
    assert.equal(registry.snapshot().value('jobs', 'a', 'mail'), undefined);
    registry.gauge('active');
    assert.equal(registry.removeIdle(0.02), 0);
    await setTimeout(50);
    assert.equal(registry.removeIdle(0.02), 1);
    registry.close();
    assert.throws(() => registry.remove('jobs'), IctusError);
  }
});

test('expired series are not shown', async () => {
  const registry = new Registry();
  registry.timer('idle_seconds', '', {}, { expireAfter: 0.02 }).start()();
  await setTimeout(50);
  assert.equal(registry.snapshot().timing('idle_seconds'), undefined);
});

test('a server of the program serves the format that the client accepts', async (context) => {
  const registry = new Registry();
  registry.counter('jobs').inc();
  const server = createServer(registry.handler()).listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  const address = `http://127.0.0.1:${server.address().port}/metrics`;
  for (const [accept, type] of [
    ['*/*', 'text/plain; version=0.0.4; charset=utf-8'],
    [
      'application/openmetrics-text;version=1.0.0',
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    ],
  ]) {
    const answer = await fetch(address, { headers: { accept } });
    assert.equal(answer.headers.get('content-type'), type);
    assert.match(await answer.text(), /^jobs_total 1\.0$/m);
  }
});

test('metrics of prom-client follow in the same response', async (context) => {
  const registry = new Registry();
  registry.counter('jobs').inc();
  const register = new client.Registry();
  new client.Counter({ name: 'others_total', help: 'Others.', registers: [register] }).inc(7);
  const server = createServer(registry.handler('default', register)).listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  const address = `http://127.0.0.1:${server.address().port}/metrics`;
  const answer = await fetch(address, { headers: { accept: 'application/openmetrics-text' } });
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const shown = await answer.text();
  assert.match(shown, /^jobs_total 1\.0$/m);
  assert.match(shown, /^others_total 7$/m);
  assert.doesNotMatch(shown, /# EOF/);
  registry.close();
  assert.equal((await fetch(address)).status, 500);
  const openMetrics = new client.Registry(client.Registry.OPENMETRICS_CONTENT_TYPE);
  assert.throws(() => registry.handler('default', openMetrics), /use one with text\/plain/);
});

test('the package can be required from CommonJS', (context) => {
  const require = createRequire(import.meta.url);
  if (process.features.require_module !== true) {
    return context.skip('this version of Node.js cannot require an ES module');
  }
  assert.equal(require('@conductor-oss/ictus').Registry, Registry);
});

test('thenables are timed until they are settled', async () => {
  const timer = new Registry().timer('work_seconds');
  const thenable = { then: (resolve) => setTimeout(20).then(() => resolve(7)) };
  assert.equal(await timer.time(() => thenable), 7);
  const refused = { then: (_, reject) => reject(new RangeError('no')) };
  await assert.rejects(
    timer.time(() => refused),
    RangeError,
  );
});

test('a null trace id is none', () => {
  const registry = new Registry();
  const timer = executions(registry);
  assert.equal(timer.observe(1, null), true);
  assert.doesNotMatch(registry.render('openmetrics', 'canonical').toString(), /trace_id/);
});

test('an endpoint runs until it is closed', async (context) => {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc');
  const { address } = new Registry(directory(context)).serve('127.0.0.1:0');
  for (let round = 0; round < 10; round += 1) {
    collect();
    await setTimeout(10);
  }
  assert.equal((await fetch(`http://${address}/metrics`)).status, 200);
});
