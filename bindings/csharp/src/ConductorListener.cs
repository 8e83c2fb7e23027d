using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;

namespace Ictus
{
    /// <summary>The metrics of Conductor's SDKs, numbered as in ictus.h.</summary>
    public enum Metric
    {
        ApiRequestTime = 0, TaskPoll = 1, TaskPollTime = 2, TaskExecuteTime = 3, TaskUpdateTime = 4,
        TaskExecuteError = 5, TaskUpdateError = 7, TaskPollError = 9, TaskExecutionStarted = 10, TaskAckError = 11,
        TaskAckFailed = 13, TaskExecutionQueueFull = 14, TaskPaused = 15, UncaughtException = 17,
        ExternalPayloadUsed = 18, WorkflowStartError = 19, TaskResultSize = 21, WorkflowInputSize = 22,
        ActiveWorkers = 23
    }

    /// <summary>Records the instruments of Conductor's C# SDK, whose meter is named Conductor.Client.</summary>
    public sealed class ConductorListener : IDisposable
    {
        private enum Kind { Timer, Counter, Gauge }

        private sealed class Entry
        {
            internal Kind Kind;
            internal Metric Metric;
            internal string[] Labels;
        }

        private static readonly Dictionary<string, Entry> Entries = new Dictionary<string, Entry>();
        private readonly MeterListener listener = new MeterListener();
        private readonly Registry registry;

        static ConductorListener()
        {
            Describe("http_api_client_request_seconds", Kind.Timer, Metric.ApiRequestTime, "method", "uri", "status");
            Describe("task_poll_total", Kind.Counter, Metric.TaskPoll, "taskType");
            Describe("task_poll_time_seconds", Kind.Timer, Metric.TaskPollTime, "taskType", "status");
            Describe("task_execute_time_seconds", Kind.Timer, Metric.TaskExecuteTime, "taskType", "status");
            Describe("task_update_time_seconds", Kind.Timer, Metric.TaskUpdateTime, "taskType", "status");
            Describe("task_execute_error_total", Kind.Counter, Metric.TaskExecuteError, "taskType", "exception");
            Describe("task_update_error_total", Kind.Counter, Metric.TaskUpdateError, "taskType", "exception");
            Describe("task_poll_error_total", Kind.Counter, Metric.TaskPollError, "taskType", "exception");
            Describe("task_execution_started_total", Kind.Counter, Metric.TaskExecutionStarted, "taskType");
            Describe("task_ack_error_total", Kind.Counter, Metric.TaskAckError, "taskType", "exception");
            Describe("task_ack_failed_total", Kind.Counter, Metric.TaskAckFailed, "taskType");
            Describe("task_execution_queue_full_total", Kind.Counter, Metric.TaskExecutionQueueFull, "taskType");
            Describe("task_paused_total", Kind.Counter, Metric.TaskPaused, "taskType");
            Describe("thread_uncaught_exceptions_total", Kind.Counter, Metric.UncaughtException, "exception");
            Describe("external_payload_used_total", Kind.Counter, Metric.ExternalPayloadUsed,
                "entityName", "operation", "payload_type");
            Describe("workflow_start_error_total", Kind.Counter, Metric.WorkflowStartError,
                "workflowType", "exception");
            Describe("task_result_size_bytes_histogram", Kind.Timer, Metric.TaskResultSize, "taskType");
            Describe("workflow_input_size_bytes_histogram", Kind.Timer, Metric.WorkflowInputSize,
                "workflowType", "version");
            Describe("active_workers", Kind.Gauge, Metric.ActiveWorkers, "taskType");
        }

        /// <summary>Starts to record into a registry, which the caller disposes of later.</summary>
        public ConductorListener(Registry registry)
        {
            this.registry = registry;
            listener.InstrumentPublished = (instrument, meters) =>
            {
                Entry entry;
                if (instrument.Meter.Name == "Conductor.Client" && Entries.TryGetValue(instrument.Name, out entry))
                {
                    meters.EnableMeasurementEvents(instrument, entry);
                }
            };
            listener.SetMeasurementEventCallback<double>((instrument, value, tags, state) => Record(value, tags, state));
            listener.SetMeasurementEventCallback<long>((instrument, value, tags, state) => Record(value, tags, state));
            listener.SetMeasurementEventCallback<int>((instrument, value, tags, state) => Record(value, tags, state));
            listener.Start();
        }

        /// <summary>Reads the gauges, which the SDK only reports on request. Call it before each scrape.</summary>
        public void Poll()
        {
            listener.RecordObservableInstruments();
        }

        /// <summary>Stops recording.</summary>
        public void Dispose()
        {
            listener.Dispose();
        }

        private static void Describe(string name, Kind kind, Metric metric, params string[] labels)
        {
            Entries.Add(name, new Entry { Kind = kind, Metric = metric, Labels = labels });
        }

        private void Record(double value, ReadOnlySpan<KeyValuePair<string, object>> tags, object state)
        {
            var entry = (Entry)state;
            bool hasAbsent = entry.Metric == Metric.WorkflowInputSize;
            var labels = new string[entry.Labels.Length + (hasAbsent ? 1 : 0)];
            for (int index = 0; index < entry.Labels.Length; index++)
            {
                labels[index] = "";
                foreach (KeyValuePair<string, object> tag in tags)
                {
                    if (tag.Key == entry.Labels[index])
                    {
                        labels[index] = Convert.ToString(tag.Value);
                    }
                }
            }
            if (hasAbsent)
            {
                labels[2] = labels[1].Length == 0 ? "1" : "";
            }
            try
            {
                switch (entry.Kind)
                {
                    case Kind.Timer: registry.Observe(entry.Metric, value, labels); break;
                    case Kind.Counter: registry.Add(entry.Metric, value, labels); break;
                    default: registry.Set(entry.Metric, value, labels); break;
                }
            }
            catch (IctusException)
            {
                // Metrics must not fail a worker. The library counts and logs the rejected value.
            }
        }
    }
}
