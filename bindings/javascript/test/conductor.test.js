// Handles of the collector.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IctusMetricsCollector } from '../src/conductor.js';
import { Counter, Registry } from '../src/index.js';

const MAX_HANDLES = 4096;

test('cached handles are bounded per metric, and later ones are freed', (context) => {
  const registry = new Registry();
  const collector = new IctusMetricsCollector(registry);
  let closed = 0;
  const { close } = Counter.prototype;
  Counter.prototype.close = function () {
    closed++;
    close.call(this);
  };
  context.after(() => delete Counter.prototype.close);
  const total = MAX_HANDLES + 300;
  for (let number = 0; number < total; number++) {
    collector.recordUncaughtException(`Error${number}`);
  }
  assert.equal(closed, 300);
  collector.onPollStarted({ taskType: 'resize' });
  assert.equal(closed, 300);
  const counts = [
    ...collector.toPrometheusText().matchAll(/^thread_uncaught_exceptions_total\{.*\} (\S+)$/gm),
  ];
  assert.equal(
    counts.reduce((sum, [, count]) => sum + Number(count), 0),
    total,
  );
});
