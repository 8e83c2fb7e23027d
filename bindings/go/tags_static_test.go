//go:build !ictus_dynamic

package ictus

const tags = ""
