// Records measurements of the instruments of Conductor's C# SDK through the adapter, and compares what is shown.
using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using Ictus;

public static class Program
{
    private static int failures;

    private static void Expect(bool holds, string what)
    {
        if (!holds)
        {
            failures++;
            Console.Error.WriteLine("FAILED: " + what);
        }
    }

    private static KeyValuePair<string, object>[] Tags(params string[] parts)
    {
        return Enumerable.Range(0, parts.Length / 2)
            .Select(index => new KeyValuePair<string, object>(parts[2 * index], parts[2 * index + 1])).ToArray();
    }

    private static void ExpectLine(string text, string line)
    {
        Expect(text.Split('\n').Contains(line), line + " in\n" + text);
    }

    public static int Main(string[] arguments)
    {
        var meter = new Meter("Conductor.Client");
        var executions = meter.Create<double>("task_execute_time_seconds");
        var polls = meter.Create<long>("task_poll_total");
        var updates = meter.Create<long>("task_update_error_total");
        var sizes = meter.Create<double>("workflow_input_size_bytes_histogram");
        var active = meter.Create<int>("active_workers");
        active.Value = () => 3;
        active.Tags = Tags("taskType", "résize");
        var other = new Meter("Another").Create<long>("task_poll_total");
        using (var registry = new Registry(arguments[0]))
        {
            using (var listener = new ConductorListener(registry))
            {
                for (int number = 1; number <= 100; number++)
                {
                    executions.Record(number / 1000.0, Tags("status", "SUCCESS", "taskType", "résize"));
                }
                polls.Record(2, Tags("taskType", "résize"));
                other.Record(5, Tags("taskType", "résize"));
                // A missing tag is an empty label.
                updates.Record(1, Tags("taskType", "résize"));
                sizes.Record(512, Tags("workflowType", "order", "version", ""));
                listener.Poll();
                // A negative count is rejected without an exception in the worker.
                polls.Record(-1, Tags("taskType", "résize"));
            }
            polls.Record(7, Tags("taskType", "résize"));
            string text = registry.Render();
            ExpectLine(text, "task_execute_time_seconds_count{status=\"SUCCESS\",taskType=\"résize\"} 100.0");
            ExpectLine(text, "task_poll_total{taskType=\"résize\"} 2.0");
            ExpectLine(text, "task_update_error_total{exception=\"\",taskType=\"résize\"} 1.0");
            ExpectLine(text, "workflow_input_size_bytes_count{version=\"\",workflowType=\"order\"} 1.0");
            ExpectLine(text, "active_workers{taskType=\"résize\"} 3.0");
            for (int number = 0; number < 5000; number++)
            {
                registry.Add(Metric.TaskPoll, 1, "type " + number);
            }
            try
            {
                registry.Add(Metric.TaskPollTime, 1, "a timer");
                Expect(false, "a timer is no counter");
            }
            catch (IctusException error)
            {
                Expect(error.Message.Length > 0, "the error has a text");
            }
            try
            {
                registry.Observe(Metric.TaskPollTime, double.NaN, "a timer", "SUCCESS");
                Expect(false, "a duration is a number");
            }
            catch (IctusException error)
            {
                Expect(error.Message.Contains("NaN"), "text of the call before: " + error.Message);
            }
            registry.Add(Metric.TaskUpdateError, 1, "a\0b", "c");
            registry.Add(Metric.TaskUpdateError, 1, "a", "b\0c");
            text = registry.Render();
            ExpectLine(text, "task_update_error_total{exception=\"c\",taskType=\"a\0b\"} 1.0");
            ExpectLine(text, "task_update_error_total{exception=\"b\0c\",taskType=\"a\"} 1.0");
        }
        try
        {
            using (new Registry("/dev/null/metrics"))
            {
                Expect(false, "a directory below a file");
            }
        }
        catch (IctusException error)
        {
            Expect(error.Message.Contains("/dev/null"), error.Message);
        }
        Console.WriteLine(failures == 0 ? "C#: ok" : "C#: " + failures + " failures");
        return failures == 0 ? 0 : 1;
    }
}
