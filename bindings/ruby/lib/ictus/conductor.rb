# frozen_string_literal: true

require 'ffi'

# Latencies through libictus: exact quantiles of the newest 1,000 observations over all threads and processes.
module Ictus
  # The functions of ictus.h.
  module Native
    extend FFI::Library

    ffi_lib ENV.fetch('ICTUS_LIBRARY', 'libictus.so.0')

    # A string of ictus.h: pointer and length.
    class Str < FFI::Struct
      layout :data, :pointer, :len, :size_t

      def self.of(text)
        bytes = text.to_s.encode(Encoding::UTF_8)
        new.tap do |made|
          made[:data] = made.keep(FFI::MemoryPointer.new(:char, [bytes.bytesize, 1].max).put_bytes(0, bytes))
          made[:len] = bytes.bytesize
        end
      end

      # Its bytes live as long as it does.
      def keep(memory)
        @memory = memory
      end
    end

    callback :write, %i[pointer pointer size_t], :int
    attach_function :ictus_abi_version, [], :uint32
    attach_function :ictus_status_text, [:int], Str.by_value
    attach_function :ictus_registry_open, [Str.by_value, :pointer], :int
    attach_function :ictus_registry_free, [:pointer], :void
    attach_function :ictus_registry_render, %i[pointer int int write pointer], :int
    %i[timer counter gauge].each do |noun|
      attach_function :"ictus_catalog_#{noun}_new", %i[pointer int pointer size_t pointer], :int
      attach_function :"ictus_#{noun}_free", [:pointer], :void
    end
    attach_function :ictus_timer_observe, %i[pointer double], :int
    attach_function :ictus_counter_add, %i[pointer double], :int
    attach_function :ictus_gauge_set, %i[pointer double], :int
  end

  # A call answered with another status than 0.
  class Error < StandardError
    def initialize(status)
      text = Native.ictus_status_text(status)
      super(text[:data].read_string(text[:len]))
    end
  end

  def self.need(status)
    raise Error, status unless status.zero?
  end

  # A metrics backend of Conductor's Ruby SDK, as `MetricsCollector.create(backend:)` takes it: it is given names
  # and labels, which it finds a handle by.
  class Backend
    SURFACE_CANONICAL = 4
    # The SDK's canonical names: kind, number of ictus_conductor_metric, labels in order.
    METRICS = {
      'task_poll_total' => [:counter, 1, %i[taskType]],
      'task_poll_time_seconds' => [:timer, 2, %i[taskType status]],
      'task_execute_time_seconds' => [:timer, 3, %i[taskType status]],
      'task_update_time_seconds' => [:timer, 4, %i[taskType status]],
      'task_execute_error_total' => [:counter, 5, %i[taskType exception]],
      'task_update_error_total' => [:counter, 7, %i[taskType exception]],
      'task_poll_error_total' => [:counter, 9, %i[taskType exception]],
      'task_execution_started_total' => [:counter, 10, %i[taskType]],
      'task_paused_total' => [:counter, 15, %i[taskType]],
      'task_result_size_bytes' => [:timer, 21, %i[taskType]],
      'active_workers' => [:gauge, 23, %i[taskType]]
    }.freeze

    def initialize(directory)
      @registry = made { |out| Native.ictus_registry_open(Native::Str.of(directory), out) }
      @handles = {}
      @lock = Mutex.new
    end

    def increment(name, labels: {})
      with(name, labels) { |handle| Native.ictus_counter_add(handle, 1.0) }
    end

    def observe(name, value, labels: {})
      with(name, labels) { |handle| Native.ictus_timer_observe(handle, value) }
    end

    def set(name, value, labels: {})
      with(name, labels) { |handle| Native.ictus_gauge_set(handle, value) }
    end

    # What was recorded, for Prometheus.
    def render
      text = +''
      write = lambda do |_, data, len|
        text << data.read_string(len)
        0
      end
      Ictus.need(Native.ictus_registry_render(@registry, 0, SURFACE_CANONICAL, write, nil))
      text.force_encoding(Encoding::UTF_8)
    end

    private

    # What the catalog does not have is left out: no worker is to fail by its metrics.
    def with(name, labels)
      kind, number, names = METRICS[name.to_s]
      return if kind.nil?

      values = names.map { |label| labels[label] || labels[label.to_s] }
      yield @lock.synchronize { @handles[[number, values]] ||= handle(kind, number, values) }
    end

    def handle(kind, number, values)
      strings = values.map { |value| Native::Str.of(value) }
      row = FFI::MemoryPointer.new(Native::Str.size, [strings.size, 1].max)
      strings.each_with_index do |string, at|
        row.put_bytes(at * Native::Str.size, string.pointer.read_bytes(Native::Str.size))
      end
      made { |out| Native.public_send(:"ictus_catalog_#{kind}_new", @registry, number, row, strings.size, out) }
    end

    def made
      out = FFI::MemoryPointer.new(:pointer)
      Ictus.need(yield(out))
      out.read_pointer
    end
  end
end
