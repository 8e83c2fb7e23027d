import type { MetricsCollectorInterface } from '@io-orkes/conductor-javascript';
import type { Registry, Snapshot } from './index.js';

/** Records the events of an SDK's worker: pass it to `TaskHandler` as an event listener. */
export class IctusMetricsCollector implements Required<MetricsCollectorInterface> {
  constructor(registry: Registry);
  readonly measurePayloadSize: boolean;
  onPollStarted: Required<MetricsCollectorInterface>['onPollStarted'];
  onPollCompleted: Required<MetricsCollectorInterface>['onPollCompleted'];
  onPollFailure: Required<MetricsCollectorInterface>['onPollFailure'];
  onTaskExecutionStarted: Required<MetricsCollectorInterface>['onTaskExecutionStarted'];
  onTaskExecutionCompleted: Required<MetricsCollectorInterface>['onTaskExecutionCompleted'];
  onTaskExecutionFailure: Required<MetricsCollectorInterface>['onTaskExecutionFailure'];
  onTaskUpdateCompleted: Required<MetricsCollectorInterface>['onTaskUpdateCompleted'];
  onTaskUpdateFailure: Required<MetricsCollectorInterface>['onTaskUpdateFailure'];
  onTaskPaused: Required<MetricsCollectorInterface>['onTaskPaused'];
  recordTaskExecutionQueueFull(taskType: string): void;
  recordUncaughtException(exception?: string): void;
  recordWorkerRestart(): void;
  recordTaskPaused(taskType: string): void;
  recordTaskAckError(taskType: string, exception?: string): void;
  recordTaskAckFailed(taskType: string): void;
  recordWorkflowStartError(workflowType?: string, exception?: string): void;
  recordExternalPayloadUsed(payloadType: string, entityName?: string, operation?: string): void;
  recordWorkflowInputSize(workflowType: string, sizeBytes: number, version?: string): void;
  recordApiRequestTime(
    method: string,
    uri: string,
    status: number | string,
    durationMs: number,
    metricUri?: string,
  ): void;
  collectorName(): string;
  getMetrics(): Snapshot;
  reset(): void;
  stop(): Promise<void>;
  getContentType(): string;
  toPrometheusText(): string;
  toPrometheusTextAsync(): Promise<string>;
}
