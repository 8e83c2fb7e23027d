// Uses that the types allow, and mistakes that they find.
import { createServer } from 'node:http';
import { register } from 'prom-client';
import { TaskHandler, type ConductorClient } from '@io-orkes/conductor-javascript';
import { Registry, type Timing } from '../src/index.js';
import { IctusMetricsCollector } from '../src/conductor.js';

declare const client: ConductorClient;

const registry = new Registry('/tmp/metrics');
const timer = registry.timer('work_seconds', 'Work.', { kind: 'a' });
const observed: boolean = timer.observe(0.25);
const later: Promise<number> = timer.time(async () => 1);
const timing: Timing | undefined = registry.snapshot().timing('work_seconds', 'a');
const handler = new TaskHandler({ client, eventListeners: [new IctusMetricsCollector(registry)] });
const limited = new Registry('/tmp/metrics', { maxSeries: 500, buckets: [0.5, 2], utf8Names: true });
const own = limited.timer('own_seconds', '', {}, { window: 200, maxAge: 600, expireAfter: 86_400 });
const elapsed: number = own.start()('4bf92f3577b34da6a3ce929d0e0e4736');
const removed: boolean = limited.remove('own_seconds', {});
const count: number = limited.removeIdle(3600);
const server = createServer(limited.handler('canonical', register));
// @ts-expect-error a group is an option of a registry
limited.timer('own_seconds', '', {}, { group: 1 });
// @ts-expect-error a duration is a number
timer.observe('long');
// @ts-expect-error there is no such format
registry.render('json');
// @ts-expect-error a timer may not be there
registry.snapshot().timing('work_seconds').count;
export { count, elapsed, handler, later, observed, removed, server, timing };
