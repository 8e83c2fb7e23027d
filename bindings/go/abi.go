package ictus

// #include <ictus.h>
import "C"

import "fmt"

// checkABI compares the loaded library with the header that this package was compiled against.
func checkABI() error {
	return compareABI(uint32(C.ictus_abi_version()), C.ICTUS_ABI_VERSION)
}

func compareABI(loaded, compiled uint32) error {
	if loaded == compiled {
		return nil
	}
	return fmt.Errorf("ictus: the loaded library has ABI version %d, and this program was compiled for version %d: "+
		"remove the other libictus from the loader's path (ldd shows it), or build again with its ictus.h", loaded, compiled)
}
