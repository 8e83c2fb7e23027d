// Command grafana checks dashboards against Grafana's schemas of dashboards, panels and Prometheus
// queries, as Grafana publishes them for Go. It refuses unknown fields, missing fields and values of
// another type.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	failed := len(os.Args) < 2
	for _, path := range os.Args[1:] {
		if err := check(runtime, path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(runtime *cog.Runtime, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var strict, read dashboard.Dashboard
	if err := present(strict.UnmarshalJSONStrict(text)); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	for _, one := range read.Panels {
		panel := one.Panel
		if panel == nil || panel.Title == nil {
			return errors.New("a panel is a row, or has no title")
		}
		// The schemas of other types are not registered, and would check nothing.
		if _, exists := runtime.ConfigForPanelcfgVariant(panel.Type); !exists {
			return fmt.Errorf("panel %q has the type %s, which is not checked", *panel.Title, panel.Type)
		}
		if len(panel.Targets) == 0 {
			return fmt.Errorf("panel %q has no query", *panel.Title)
		}
		for _, target := range panel.Targets {
			if target.DataqueryType() != prometheus.VariantConfig().Identifier {
				return fmt.Errorf("panel %q has a query that is not one of Prometheus", *panel.Title)
			}
		}
	}
	if err := fields(text); err != nil {
		return err
	}
	return present(read.Validate())
}

// fields checks the settings of values, of which the strict reader checks only those of the panel's type.
func fields(text []byte) error {
	var raw struct {
		Panels []struct {
			Title       string          `json:"title"`
			FieldConfig json.RawMessage `json:"fieldConfig"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	for _, panel := range raw.Panels {
		var config dashboard.FieldConfigSource
		if err := present(config.UnmarshalJSONStrict(panel.FieldConfig)); err != nil {
			return fmt.Errorf("panel %q: %w", panel.Title, err)
		}
	}
	return nil
}

// present returns nil for an empty list of errors, as the SDK returns it.
func present(err error) error {
	var all cog.BuildErrors
	if errors.As(err, &all) && len(all) == 0 {
		return nil
	}
	return err
}
