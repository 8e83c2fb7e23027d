// Command patched copies the published module of Conductor's Go SDK into a folder and applies the patch
// for other collectors. It prints the path of the go.mod file with which this module is built against
// the copy:
//
//	go test -modfile "$(go run ./patched FOLDER)" -tags hook ./conductor
package main

import (
	_ "embed"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed conductor-go-1.5.4.patch
var patch string

const module = "github.com/conductor-sdk/conductor-go"

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: patched FOLDER")
	}
	folder, err := filepath.Abs(os.Args[1])
	check(err)
	listed, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	check(err)
	sdk := filepath.Join(folder, "sdk")
	check(exec.Command("cp", "-R", strings.TrimSpace(string(listed)), sdk).Run())
	// Files of the module cache are read-only.
	check(exec.Command("chmod", "-R", "u+w", sdk).Run())
	apply := exec.Command("git", "apply", "-")
	apply.Dir, apply.Stdin = sdk, strings.NewReader(patch)
	if output, err := apply.CombinedOutput(); err != nil {
		log.Fatalf("%v: %s", err, output)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		check(err)
		if name == "go.mod" {
			text = fmt.Appendf(text, "\nreplace %s => %s\n", module, sdk)
		}
		check(os.WriteFile(filepath.Join(folder, name), text, 0o600))
	}
	fmt.Println(filepath.Join(folder, "go.mod"))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
