// Measures the cost of an observation, and of prom-client's: `npm run cost`.
import { Histogram, Registry as Theirs, Summary } from 'prom-client';
import { IctusMetricsCollector } from '../src/conductor.js';
import { Registry } from '../src/index.js';

const CALLS = 200_000;
const ROUNDS = 21;
const registry = new Registry();
const timer = registry.timer('work_seconds', '', { kind: 'a' });
const collector = new IctusMetricsCollector(registry);
const options = { help: 'x', labelNames: ['kind'], registers: [new Theirs()] };
const histogram = new Histogram({ ...options, name: 'histogram' }).labels('a');
const summary = new Summary({ ...options, name: 'summary' }).labels('a');
const event = { taskType: 'resize', durationMs: 10, outputSizeBytes: 100 };

const candidates = {
  'ictus: observe': () => timer.observe(0.01),
  'prom-client: Histogram.observe': () => histogram.observe(0.01),
  'prom-client: Summary.observe': () => summary.observe(0.01),
  'ictus: onTaskExecutionCompleted, three metrics': () => collector.onTaskExecutionCompleted(event),
};
const spent = Object.fromEntries(Object.keys(candidates).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, call] of Object.entries(candidates)) {
    const begun = process.hrtime.bigint();
    for (let number = 0; number < CALLS; number++) {
      call();
    }
    spent[name].push(Number(process.hrtime.bigint() - begun) / CALLS);
  }
}
for (const [name, times] of Object.entries(spent)) {
  console.log(`${name}: ${times.sort((a, b) => a - b)[ROUNDS >> 1].toFixed(0)} ns`);
}
