# frozen_string_literal: true

require_relative 'ictus/version'
require_relative 'ictus/native'
require_relative 'ictus/options'
require_relative 'ictus/registry'
require_relative 'ictus/conductor'
