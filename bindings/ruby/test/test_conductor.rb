# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'folder'
require_relative '../lib/ictus'

# The backend's three methods, as the SDK calls them.
class TestConductor < Minitest::Test
  def test_events_of_the_sdk_are_shown
    with_folder do |directory|
      backend = Ictus::Backend.new(directory)
      threads = Array.new(4) do
        Thread.new do
          250.times do |number|
            backend.increment('task_poll_total', labels: { taskType: 'resize' })
            labels = { 'taskType' => 'resize', 'status' => 'SUCCESS' }
            backend.observe('task_execute_time_seconds', number / 1000.0, labels: labels)
          end
        end
      end
      threads.each(&:join)
      backend.set(:active_workers, 3, labels: { taskType: "r\u00e9size" })
      backend.increment('a_metric_of_a_later_version', labels: {})
      shown = backend.render
      assert_includes shown, "\ntask_poll_total{taskType=\"resize\"} 1000.0\n"
      assert_includes shown, "\ntask_execute_time_seconds_count{status=\"SUCCESS\",taskType=\"resize\"} 1000.0\n"
      assert_includes shown, "\nactive_workers{taskType=\"r\u00e9size\"} 3.0\n"
    end
  end

  # In place of the SDK's, which takes the backend.
  SDK = <<~RUBY
    module Conductor
      module Worker
        module Telemetry
          class MetricsCollector
            def self.create(backend:) = backend
          end
        end
      end
    end
  RUBY

  # Both blocks of README.md are run as they are written, with a directory of the test.
  def test_readme_works_as_written
    first, second = File.read(File.join(__dir__, '../README.md')).scan(/^```ruby\n(.*?)^```/m).flatten
    $LOAD_PATH.unshift(File.join(__dir__, '../lib'))
    with_folder do |directory|
      assert_output("p99: 0.099\n") do
        TOPLEVEL_BINDING.eval(first.gsub('/var/lib/app/metrics', directory), __FILE__)
      end
    end
    with_folder do |directory|
      Object.class_eval(SDK)
      backend = TOPLEVEL_BINDING.eval(second.gsub('/var/lib/conductor/metrics', directory), __FILE__)
      backend.increment('task_poll_total', labels: { taskType: 'resize' })
      assert_includes backend.render, "\ntask_poll_total{taskType=\"resize\"} 1.0\n"
    end
  end

  # The names and labels that the SDK's CanonicalMetricsCollector passes.
  def test_each_metric_of_the_sdk_is_shown
    kinds = Ictus::Backend::METRICS.transform_values(&:first)
    with_folder do |directory|
      backend = Ictus::Backend.new(directory)
      kinds.each do |name, kind|
        labels = Ictus::Backend::METRICS[name].last.to_h { |label| [label, "of #{label}"] }
        { counter: -> { backend.increment(name, labels: labels) },
          timer: -> { backend.observe(name, 2.5, labels: labels) },
          gauge: -> { backend.set(name, 2, labels: labels) } }.fetch(kind).call
        sample = Regexp.escape(kind == :timer ? "#{name}_count" : name)
        row = backend.render.lines.grep(/^#{sample}\{/)
        assert_equal 1, row.size, name
        labels.each { |label, value| assert_includes row.first, "#{label}=\"#{value}\"" }
      end
    end
  end

  def test_cached_handles_are_bounded_per_metric
    with_folder do |directory|
      backend = Ictus::Backend.new(directory)
      total = Ictus::Backend::MAX_HANDLES + 300
      total.times do |number|
        labels = { taskType: 'resize', exception: "Error#{number}" }
        backend.increment('task_execute_error_total', labels: labels)
      end
      backend.increment('task_poll_total', labels: { taskType: 'resize' })
      sizes = backend.instance_variable_get(:@handles).transform_values(&:size)
      assert_equal Ictus::Backend::MAX_HANDLES, sizes['task_execute_error_total']
      assert_equal 1, sizes['task_poll_total']
      counts = backend.render.scan(/^task_execute_error_total\{.*\} (\S+)$/).flatten
      assert_equal total, counts.sum(&:to_f)
    end
  end

  def test_a_directory_that_cannot_be_is_an_error
    error = assert_raises(Ictus::Error) { Ictus::Backend.new('/dev/null/x') }
    assert_includes error.message, '/dev/null/x'
  end
end
