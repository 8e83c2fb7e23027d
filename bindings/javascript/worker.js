// Does tasks of a type with Conductor's JavaScript SDK, until its standard input ends:
//
//     node worker.js SERVER DIRECTORY TASK_TYPE
//
// A task takes the input "number" modulo 50 milliseconds.
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { TaskHandler, createConductorClient } from '@io-orkes/conductor-javascript';
import { IctusMetricsCollector } from './src/conductor.js';
import { Registry } from './src/index.js';

const [serverUrl, directory, taskDefName] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const handler = new TaskHandler({
  client: await createConductorClient({ serverUrl, logger: quiet }),
  logger: quiet,
  scanForDecorated: false,
  workers: [
    {
      taskDefName,
      pollInterval: 10,
      execute: async (task) => {
        await setTimeout(task.inputData.number % 50);
        return { status: 'COMPLETED', outputData: { by: 'javascript' } };
      },
    },
  ],
  eventListeners: [new IctusMetricsCollector(new Registry(directory))],
});
await handler.startWorkers();
await once(process.stdin.resume(), 'end');
await handler.stopWorkers();
process.exit();
