# frozen_string_literal: true

require 'ffi'
require 'rbconfig'

module Ictus
  # The native library is missing, or has another ABI version.
  class LibraryError < LoadError; end

  # Finds and checks the native library.
  module Library
    # The value of ICTUS_ABI_VERSION in the ictus.h that this gem was written for.
    ABI_VERSION = 1
    NAME = RbConfig::CONFIG['host_os'].include?('darwin') ? 'libictus.dylib' : 'libictus.so'
    BUNDLED = File.join(__dir__, 'native', NAME)
    INSTALLED = NAME == 'libictus.so' ? 'libictus.so.0' : NAME

    # Returns the path or the name of the library that is loaded: the file that ICTUS_LIBRARY names,
    # else the gem's own, else the one that the system's loader finds.
    def self.find
      requested = ENV.fetch('ICTUS_LIBRARY', '')
      name = if !requested.empty?
               requested
             else
               File.exist?(BUNDLED) ? BUNDLED : INSTALLED
             end
      check(name, open(name, requested))
      name
    end

    def self.open(name, requested)
      FFI::DynamicLibrary.open(name, FFI::DynamicLibrary::RTLD_LAZY | FFI::DynamicLibrary::RTLD_LOCAL)
    rescue LoadError => e
      variable = requested.empty? ? 'ICTUS_LIBRARY is not set' : "ICTUS_LIBRARY is #{requested}"
      bundled = File.exist?(BUNDLED) ? BUNDLED : "#{BUNDLED} (does not exist)"
      raise LibraryError,
            "ictus: cannot load #{name} on #{RbConfig::CONFIG['arch']}: #{e.message}. " \
            "Looked for: #{variable}; the gem's own #{bundled}; #{INSTALLED} in the loader's path. " \
            'Install the gem for this platform (gem install ictus), or install libictus and set ICTUS_LIBRARY ' \
            'to the path of its shared library.'
    end

    def self.check(name, library)
      symbol = library.find_function('ictus_abi_version')
      raise LibraryError, "ictus: #{name} is not libictus: it has no function ictus_abi_version" if symbol.nil?

      loaded = FFI::Function.new(:uint32, [], symbol).call
      return if loaded == ABI_VERSION

      raise LibraryError,
            "ictus: #{name} has ABI version #{loaded}, and this gem needs ABI version #{ABI_VERSION}: " \
            "install libictus and the gem of the same version (this gem is #{VERSION}), or unset ICTUS_LIBRARY"
    end
    private_class_method :open, :check
  end
end
