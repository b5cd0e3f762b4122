package cli

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
)

const shapingZone = `big.example. 60 IN MX 10 mx1.big.example.
school.example. 60 IN MX 10 mx1.big.example.
mx1.big.example. 60 IN A 127.0.0.1
`

var moments = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

// TestShapingExplain compares what is told of a path on which an answer has acted with testdata/reports/shaping.golden.
func TestShapingExplain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shaping.toml"), []byte(`[[rule]]
name = "big"
mx = ["big.example"]
connections = 3
per_hour = 1200

[[rule]]
name = "school"
domain = ["school.example"]
connections_per_minute = 2

[[rule]]
name = "listed-address"
from = ["192.0.2.9"]
per_second = 0.5
`), 0o600); err != nil {
		t.Fatal(err)
	}
	dns, stop, err := serveRecords(strings.NewReader(shapingZone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	path := filepath.Join(dir, "budkavle.toml")
	text := "[node]\nhostname = \"mx.sender.example\"\ndata_dir = \"" + dir + "\"\n[store]\nurl = \"sqlite:" + dir + "/budkavle.db\"\n" +
		"[shaping]\nrules = \"" + dir + "/shaping.toml\"\n[dns]\nservers = [\"" + dns + "\"]\n[delivery]\nport = 2526\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	keepPaths(t, path)
	var out bytes.Buffer
	for _, args := range [][]string{
		{"shaping", "explain", "big.example"},
		{"shaping", "explain", "big.example", "--lang", "sv"},
		{"shaping", "explain", "school.example", "--source", "192.0.2.9"},
		{"shaping", "explain", "school.example", "--source", "192.0.2.9", "--lang", "sv"},
		{"--json", "shaping", "explain", "big.example", "--source", "192.0.2.1"},
		{"shaping", "explain", "none.example"},
		{"shaping", "explain", "big.example", "--source", "here"},
		{"shaping", "explain", "big.example", "--source", "here", "--lang", "sv"},
	} {
		out.WriteString("$ budkavle " + strings.Join(args, " ") + "\n")
		status := Run(append([]string{"--config", path}, args...), Streams{In: strings.NewReader(""), Out: &out, Err: &out}, []string{"LANG=C"})
		out.WriteString("exit " + number(status) + "\n\n")
	}
	got := moments.ReplaceAllString(strings.ReplaceAll(out.String(), dir, "DIR"), "TIME")
	golden(t, "shaping.golden", got)
}

// keepPaths tells of two paths as a node does.
func keepPaths(t *testing.T, configPath string) {
	t.Helper()
	cfg, err := config.Load(configPath, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	st, err := node.OpenStore(t.Context(), cfg, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	at := time.Date(2099, 1, 1, 12, 0, 0, 0, time.UTC) // what is in force stays as it is until then
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	force, err := json.Marshal(shaping.Force{
		Path: shaping.Path{Source: one, Site: "mx1.big.example"}, Rule: shaping.Origin{Rule: "rate-limited", File: "embedded rules.toml", Line: 170}, Said: "451 4.7.28 slow down\x1b[2J",
		At: at, Every: 10 * time.Minute, Rate: 2.5, FullRate: 40, Connections: 1, FullConns: 3, Rests: at.Add(time.Hour), Left: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.KeepPaths(t.Context(), "mx.sender.example", []model.PathState{
		{Source: one, Site: "mx1.big.example", At: at, Force: force, HeldBy: "rule", Reason: "rate-limited (embedded rules.toml:170): 451 4.7.28 slow down", Until: at.Add(time.Hour)},
		{Source: two, Site: "mx1.big.example", At: at, HeldBy: "per-hour", Rule: "big (DIR/shaping.toml:5)"},
	}); err != nil {
		t.Fatal(err)
	}
}
