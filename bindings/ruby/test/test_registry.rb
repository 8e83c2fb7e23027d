# frozen_string_literal: true

require 'minitest/autorun'
require 'net/http'
require_relative 'folder'
require_relative '../lib/ictus'

# Recording, reading, serving, and mistakes.
class TestRegistry < Minitest::Test
  def test_recorded_values_are_read
    with_folder do |directory|
      registry = Ictus::Registry.new(directory)
      jobs = registry.counter('jobs', 'Jobs done.', { queue: "m\u00e4il", zone: 1 })
      assert jobs.increment && jobs.increment(1.5)
      refute jobs.increment(-1)
      active = registry.gauge('active')
      assert active.set(5) && active.add(-2)
      work = registry.timer('work_seconds')
      (1..2000).each { |number| assert work.observe(number) }
      refute work.observe(Float::NAN)
      snapshot = registry.snapshot
      assert_equal 2.5, snapshot.value('jobs', "m\u00e4il", '1')
      assert_equal 3, snapshot.value('active')
      assert_equal Ictus::Timing.new(2000, 2_001_000, 1000), snapshot.timing('work_seconds')
      assert_equal([1001, 1500.5, 2000], [0, 0.5, 1].map { |share| snapshot.quantile(share, 'work_seconds') })
      assert_equal [nil] * 3, [snapshot.value('none'), snapshot.timing('none'), snapshot.quantile(1, 'none')]
      assert_match(/# EOF\n\z/, registry.render(format: :openmetrics))
      assert_includes registry.render(format: :protobuf), 'work_seconds'
      exporter = registry.serve('127.0.0.1:0')
      shown = Net::HTTP.get(URI("http://#{exporter.address}/metrics"))
      assert_includes shown, "\nwork_seconds_count 2000.0\n"
      [exporter, snapshot, jobs, registry].each { |owned| 2.times { owned.close } }
    end
  end

  def test_blocks_are_measured_until_they_end
    registry = Ictus::Registry.new
    work = registry.timer('work_seconds')
    assert_equal(7, work.time { 7 })
    assert_raises(IndexError) { work.time { raise IndexError } }
    assert_equal 2, registry.snapshot.timing('work_seconds').count
  end

  def test_mistakes_are_errors_with_the_remedy
    registry = Ictus::Registry.new
    jobs = registry.counter('jobs')
    assert_equal 5, assert_raises(Ictus::Error) { registry.timer('jobs') }.status
    assert_match(/use one of/, assert_raises(ArgumentError) { registry.render(format: :json) }.message)
    assert_match(/with a directory/, assert_raises(ArgumentError) { registry.serve('127.0.0.1:0') }.message)
    jobs.close
    refute jobs.increment
  end
end
