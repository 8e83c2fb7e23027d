//go:build ictus_dynamic

package ictus

// tags are the build tags of this test program, for the programs that it builds.
const tags = "ictus_dynamic"
