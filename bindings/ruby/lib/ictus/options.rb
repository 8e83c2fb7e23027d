# frozen_string_literal: true

module Ictus
  # Options of families and registries, as keywords. An option that is nil has its default.
  #
  # Options of a family:
  #
  # - `window`: how many of a timer's newest observations quantiles are computed of, 1 to 65,536.
  # - `max_age`: seconds after which an observation leaves the window.
  # - `expire_after`: seconds after which a series that no process updates is removed.
  # - `max_series`: the maximum number of series. Further label sets share one overflow series.
  # - `buckets`: ascending upper bounds of a histogram.
  # - `distribution`: false records a timer without buckets.
  #
  # A registry also has:
  #
  # - `group`: the number of a group of users that share the directory.
  # - `utf8_names`: true allows names of metrics and labels with any characters.
  module Options
    FAMILY = %i[window max_age expire_after max_series buckets distribution].freeze
    REGISTRY = (FAMILY + %i[group utf8_names]).freeze

    class << self
      # Yields options of a family.
      def family(options)
        check(options, FAMILY)
        with(:family) do |pointer|
          FAMILY.each { |name| set_family(pointer, name, options[name]) }
          yield pointer
        end
      end

      # Yields options of a registry.
      def registry(options)
        check(options, REGISTRY)
        family(options.slice(*FAMILY)) do |families|
          with(:registry) do |pointer|
            Ictus.check(Native.ictus_registry_options_set_families(pointer, families))
            group = options[:group]
            Ictus.check(Native.ictus_registry_options_set_group(pointer, uint('group', group))) unless group.nil?
            Ictus.check(Native.ictus_registry_options_set_utf8_names(pointer, options[:utf8_names] ? 1 : 0))
            yield pointer
          end
        end
      end

      private

      def check(options, allowed)
        unknown = options.keys - allowed
        return if unknown.empty?

        raise ArgumentError, "option #{unknown.first.inspect} is unknown: use one of #{allowed.inspect}"
      end

      def with(noun)
        pointer = Owned.create { |out| Native.public_send(:"ictus_#{noun}_options_new", out) }
        yield pointer
      ensure
        Native.public_send(:"ictus_#{noun}_options_free", pointer)
      end

      def set_family(pointer, name, value)
        return if value.nil?

        status =
          case name
          when :window, :max_series
            Native.public_send(:"ictus_family_options_set_#{name}", pointer, uint(name, value))
          when :buckets
            Native.ictus_family_options_set_buckets(pointer, Native.doubles(value), value.size)
          when :distribution
            value ? 0 : Native.ictus_family_options_set_no_distribution(pointer)
          else
            Native.public_send(:"ictus_family_options_set_#{name}", pointer, Float(value))
          end
        Ictus.check(status)
      end

      # Returns the number, or raises an error instead of passing another one to C.
      def uint(name, value)
        return value if value.is_a?(Integer) && value.between?(0, 0xFFFF_FFFF)

        raise ArgumentError, "invalid option #{name}: #{value.inspect} is no integer from 0 to 4294967295"
      end
    end
  end
end
