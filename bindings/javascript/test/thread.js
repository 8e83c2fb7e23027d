// A thread that records values that identify it.
import { workerData } from 'node:worker_threads';
import { Registry } from '../src/index.js';

const work = new Registry(workerData.metrics).timer('work_seconds', '', { kind: 'a' });
for (let number = 0; number < 500; number++) {
  work.observe(workerData.thread * 1000 + number);
}
