# frozen_string_literal: true

require 'monitor'

module Ictus
  # An object of libictus, freed when it is closed or collected.
  class Owned
    def initialize(pointer, free)
      @pointer = FFI::AutoPointer.new(pointer, Native.method(free))
    end

    # The argument of the functions of libictus: NULL after `close`, for which they return an error.
    attr_reader :pointer

    # Frees the object. Recorded values stay.
    def close
      @pointer&.free
      @pointer = nil
    end

    def self.create
      out = FFI::MemoryPointer.new(:pointer)
      Ictus.check(yield(out))
      out.read_pointer
    end
  end

  # A total that only grows.
  class Counter < Owned
    def initialize(pointer)
      super(pointer, :ictus_counter_free)
    end

    # Adds to the total. Returns false for a negative or non-finite number, which is counted as rejected.
    def increment(by = 1)
      Native.ictus_counter_add(pointer, by).zero?
    end
  end

  # A state of this process; readers sum it over living processes.
  class Gauge < Owned
    def initialize(pointer)
      super(pointer, :ictus_gauge_free)
    end

    def set(value)
      Native.ictus_gauge_set(pointer, value).zero?
    end

    def add(by)
      Native.ictus_gauge_add(pointer, by).zero?
    end
  end

  # Durations in seconds.
  class Timer < Owned
    def initialize(pointer)
      super(pointer, :ictus_timer_free)
    end

    # Records a duration. Returns false for a negative or non-finite number, which is counted as rejected.
    #
    # An exemplar is the id of a trace, which histograms show in OpenMetrics and protobuf. If the id is invalid, the
    # duration is recorded without it, and the result is false.
    def observe(seconds, exemplar: nil)
      return Native.ictus_timer_observe(pointer, seconds).zero? if exemplar.nil?

      Native.ictus_timer_observe_exemplar(pointer, seconds, Native::Str.from_text(exemplar)).zero?
    end

    # Records the duration of a block, whether or not it raises. Returns the block's result.
    def time(exemplar: nil)
      start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      yield
    ensure
      observe(Process.clock_gettime(Process::CLOCK_MONOTONIC) - start, exemplar: exemplar)
    end
  end

  # Lifetime count and sum of a timer, and the number of observations in its window.
  Timing = Struct.new(:count, :sum, :window)

  # The recorded data of one instant. Label values are in the order of the family's label names.
  class Snapshot < Owned
    UNKNOWN = 12

    def initialize(pointer)
      super(pointer, :ictus_snapshot_free)
    end

    # Returns the value of a counter or gauge, or nil if the series does not exist.
    def value(name, *labels)
      read(Native.method(:ictus_snapshot_value), name, labels, FFI::MemoryPointer.new(:double), &:read_double)
    end

    # Returns the Timing of a timer, or nil if the series does not exist.
    def timing(name, *labels)
      read(Native.method(:ictus_snapshot_timing), name, labels, Native::TimingStruct.new) do |timing|
        Timing.new(timing[:count], timing[:sum], timing[:window])
      end
    end

    # Returns an exact quantile of a timer's window, or nil if the series does not exist.
    def quantile(share, name, *labels)
      shares = FFI::MemoryPointer.new(:double).write_double(share)
      call = lambda do |snapshot, str, values, count, out|
        Native.ictus_snapshot_quantiles(snapshot, str, values, count, shares, 1, out)
      end
      read(call, name, labels, FFI::MemoryPointer.new(:double), &:read_double)
    end

    private

    def read(call, name, labels, out)
      status = call.call(pointer, Native::Str.from_text(name), Native.strs(labels), labels.size, out)
      return nil if status == UNKNOWN

      Ictus.check(status)
      yield out
    end
  end

  # An HTTP endpoint for Prometheus, on a separate thread. It runs until `close`, or until the program ends: you need
  # not keep it.
  class Exporter < Owned
    RUNNING = {}.compare_by_identity
    private_constant :RUNNING

    def initialize(pointer)
      super(pointer, :ictus_exporter_stop)
      RUNNING[self] = true
    end

    # Stops the endpoint.
    def close
      RUNNING.delete(self)
      super
    end

    # The address on which it listens.
    def address
      Native.written { |write| Native.ictus_exporter_address(pointer, write, nil) }.force_encoding(Encoding::UTF_8)
    end
  end

  # Records metrics into this process's memory, or into a directory that processes share.
  class Registry < Owned
    FORMATS = { text: 0, openmetrics: 1, protobuf: 2 }.freeze
    SURFACES = { default: 0, legacy: 1, documented: 2, canonical: 4 }.freeze

    # Options are those of Options. The directory is created if it does not exist.
    def initialize(directory = nil, **options)
      @directory = directory&.to_s
      created = Options.registry(options) do |given|
        Owned.create do |out|
          next Native.ictus_registry_new_with(given, out) if @directory.nil?

          Native.ictus_registry_open_with(Native::Str.from_text(@directory), given, out)
        end
      end
      super(created, :ictus_registry_free)
      # Held by calls that let other threads run, one of which may close the registry.
      @waiting = Monitor.new
    end

    # Frees the registry after the calls that wait for other processes. Recorded values stay.
    def close
      @waiting.synchronize { super }
    end

    # Creates a registry. With a block, yields it and closes it at the end; returns the block's result.
    def self.open(directory = nil, **options)
      registry = new(directory, **options)
      return registry unless block_given?

      begin
        yield registry
      ensure
        registry.close
      end
    end

    # Returns the handle of a counter's series; labels are a Hash. Keep it: creating it is a lookup.
    def counter(name, help = '', labels = {})
      Counter.new(series(:ictus_counter_new, name, help, labels))
    end

    # Returns the handle of a gauge's series.
    def gauge(name, help = '', labels = {})
      Gauge.new(series(:ictus_gauge_new, name, help, labels))
    end

    # Returns the handle of a timer's series. Options are those of families, for a family that this process has not
    # registered yet.
    def timer(name, help = '', labels = {}, **options)
      return Timer.new(series(:ictus_timer_new, name, help, labels)) if options.empty?

      Options.family(options) { |given| Timer.new(series(:ictus_timer_new_with, name, help, labels, given)) }
    end

    # Removes a series of a counter, gauge or timer. Returns false if there is none. Handles of the series record
    # nothing afterwards; create them again.
    def remove(name, labels = {})
      strings = [labels.keys, labels.values].map { |texts| Native.strs(texts) }
      status = @waiting.synchronize do
        Native.ictus_registry_remove(pointer, Native::Str.from_text(name), *strings, labels.size)
      end
      return false if status == Snapshot::UNKNOWN

      Ictus.check(status)
      true
    end

    # Removes the series that no process has updated for some seconds. Returns how many this process had. The first
    # call starts to watch counters and gauges: call it from time to time.
    def remove_idle(seconds)
      out = FFI::MemoryPointer.new(:size_t)
      Ictus.check(@waiting.synchronize { Native.ictus_registry_remove_idle(pointer, Float(seconds), out) })
      out.get(:size_t, 0)
    end

    # Returns the handle of a Conductor metric's series: :counter, :gauge or :timer, and a number of
    # ictus_conductor_metric.
    def conductor(kind, metric, values)
      created = Owned.create do |out|
        Native.public_send(:"ictus_catalog_#{kind}_new", pointer, metric, Native.strs(values), values.size, out)
      end
      { counter: Counter, gauge: Gauge, timer: Timer }.fetch(kind).new(created)
    end

    # Reads the recorded data: of this process, or of all processes of the directory.
    def snapshot
      Snapshot.new(Owned.create { |out| Native.ictus_snapshot_new(pointer, out) })
    end

    # Returns the metrics for Prometheus.
    def render(format: :text, surface: :default)
      kind = number('format', FORMATS, format)
      shown = number('surface', SURFACES, surface)
      bytes = Native.written { |write| Native.ictus_registry_render(pointer, kind, shown, write, nil) }
      format == :protobuf ? bytes : bytes.force_encoding(Encoding::UTF_8)
    end

    # Serves the directory on an address such as 127.0.0.1:9464; port 0 is any free port. With a block, yields the
    # exporter and closes it at the end; returns the block's result.
    def serve(address, surface: :default)
      raise ArgumentError, 'a registry in memory cannot be served: create it with a directory' if @directory.nil?

      shown = number('surface', SURFACES, surface)
      strings = [@directory, address].map { |text| Native::Str.from_text(text) }
      exporter = Exporter.new(Owned.create { |out| Native.ictus_exporter_start(*strings, shown, out) })
      return exporter unless block_given?

      begin
        yield exporter
      ensure
        exporter.close
      end
    end

    # The content types of formats in HTTP.
    CONTENT_TYPES = {
      text: 'text/plain; version=0.0.4; charset=utf-8',
      openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8'
    }.freeze

    # Returns an application for Rack that renders OpenMetrics for clients that accept it, and Prometheus's text
    # format otherwise.
    #
    # With a block, the text that it returns follows in the same response, in the text format: for the gem
    # prometheus-client, Prometheus::Client::Formats::Text.marshal(registry).
    def rack(surface: :default, &others)
      lambda do |env|
        open = others.nil? && env['HTTP_ACCEPT'].to_s.include?('application/openmetrics-text')
        format = open ? :openmetrics : :text
        headers = { 'content-type' => CONTENT_TYPES.fetch(format), 'vary' => 'accept' }
        [200, headers, [render(format: format, surface: surface), others&.call].compact]
      end
    end

    private

    def number(kind, names, name)
      names.fetch(name) do
        raise ArgumentError, "#{kind} #{name.inspect} is unknown: use one of #{names.keys.inspect}"
      end
    end

    def series(function, name, help, labels, *options)
      strings = [name, help].map { |text| Native::Str.from_text(text) }
      names = Native.strs(labels.keys)
      values = Native.strs(labels.values)
      Owned.create { |out| Native.public_send(function, pointer, *strings, names, values, labels.size, *options, out) }
    end
  end
end
