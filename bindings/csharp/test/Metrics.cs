// The part of System.Diagnostics.Metrics that the adapter and the SDK use, for compilers without .NET's package.
using System;
using System.Collections.Generic;

namespace System.Diagnostics.Metrics
{
    public delegate void MeasurementCallback<T>(
        Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object>> tags, object state);

    public sealed class Meter
    {
        internal static readonly List<Instrument> Instruments = new List<Instrument>();
        public string Name { get; private set; }

        public Meter(string name)
        {
            Name = name;
        }

        public Instrument<T> Create<T>(string name)
        {
            var instrument = new Instrument<T> { Meter = this, Name = name };
            Instruments.Add(instrument);
            return instrument;
        }
    }

    public abstract class Instrument
    {
        public Meter Meter;
        public string Name;
        internal MeterListener Listener;
        internal object State;
        public abstract void Observe();
    }

    public sealed class Instrument<T> : Instrument
    {
        /// <summary>The value of an observable instrument.</summary>
        public Func<T> Value;
        public KeyValuePair<string, object>[] Tags = { };

        public void Record(T value, params KeyValuePair<string, object>[] tags)
        {
            if (Listener != null)
            {
                ((MeasurementCallback<T>)Listener.Callbacks[typeof(T)])(this, value, tags, State);
            }
        }

        public override void Observe()
        {
            if (Value != null)
            {
                Record(Value(), Tags);
            }
        }
    }

    public sealed class MeterListener : IDisposable
    {
        internal readonly Dictionary<Type, object> Callbacks = new Dictionary<Type, object>();
        public Action<Instrument, MeterListener> InstrumentPublished;

        public void SetMeasurementEventCallback<T>(MeasurementCallback<T> callback)
        {
            Callbacks[typeof(T)] = callback;
        }

        public void EnableMeasurementEvents(Instrument instrument, object state)
        {
            instrument.Listener = this;
            instrument.State = state;
        }

        public void Start()
        {
            Meter.Instruments.ForEach(instrument => InstrumentPublished(instrument, this));
        }

        public void RecordObservableInstruments()
        {
            Meter.Instruments.ForEach(instrument => instrument.Observe());
        }

        public void Dispose()
        {
            Meter.Instruments.ForEach(instrument => instrument.Listener = null);
        }
    }
}
