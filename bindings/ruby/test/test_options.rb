# frozen_string_literal: true

require 'minitest/autorun'
require 'net/http'
require_relative 'folder'
require_relative '../lib/ictus'

# Options, exemplars, removal, and the forms with blocks.
class TestOptions < Minitest::Test
  ID = '4bf92f3577b34da6a3ce929d0e0e4736'

  def each_registry(**options)
    yield Ictus::Registry.new(**options)
    with_folder { |directory| yield Ictus::Registry.new(directory, **options) }
  end

  def test_options_change_families
    each_registry(window: 1, max_series: 2, max_age: 3600, utf8_names: true) do |registry|
      shared = registry.timer('shared.seconds')
      own = registry.timer('own_seconds', '', {}, window: 2)
      [shared, own].each { |timer| (1..3).each { |seconds| timer.observe(seconds) } }
      snapshot = registry.snapshot
      assert_equal Ictus::Timing.new(3, 6, 1), snapshot.timing('shared.seconds')
      assert_equal Ictus::Timing.new(3, 6, 2), snapshot.timing('own_seconds')
      %w[a b c].each { |tenant| registry.counter('jobs', '', { tenant: tenant }).increment }
      assert_equal [1, nil], %w[a c].map { |tenant| registry.snapshot.value('jobs', tenant) }
    end
  end

  def test_invalid_options_are_errors_that_name_them
    { window: 65_537, max_series: 0, max_age: -1, expire_after: Float::NAN, buckets: [2, 1],
      group: 0xFFFF_FFFF }.each do |option, value|
      error = assert_raises(Ictus::Error) { Ictus::Registry.new(**{ option => value }) }
      assert_equal 11, error.status
      assert_includes error.message, option.to_s
    end
    assert_raises(Ictus::Error) { Ictus::Registry.new.timer('a', '', {}, window: 65_537) }
    [{ window: -1 }, { window: 2**32 }, { window: 1.5 }, { unknown: 1 }].each do |options|
      error = assert_raises(ArgumentError) { Ictus::Registry.new(**options) }
      assert_includes error.message, options.keys.first.to_s
    end
    assert_raises(ArgumentError) { Ictus::Registry.new.timer('a', '', {}, group: 1) }
  end

  def test_exemplars_are_shown_and_invalid_ones_refused
    registry = Ictus::Registry.new(buckets: [0.5, 2])
    executions = registry.conductor(:timer, 3, %w[resize SUCCESS])
    assert executions.observe(0.25, exemplar: ID)
    ['', "a\nb", 'x' * 97, "\xff"].each { |wrong| refute executions.observe(0.25, exemplar: wrong) }
    refute executions.observe(-1, exemplar: ID)
    assert_equal(7, executions.time(exemplar: 'fast') { 7 })
    shown = registry.render(format: :openmetrics, surface: :canonical)
    bucket = 'task_execute_time_seconds_bucket{le="0.5",status="SUCCESS",taskType="resize"} 6.0 # {trace_id="fast"}'
    assert_includes shown, bucket
  end

  def test_binary_trace_ids_are_recorded
    registry = Ictus::Registry.new(buckets: [0.5, 2])
    executions = registry.conductor(:timer, 3, %w[resize SUCCESS])
    assert executions.observe(0.25, exemplar: ID.b)
    refute executions.observe(0.25, exemplar: "\xff".b)
    assert_includes registry.render(format: :openmetrics, surface: :canonical), %(trace_id="#{ID}")
  end

  def test_endpoint_runs_until_it_is_closed
    with_folder do |directory|
      address = Ictus::Registry.new(directory).serve('127.0.0.1:0').address
      5.times { GC.start }
      assert_equal '200', Net::HTTP.get_response(URI("http://#{address}/metrics")).code
    end
  end

  def test_other_threads_run_while_a_removal_waits
    with_folder do |directory|
      registry = Ictus::Registry.new(directory)
      registry.counter('jobs').increment
      lock = File.join(directory, 'ictus', 'lock')
      registry.remove('others') # Creates the file of the lock.
      File.open(lock) do |file|
        file.flock(File::LOCK_EX)
        removal = Thread.new { registry.remove('jobs') }
        sleep 0.1
        file.flock(File::LOCK_UN)
        assert removal.value
      end
    end
  end

  def test_timers_without_distribution_have_no_buckets
    bounds = [true, false].map do |distribution|
      registry = Ictus::Registry.new(buckets: [0.5, 2], distribution: distribution)
      registry.conductor(:timer, 3, %w[resize SUCCESS]).observe(1)
      registry.render(surface: :canonical).scan('task_execute_time_seconds_bucket').size
    end
    assert_equal [3, 1], bounds
  end

  def test_series_are_removed
    each_registry do |registry|
      jobs = registry.counter('jobs', '', { zone: 'a', queue: 'mail' })
      jobs.increment
      refute registry.remove('jobs', { zone: 'a' })
      refute registry.remove('others')
      assert registry.remove('jobs', { queue: 'mail', zone: 'a' })
      refute registry.remove('jobs', { zone: 'a', queue: 'mail' })
      jobs.increment
      assert_nil registry.snapshot.value('jobs', 'a', 'mail')
      registry.gauge('active')
      assert_equal 0, registry.remove_idle(0.02)
      sleep 0.05
      assert_equal 1, registry.remove_idle(0.02)
      assert_equal 11, assert_raises(Ictus::Error) { registry.remove_idle(-1) }.status
    end
  end

  def test_error_of_a_value_has_no_text_of_an_earlier_failure
    registry = Ictus::Registry.new
    registry.timer('work_seconds')
    assert_raises(Ictus::Error) { registry.remove_idle(-1) }
    error = assert_raises(Ictus::Error) { registry.snapshot.quantile(2, 'work_seconds') }
    assert_match(/cannot be recorded/, error.message)
  end

  def test_expired_series_are_not_shown
    registry = Ictus::Registry.new
    registry.timer('idle_seconds', '', {}, expire_after: 0.02).observe(1)
    sleep 0.05
    assert_nil registry.snapshot.timing('idle_seconds')
  end

  def test_blocks_close_their_argument
    with_folder do |directory|
      address = Ictus::Registry.open(directory) do |registry|
        registry.counter('jobs').increment
        registry.serve('127.0.0.1:0') do |exporter|
          assert_includes Net::HTTP.get(URI("http://#{exporter.address}/metrics")), "\njobs_total 1.0\n"
          exporter.address
        end
      end
      assert_raises(SystemCallError) { Net::HTTP.get(URI("http://#{address}/metrics")) }
      assert_instance_of Ictus::Registry, Ictus::Registry.open(directory)
    end
  end

  def test_metrics_of_another_library_follow_in_the_same_response
    registry = Ictus::Registry.new
    registry.counter('jobs').increment
    rack = registry.rack { "# TYPE others counter\nothers 7.0\n" }
    _, headers, body = rack.call({ 'HTTP_ACCEPT' => 'application/openmetrics-text' })
    assert_match(%r{\Atext/plain; }, headers['content-type'])
    assert_match(/^jobs_total 1\.0$/, body.join)
    assert_match(/^others 7\.0$/, body.join)
  end

  def test_rack_renders_an_accepted_format
    registry = Ictus::Registry.new
    registry.counter('jobs').increment
    { nil => 'text/plain', 'application/openmetrics-text;version=1.0.0' => 'application/openmetrics-text' }
      .each do |accept, type|
      status, headers, body = registry.rack.call({ 'HTTP_ACCEPT' => accept })
      assert_equal 200, status
      assert_match(/\A#{type}; /, headers['content-type'])
      assert_includes body.join, "\njobs_total 1.0\n"
    end
  end
end
