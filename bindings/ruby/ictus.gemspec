# frozen_string_literal: true

require_relative 'lib/ictus/version'

Gem::Specification.new do |spec|
  spec.name = 'ictus'
  spec.version = Ictus::VERSION
  spec.summary = 'Exact latency quantiles over all threads and processes, and metrics of Conductor workers'
  spec.authors = ['The authors of Ictus']
  spec.license = 'Apache-2.0'
  spec.homepage = 'https://github.com/conductor-oss/ictus'
  spec.metadata = {
    'source_code_uri' => "#{spec.homepage}/tree/main/bindings/ruby",
    'changelog_uri' => "#{spec.homepage}/blob/main/CHANGELOG.md",
    'rubygems_mfa_required' => 'true'
  }
  spec.required_ruby_version = '>= 3.0'
  spec.add_dependency 'ffi', '~> 1.15'
  # A gem with the native library is for one platform; .ci/packages.py sets it.
  native = Dir[File.join(__dir__, 'lib/ictus/native/*')]
  spec.platform = ENV.fetch('ICTUS_GEM_PLATFORM') unless native.empty?
  spec.files = Dir.chdir(__dir__) { Dir['lib/**/*.rb', 'lib/ictus/native/*', 'LICENSE', 'README.md'] }
end
