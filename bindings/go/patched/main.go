// Command patched copies the published module of Conductor's Go SDK into the folder it is given, with the smallest
// change that lets another collector in, and prints the go.mod file by which this module is built with it:
//
//	go test -modfile "$(go run ./patched FOLDER)" -tags hook ./conductor
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const observer = `package metrics

// Observer is told whatever the SDK counts and measures.
type Observer interface {
	Increment(name MetricName, labelValues []string)
	Set(name MetricName, labelValues []string, value float64)
}

var observer Observer

// SetObserver is called before workers start.
func SetObserver(told Observer) { observer = told }
`

// hooks are what is put behind the first line of a function of a file.
var hooks = map[string][2]string{
	"counter.go": {
		"func incrementCounter(metricName MetricName, labelValues []string) {\n",
		"\tif observer != nil {\n\t\tobserver.Increment(metricName, labelValues)\n\t}\n",
	},
	"gauge.go": {
		"func setGauge(metricName MetricName, labelValues []string, value float64) {\n",
		"\tif observer != nil {\n\t\tobserver.Set(metricName, labelValues, value)\n\t}\n",
	},
}

const module = "github.com/conductor-sdk/conductor-go"

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: patched FOLDER")
	}
	folder, err := filepath.Abs(os.Args[1])
	check(err)
	found, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	check(err)
	sdk := filepath.Join(folder, "sdk")
	check(exec.Command("cp", "-R", strings.TrimSpace(string(found)), sdk).Run())
	// Files of the module cache are read-only.
	check(exec.Command("chmod", "-R", "u+w", sdk).Run())
	metrics := filepath.Join(sdk, "sdk", "metrics")
	check(os.WriteFile(filepath.Join(metrics, "observer.go"), []byte(observer), 0o600))
	for name, hook := range hooks {
		path := filepath.Join(metrics, name)
		source, err := os.ReadFile(path)
		check(err)
		if strings.Count(string(source), hook[0]) != 1 {
			log.Fatalf("%s is not as it was: it has no %q", name, hook[0])
		}
		check(os.Chmod(path, 0o600))
		check(os.WriteFile(path, []byte(strings.Replace(string(source), hook[0], hook[0]+hook[1], 1)), 0o600))
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
