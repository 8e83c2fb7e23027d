//go:build !ictus_dynamic

package ictus

// The published module contains lib/ictus.h and one archive per platform; a checkout of the repository does not.

/*
#cgo CFLAGS: -I${SRCDIR}/lib
#cgo linux,amd64 LDFLAGS: ${SRCDIR}/lib/linux_amd64/libictus.a -lm -ldl -lpthread -lgcc_s
#cgo linux,arm64 LDFLAGS: ${SRCDIR}/lib/linux_arm64/libictus.a -lm -ldl -lpthread -lgcc_s
#cgo darwin,amd64 LDFLAGS: ${SRCDIR}/lib/darwin_amd64/libictus.a
#cgo darwin,arm64 LDFLAGS: ${SRCDIR}/lib/darwin_arm64/libictus.a

#if !__has_include("lib/ictus.h")
#error "ictus: this copy of the module has no lib/ictus.h: get a published version, or install libictus and build with -tags ictus_dynamic"
#elif !(defined(__linux__) || defined(__APPLE__)) || !(defined(__x86_64__) || defined(__aarch64__))
#error "ictus: the module has no library for this platform: install libictus and build with -tags ictus_dynamic"
#endif
*/
import "C"
