package config

import (
	_ "embed" // the sample is part of the program
	"fmt"
	"path/filepath"
	"strings"
)

//go:embed sample.toml
var sample string

// Sample is a commented configuration with every key at its default, but for the host name and the folder.
func Sample(hostname, dataDir string) string {
	return strings.NewReplacer(
		`hostname = "localhost.localdomain"`, fmt.Sprintf("hostname = %q", hostname),
		`"bounce.localhost.localdomain"`, fmt.Sprintf("%q", "bounce."+hostname),
		`data_dir = "data"`, fmt.Sprintf("data_dir = %q", dataDir),
		`"sqlite:data/budkavle.db"`, fmt.Sprintf("%q", "sqlite:"+filepath.Join(dataDir, "budkavle.db")),
	).Replace(sample)
}
