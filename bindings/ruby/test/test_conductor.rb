# frozen_string_literal: true

require 'minitest/autorun'
require 'tmpdir'
require_relative 'ictus'

# The backend's three methods, as the SDK calls them.
class TestIctus < Minitest::Test
  def test_what_the_sdk_tells_is_shown
    Dir.mktmpdir do |directory|
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

  # The block of README.md is run as it is written, with a directory of the test.
  def test_the_readme_works_as_written
    block = File.read(File.join(__dir__, 'README.md'))[/^```ruby\n(.*?)^```/m, 1]
    Dir.mktmpdir do |directory|
      Object.class_eval(SDK)
      backend = TOPLEVEL_BINDING.eval(block.gsub('/var/lib/conductor/metrics', directory), __FILE__)
      backend.increment('task_poll_total', labels: { taskType: 'resize' })
      assert_includes backend.render, "\ntask_poll_total{taskType=\"resize\"} 1.0\n"
    end
  end

  def test_a_directory_that_cannot_be_is_an_error
    error = assert_raises(Ictus::Error) { Ictus::Backend.new('/dev/null/x') }
    assert_match(/the operating system refused/, error.message)
  end
end
