//go:build ictus_dynamic

package ictus

// #cgo pkg-config: ictus
import "C"
