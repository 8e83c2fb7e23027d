// The metrics collector of Conductor's JavaScript SDK, recording with Ictus.
import { Counter, Gauge, Timer } from './index.js';
import { made, native, str } from './native.js';

/** Metrics by the numbers of ictus_conductor_metric. */
const METRICS = Object.freeze({
  apiRequestTime: 0,
  taskPoll: 1,
  taskPollTime: 2,
  taskExecuteTime: 3,
  taskUpdateTime: 4,
  taskExecuteError: 5,
  taskExecuteErrorMessage: 6,
  taskUpdateError: 7,
  taskUpdateErrorMessage: 8,
  taskPollError: 9,
  taskExecutionStarted: 10,
  taskAckError: 11,
  taskAckErrorMessage: 12,
  taskAckFailed: 13,
  taskExecutionQueueFull: 14,
  taskPaused: 15,
  workerRestart: 16,
  uncaughtException: 17,
  externalPayloadUsed: 18,
  workflowStartError: 19,
  workflowStartErrorMessage: 20,
  taskResultSize: 21,
  workflowInputSize: 22,
  activeWorkers: 23,
});

const [SUCCESS, FAILURE] = ['SUCCESS', 'FAILURE'];
/** The number of handles that are cached per metric. Beyond it each observation creates and frees its handle. */
const MAX_HANDLES = 4096;
const MAX_MESSAGE_LENGTH = 200;

/** Label values to the object that records them. */
class Family {
  #registry;
  #metric;
  #make;
  #of;
  #children = new Map();

  constructor(registry, metric, make, of) {
    [this.#registry, this.#metric, this.#make, this.#of] = [registry, metric, make, of];
  }

  /** Calls `record` with the handle of a series. */
  record(values, record) {
    // Separated by what no label value of an SDK contains.
    const key = values.join('\u0000');
    const cached = this.#children.get(key);
    if (cached !== undefined) {
      record(cached);
      return;
    }
    const texts = values.map(str);
    const pointer = made((out) => this.#make(this.#registry.pointer, this.#metric, texts, texts.length, out));
    const child = new this.#of(pointer);
    record(child);
    if (this.#children.size < MAX_HANDLES) {
      this.#children.set(key, child);
    } else {
      child.close();
    }
  }

  close() {
    for (const child of this.#children.values()) {
      child.close();
    }
    this.#children.clear();
  }
}

/** Records the events of an SDK's worker: pass it to `TaskHandler` as an event listener. */
export class IctusMetricsCollector {
  #registry;
  #families = new Map();
  measurePayloadSize = true;

  constructor(registry) {
    this.#registry = registry;
  }

  onPollStarted({ taskType }) {
    this.#count('taskPoll', taskType);
  }

  onPollCompleted({ taskType, durationMs }) {
    this.#time('taskPollTime', durationMs / 1000, taskType, SUCCESS);
  }

  onPollFailure({ taskType, durationMs, cause }) {
    this.#count('taskPollError', taskType, kindOf(cause));
    this.#time('taskPollTime', durationMs / 1000, taskType, FAILURE);
  }

  onTaskExecutionStarted({ taskType }) {
    this.#count('taskExecutionStarted', taskType);
    this.#active(taskType, 1);
  }

  onTaskExecutionCompleted({ taskType, durationMs, outputSizeBytes }) {
    this.#time('taskExecuteTime', durationMs / 1000, taskType, SUCCESS);
    if (outputSizeBytes !== undefined) {
      this.#time('taskResultSize', outputSizeBytes, taskType);
    }
    this.#active(taskType, -1);
  }

  onTaskExecutionFailure({ taskType, durationMs, cause }) {
    this.#error('taskExecuteError', taskType, cause);
    this.#time('taskExecuteTime', durationMs / 1000, taskType, FAILURE);
    this.#active(taskType, -1);
  }

  onTaskUpdateCompleted({ taskType, durationMs }) {
    this.#time('taskUpdateTime', durationMs / 1000, taskType, SUCCESS);
  }

  onTaskUpdateFailure({ taskType, durationMs, cause }) {
    this.#error('taskUpdateError', taskType, cause);
    if (durationMs !== undefined) {
      this.#time('taskUpdateTime', durationMs / 1000, taskType, FAILURE);
    }
  }

  onTaskPaused({ taskType }) {
    this.recordTaskPaused(taskType);
  }

  recordTaskExecutionQueueFull(taskType) {
    this.#count('taskExecutionQueueFull', taskType);
  }

  recordUncaughtException(exception) {
    this.#count('uncaughtException', exception ?? 'Error');
  }

  recordWorkerRestart() {
    this.#count('workerRestart', '');
  }

  recordTaskPaused(taskType) {
    this.#count('taskPaused', taskType);
  }

  recordTaskAckError(taskType, exception) {
    this.#error('taskAckError', taskType, exception);
  }

  recordTaskAckFailed(taskType) {
    this.#count('taskAckFailed', taskType);
  }

  recordWorkflowStartError(workflowType, exception) {
    this.#error('workflowStartError', workflowType ?? '', exception);
  }

  recordExternalPayloadUsed(payloadType, entityName, operation) {
    this.#count('externalPayloadUsed', entityName ?? '', operation ?? '', payloadType);
  }

  recordWorkflowInputSize(workflowType, sizeBytes, version) {
    this.#time('workflowInputSize', sizeBytes, workflowType, version ?? '', version === undefined ? '1' : '');
  }

  recordApiRequestTime(method, uri, status, durationMs, metricUri) {
    this.#time('apiRequestTime', durationMs / 1000, method, metricUri || uri, String(status));
  }

  collectorName() {
    return 'ictus';
  }

  /** A snapshot: see `Registry.snapshot`. */
  getMetrics() {
    return this.#registry.snapshot();
  }

  /** Totals are for good: nothing is reset. */
  reset() {}

  /** Frees what records; the registry is its owner's. */
  async stop() {
    for (const family of this.#families.values()) {
      family.close();
    }
    this.#families.clear();
  }

  getContentType() {
    return 'text/plain; version=0.0.4; charset=utf-8';
  }

  toPrometheusText() {
    return this.#registry.render('text', 'canonical').toString();
  }

  async toPrometheusTextAsync() {
    return this.toPrometheusText();
  }

  #count(metric, ...labels) {
    this.#family(metric, native.catalog_counter_new, Counter).record(labels, (counter) => counter.inc());
  }

  #time(metric, value, ...labels) {
    this.#family(metric, native.catalog_timer_new, Timer).record(labels, (timer) => timer.observe(value));
  }

  #active(taskType, by) {
    this.#family('activeWorkers', native.catalog_gauge_new, Gauge).record([taskType], (gauge) =>
      gauge.add(by),
    );
  }

  /** Errors are counted twice: by class and by message, which have a bound on series each. */
  #error(metric, name, cause) {
    this.#count(metric, name, kindOf(cause));
    this.#count(`${metric}Message`, name, messageOf(cause));
  }

  #family(metric, make, of) {
    let family = this.#families.get(metric);
    if (family === undefined) {
      family = new Family(this.#registry, METRICS[metric], make, of);
      this.#families.set(metric, family);
    }
    return family;
  }
}

function kindOf(cause) {
  return cause instanceof Error ? cause.name : String(cause ?? 'Error');
}

function messageOf(cause) {
  return (cause instanceof Error ? cause.message : String(cause ?? 'Error')).slice(0, MAX_MESSAGE_LENGTH);
}
