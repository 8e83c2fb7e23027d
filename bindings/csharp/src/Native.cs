using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Ictus
{
    /// <summary>A call of libictus failed, or the library has another ABI version.</summary>
    public sealed class IctusException : Exception
    {
        internal IctusException(string message) : base(message) { }
    }

    /// <summary>A string of ictus.h: a pointer and a length.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Str
    {
        internal IntPtr Data;
        internal UIntPtr Length;

        internal string Text()
        {
            var bytes = new byte[(int)Length];
            Marshal.Copy(Data, bytes, 0, bytes.Length);
            return Encoding.UTF8.GetString(bytes);
        }
    }

    /// <summary>Strings of ictus.h in memory that the garbage collector does not move.</summary>
    internal sealed class Strings : IDisposable
    {
        internal readonly Str[] Values;

        internal Strings(params string[] texts)
        {
            Values = new Str[texts.Length];
            for (int index = 0; index < texts.Length; index++)
            {
                byte[] bytes = Encoding.UTF8.GetBytes(texts[index] ?? "");
                Values[index].Data = Marshal.AllocHGlobal(Math.Max(bytes.Length, 1));
                Values[index].Length = (UIntPtr)(uint)bytes.Length;
                Marshal.Copy(bytes, 0, Values[index].Data, bytes.Length);
            }
        }

        public void Dispose()
        {
            foreach (Str value in Values)
            {
                Marshal.FreeHGlobal(value.Data);
            }
        }
    }

    /// <summary>The functions of ictus.h. The loader finds the package's own library, or libictus.so.0.</summary>
    internal static class Native
    {
        internal const uint AbiVersion = 1;
        private const string Library = "ictus";

        // Calls with these statuses leave the text of an earlier failure.
        private const int StatusValue = 7;
        private const int StatusTraceId = 14;

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate int Write(IntPtr context, IntPtr bytes, UIntPtr length);

        [DllImport(Library)] internal static extern uint ictus_abi_version();
        [DllImport(Library)] internal static extern Str ictus_error_text();
        [DllImport(Library)] internal static extern Str ictus_status_text(int status);
        [DllImport(Library)] internal static extern int ictus_registry_new(out IntPtr registry);
        [DllImport(Library)] internal static extern int ictus_registry_open(Str directory, out IntPtr registry);
        [DllImport(Library)] internal static extern void ictus_registry_free(IntPtr registry);
        [DllImport(Library)] internal static extern int ictus_registry_render(
            IntPtr registry, int format, int surfaces, Write write, IntPtr context);
        [DllImport(Library)] internal static extern int ictus_catalog_timer_new(
            IntPtr registry, int metric, Str[] labels, UIntPtr count, out IntPtr timer);
        [DllImport(Library)] internal static extern int ictus_timer_observe(IntPtr timer, double value);
        [DllImport(Library)] internal static extern void ictus_timer_free(IntPtr timer);
        [DllImport(Library)] internal static extern int ictus_catalog_counter_new(
            IntPtr registry, int metric, Str[] labels, UIntPtr count, out IntPtr counter);
        [DllImport(Library)] internal static extern int ictus_counter_add(IntPtr counter, double by);
        [DllImport(Library)] internal static extern void ictus_counter_free(IntPtr counter);
        [DllImport(Library)] internal static extern int ictus_catalog_gauge_new(
            IntPtr registry, int metric, Str[] labels, UIntPtr count, out IntPtr gauge);
        [DllImport(Library)] internal static extern int ictus_gauge_set(IntPtr gauge, double to);
        [DllImport(Library)] internal static extern void ictus_gauge_free(IntPtr gauge);

        /// <summary>Throws the error of the last call, if its status is not 0.</summary>
        internal static void Check(int status)
        {
            if (status != 0)
            {
                string text = status == StatusValue || status == StatusTraceId ? "" : ictus_error_text().Text();
                throw new IctusException(text.Length == 0 ? ictus_status_text(status).Text() : text);
            }
        }

        /// <summary>Throws if the library is missing or has another ABI version.</summary>
        internal static void CheckLibrary()
        {
            uint loaded;
            try
            {
                loaded = ictus_abi_version();
            }
            catch (Exception error) when (error is DllNotFoundException || error is EntryPointNotFoundException)
            {
                throw new IctusException(
                    "cannot load libictus: " + error.Message + ". Looked for: the package's runtimes/RID/native, "
                    + "and the loader's path. Install the package for this platform, or install libictus and "
                    + "add its folder to LD_LIBRARY_PATH.");
            }
            if (loaded != AbiVersion)
            {
                throw new IctusException(
                    "libictus has ABI version " + loaded + ", and this package needs ABI version " + AbiVersion
                    + ": install both of the same version.");
            }
        }
    }
}
