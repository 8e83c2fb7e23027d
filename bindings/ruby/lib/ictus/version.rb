# frozen_string_literal: true

module Ictus
  VERSION = '0.1.0'
end
