// Does tasks of a type with Conductor's JavaScript SDK, until its standard input ends:
//
//     node worker.js SERVER DIRECTORY TASK_TYPE
import { once } from 'node:events';
import process from 'node:process';
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
      execute: async () => ({ status: 'COMPLETED', outputData: { by: 'javascript' } }),
    },
  ],
  eventListeners: [new IctusMetricsCollector(new Registry(directory))],
});
await handler.startWorkers();
await once(process.stdin.resume(), 'end');
await handler.stopWorkers();
process.exit();
