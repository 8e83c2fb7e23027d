// Command worker does tasks of a type with Conductor's Go SDK, until its standard input ends:
//
//	worker SERVER DIRECTORY TASK_TYPE
//
// A task takes the input "number" modulo 50 milliseconds.
package main

import (
	"io"
	"log"
	"os"
	"time"

	"github.com/conductor-sdk/conductor-go/sdk/model"
	"github.com/conductor-sdk/conductor-go/sdk/settings"
	sdk "github.com/conductor-sdk/conductor-go/sdk/worker"

	ictus "github.com/conductor-oss/ictus/bindings/go"
	"github.com/conductor-oss/ictus/bindings/go/conductor"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: worker SERVER DIRECTORY TASK_TYPE")
	}
	registry, err := ictus.Open(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	execute := conductor.New(registry).Wrap(func(task *model.Task) (interface{}, error) {
		number, _ := task.InputData["number"].(float64)
		time.Sleep(time.Duration(int(number)%50) * time.Millisecond)
		return map[string]any{"by": "go"}, nil
	})
	runner := sdk.NewTaskRunner(nil, settings.NewHttpSettings(os.Args[1]))
	if err := runner.StartWorker(os.Args[3], execute, 2, 10*time.Millisecond); err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	runner.Shutdown(os.Args[3])
	runner.WaitWorkers()
}
