using System;
using System.Collections.Concurrent;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

namespace Ictus
{
    /// <summary>Records metrics of Conductor's catalog in memory or in a metrics directory.</summary>
    public sealed class Registry : IDisposable
    {
        /// <summary>Beyond this number of cached handles, each call creates and frees its handle.</summary>
        internal const int MaxHandles = 4096;

        private delegate int Create(IntPtr registry, int metric, Str[] labels, UIntPtr count, out IntPtr handle);

        private readonly ConcurrentDictionary<string, IntPtr> timers = new ConcurrentDictionary<string, IntPtr>();
        private readonly ConcurrentDictionary<string, IntPtr> counters = new ConcurrentDictionary<string, IntPtr>();
        private readonly ConcurrentDictionary<string, IntPtr> gauges = new ConcurrentDictionary<string, IntPtr>();
        private IntPtr registry;

        /// <summary>Creates a registry in the memory of this process.</summary>
        public Registry()
        {
            Native.CheckLibrary();
            Native.Check(Native.ictus_registry_new(out registry));
        }

        /// <summary>Opens a metrics directory, which other processes may use at once.</summary>
        public Registry(string directory)
        {
            Native.CheckLibrary();
            using (var path = new Strings(directory))
            {
                Native.Check(Native.ictus_registry_open(path.Values[0], out registry));
            }
        }

        /// <summary>Records a duration in seconds, or a size in bytes.</summary>
        public void Observe(Metric metric, double value, params string[] labels)
        {
            Use(timers, Native.ictus_catalog_timer_new, Native.ictus_timer_free, metric, labels,
                timer => Native.ictus_timer_observe(timer, value));
        }

        /// <summary>Adds to a counter.</summary>
        public void Add(Metric metric, double by, params string[] labels)
        {
            Use(counters, Native.ictus_catalog_counter_new, Native.ictus_counter_free, metric, labels,
                counter => Native.ictus_counter_add(counter, by));
        }

        /// <summary>Sets a gauge of this process.</summary>
        public void Set(Metric metric, double to, params string[] labels)
        {
            Use(gauges, Native.ictus_catalog_gauge_new, Native.ictus_gauge_free, metric, labels,
                gauge => Native.ictus_gauge_set(gauge, to));
        }

        /// <summary>Returns the metrics as text for Prometheus, under the canonical names.</summary>
        public string Render()
        {
            var text = new MemoryStream();
            Native.Write write = (context, bytes, length) =>
            {
                var copy = new byte[(int)length];
                Marshal.Copy(bytes, copy, 0, copy.Length);
                text.Write(copy, 0, copy.Length);
                return 0;
            };
            Native.Check(Native.ictus_registry_render(registry, 0, 4, write, IntPtr.Zero));
            GC.KeepAlive(write);
            return Encoding.UTF8.GetString(text.ToArray());
        }

        /// <summary>Frees the registry and its handles. No other thread may use it any more.</summary>
        public void Dispose()
        {
            Free(timers, Native.ictus_timer_free);
            Free(counters, Native.ictus_counter_free);
            Free(gauges, Native.ictus_gauge_free);
            Native.ictus_registry_free(registry);
            registry = IntPtr.Zero;
        }

        private static void Free(ConcurrentDictionary<string, IntPtr> handles, Action<IntPtr> free)
        {
            foreach (IntPtr handle in handles.Values)
            {
                free(handle);
            }
            handles.Clear();
        }

        private void Use(ConcurrentDictionary<string, IntPtr> handles, Create create, Action<IntPtr> free,
            Metric metric, string[] labels, Func<IntPtr, int> use)
        {
            string key = Key(metric, labels);
            IntPtr handle;
            if (handles.TryGetValue(key, out handle))
            {
                Native.Check(use(handle));
                return;
            }
            using (var values = new Strings(labels))
            {
                Native.Check(create(registry, (int)metric, values.Values, (UIntPtr)(uint)labels.Length, out handle));
            }
            int status = use(handle);
            // A handle that another thread has cached in the meantime is of the same series.
            if (handles.Count >= MaxHandles || !handles.TryAdd(key, handle))
            {
                free(handle);
            }
            // Last: a rejected value must not leak the handle.
            Native.Check(status);
        }

        // With lengths, because a label may contain any character.
        private static string Key(Metric metric, string[] labels)
        {
            var key = new StringBuilder().Append((int)metric);
            foreach (string label in labels)
            {
                key.Append(',').Append(label == null ? 0 : label.Length).Append(':').Append(label);
            }
            return key.ToString();
        }
    }
}
