# frozen_string_literal: true

require_relative 'library'

module Ictus
  # The functions of ictus.h.
  module Native
    extend FFI::Library

    ffi_lib Library.find

    # A string of ictus.h: a pointer and a length.
    class Str < FFI::Struct
      layout :data, :pointer, :len, :size_t

      def self.from_text(text)
        # Binary strings, such as headers of HTTP, have no encoding to convert from. The library checks them.
        bytes = text.to_s
        bytes = bytes.encode(Encoding::UTF_8) unless bytes.encoding == Encoding::BINARY
        new.tap do |str|
          str[:data] = str.keep(FFI::MemoryPointer.new(:char, [bytes.bytesize, 1].max).put_bytes(0, bytes))
          str[:len] = bytes.bytesize
        end
      end

      # Keeps the bytes alive as long as the string.
      def keep(memory)
        @memory = memory
      end

      def text
        self[:data].read_string(self[:len]).force_encoding(Encoding::UTF_8)
      end
    end

    # Lifetime count and sum of a timer, and the length of its window.
    class TimingStruct < FFI::Struct
      layout :count, :uint64, :sum, :double, :window, :size_t
    end

    callback :write, %i[pointer pointer size_t], :int
    attach_function :ictus_error_text, [], Str.by_value
    attach_function :ictus_status_text, [:int], Str.by_value
    attach_function :ictus_registry_new, [:pointer], :int
    attach_function :ictus_registry_open, [Str.by_value, :pointer], :int
    attach_function :ictus_registry_free, [:pointer], :void
    attach_function :ictus_registry_render, %i[pointer int int write pointer], :int
    %i[timer counter gauge].each do |noun|
      attach_function :"ictus_#{noun}_new",
                      [:pointer, Str.by_value, Str.by_value, :pointer, :pointer, :size_t, :pointer], :int
      attach_function :"ictus_catalog_#{noun}_new", %i[pointer int pointer size_t pointer], :int
      attach_function :"ictus_#{noun}_free", [:pointer], :void
    end
    attach_function :ictus_registry_new_with, %i[pointer pointer], :int
    attach_function :ictus_registry_open_with, [Str.by_value, :pointer, :pointer], :int
    # These may wait for another process. Other threads run meanwhile.
    attach_function :ictus_registry_remove, [:pointer, Str.by_value, :pointer, :pointer, :size_t], :int, blocking: true
    attach_function :ictus_registry_remove_idle, %i[pointer double pointer], :int, blocking: true
    %i[family registry].each do |noun|
      attach_function :"ictus_#{noun}_options_new", [:pointer], :int
      attach_function :"ictus_#{noun}_options_free", [:pointer], :void
    end
    attach_function :ictus_registry_options_set_families, %i[pointer pointer], :int
    attach_function :ictus_registry_options_set_group, %i[pointer uint32], :int
    attach_function :ictus_registry_options_set_utf8_names, %i[pointer int], :int
    attach_function :ictus_family_options_set_window, %i[pointer uint32], :int
    attach_function :ictus_family_options_set_max_series, %i[pointer uint32], :int
    attach_function :ictus_family_options_set_max_age, %i[pointer double], :int
    attach_function :ictus_family_options_set_expire_after, %i[pointer double], :int
    attach_function :ictus_family_options_set_buckets, %i[pointer pointer size_t], :int
    attach_function :ictus_family_options_set_no_distribution, [:pointer], :int
    attach_function :ictus_timer_new_with,
                    [:pointer, Str.by_value, Str.by_value, :pointer, :pointer, :size_t, :pointer, :pointer], :int
    attach_function :ictus_timer_observe_exemplar, [:pointer, :double, Str.by_value], :int
    attach_function :ictus_timer_observe, %i[pointer double], :int
    attach_function :ictus_counter_add, %i[pointer double], :int
    attach_function :ictus_gauge_set, %i[pointer double], :int
    attach_function :ictus_gauge_add, %i[pointer double], :int
    attach_function :ictus_snapshot_new, %i[pointer pointer], :int
    attach_function :ictus_snapshot_value, [:pointer, Str.by_value, :pointer, :size_t, :pointer], :int
    attach_function :ictus_snapshot_timing, [:pointer, Str.by_value, :pointer, :size_t, :pointer], :int
    attach_function :ictus_snapshot_quantiles,
                    [:pointer, Str.by_value, :pointer, :size_t, :pointer, :size_t, :pointer], :int
    attach_function :ictus_snapshot_free, [:pointer], :void
    attach_function :ictus_exporter_start, [Str.by_value, Str.by_value, :int, :pointer], :int
    attach_function :ictus_exporter_address, %i[pointer write pointer], :int
    attach_function :ictus_exporter_stop, [:pointer], :void

    # An array of strings; NULL if it is empty. It keeps the strings alive.
    def self.strs(texts)
      return nil if texts.empty?

      strings = texts.map { |text| Str.from_text(text) }
      array = FFI::MemoryPointer.new(Str.size, strings.size)
      strings.each_with_index do |string, index|
        array.put_bytes(index * Str.size, string.pointer.read_bytes(Str.size))
      end
      array.instance_variable_set(:@strings, strings)
      array
    end

    # An array of numbers; NULL if it is empty.
    def self.doubles(numbers)
      return nil if numbers.empty?

      FFI::MemoryPointer.new(:double, numbers.size).write_array_of_double(numbers.map { |number| Float(number) })
    end

    # Returns the bytes that a call passes to its callback.
    def self.written
      bytes = String.new(encoding: Encoding::BINARY)
      write = lambda do |_, data, len|
        bytes << data.read_string(len)
        0
      end
      Ictus.check(yield(write))
      bytes
    end
  end

  # A function of libictus returned another status than 0.
  class Error < StandardError
    # Statuses whose calls leave the text of an earlier failure.
    WITHOUT_TEXT = [7, 14].freeze

    # The number of ictus_status.
    attr_reader :status

    def initialize(status)
      @status = status
      text = Native.ictus_error_text
      super((text[:len].zero? || WITHOUT_TEXT.include?(status) ? Native.ictus_status_text(status) : text).text)
    end
  end

  def self.check(status)
    raise Error, status unless status.zero?
  end
end
