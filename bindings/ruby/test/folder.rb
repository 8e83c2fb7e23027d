# frozen_string_literal: true

require 'fileutils'
require 'tmpdir'

# Yields a folder that is removed afterwards. A recorder writes its file again if the file is removed
# while it lives, so the folder may fill again meanwhile.
def with_folder
  folder = Dir.mktmpdir
  yield folder
ensure
  FileUtils.rm_rf(folder) if folder
end
