// Uses that the types allow, and mistakes that they find.
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
// @ts-expect-error a duration is a number
timer.observe('long');
// @ts-expect-error there is no such format
registry.render('json');
// @ts-expect-error a timer may not be there
registry.snapshot().timing('work_seconds').count;
export { handler, later, observed, timing };
