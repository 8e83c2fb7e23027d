//go:build ictus_dynamic

package ictus

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A library with another ABI version is loaded before libictus, so its version is the one that is found.
func TestLibraryWithAnotherABIVersionIsRefused(t *testing.T) {
	if os.Getenv("LD_PRELOAD") != "" {
		for _, open := range []func() (*Registry, error){New, func() (*Registry, error) { return Open(folder(t)) }} {
			registry, err := open()
			if registry != nil || err == nil {
				t.Fatal("the library was accepted")
			}
			t.Log(err)
		}
		return
	}
	folder := t.TempDir()
	source, library := filepath.Join(folder, "other.c"), filepath.Join(folder, "other.so")
	if err := os.WriteFile(source, []byte("unsigned ictus_abi_version(void) { return 99; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	command := exec.Command(os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
	command.Env = append(os.Environ(), "LD_PRELOAD="+library)
	output, err := command.CombinedOutput()
	if err != nil || strings.Count(string(output), "has ABI version 99, and this program was compiled for version 1") != 2 {
		t.Fatalf("%v: %s", err, output)
	}
}
