# frozen_string_literal: true

require 'minitest/autorun'
require 'open3'
require_relative 'folder'

# Missing and unsuitable native libraries.
class TestLibrary < Minitest::Test
  FILES = File.join(__dir__, '../lib')

  # Loads the gem in another process; returns the message of the error.
  def load_with(library)
    output, status = Open3.capture2e({ 'ICTUS_LIBRARY' => library, 'LD_LIBRARY_PATH' => nil },
                                     'ruby', '-I', FILES, '-e', 'require "ictus"')
    refute status.success?, output
    output
  end

  def compile(directory, source)
    file = File.join(directory, 'other.c')
    File.write(file, source)
    library = File.join(directory, 'other.so')
    assert system('gcc', '-shared', '-fPIC', '-o', library, file)
    library
  end

  def test_missing_library_is_an_error_with_its_path_and_the_remedy
    message = load_with('/nowhere/libictus.so.0')
    ['cannot load /nowhere/libictus.so.0', '(Ictus::LibraryError)', 'lib/ictus/native/libictus.so', 'gem install ictus', 'set ICTUS_LIBRARY'].each do |part|
      assert_includes message, part
    end
  end

  def test_library_with_another_abi_version_is_refused_with_both_numbers
    with_folder do |directory|
      library = compile(directory, 'unsigned ictus_abi_version(void) { return 99; }')
      message = load_with(library)
      assert_includes message, library
      assert_match(/has ABI version 99, and this gem needs ABI version 1/, message)
    end
  end

  def test_another_library_is_refused
    with_folder do |directory|
      assert_match(/is not libictus/, load_with(compile(directory, 'int other;')))
    end
  end
end
