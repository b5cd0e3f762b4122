package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/lab"
)

func TestTallyShowsWhatReceiversFound(t *testing.T) {
	var out bytes.Buffer
	a := &app{Streams: Streams{Out: &out, Err: &out}, words: wordsFor("sv")}
	err := a.printTally(lab.Report{
		Providers: []lab.Count{{Provider: "Ett", Messages: 42, DKIMPass: 41, DKIMNone: 1, SPFPass: 40, SPFOther: 2, DMARCPass: 37, DMARCFail: 3, DMARCNone: 2}},
		Failed:    []lab.Delivery{{MessageID: "1@school.example", Recipient: "anna@one.example", Why: "SPF of school.example says softfail"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{
		"DKIM  SPF  DMARC",
		"rätt fel ingen rätt annat rätt fel ingen",
		"",
		"Ett · · 42 · · · · · · · 41 · 1 40 2 37 3 2",
		"",
		"alla · · 42 · · · · · · · 41 · 1 40 2 37 3 2",
		"SPF eller DMARC som inte håller:",
		"anna@one.example 1@school.example SPF of school.example says softfail",
	} {
		got := strings.Join(strings.Fields(strings.NewReplacer("─", " ").Replace(lines[i])), " ")
		if !strings.HasSuffix(got, strings.Join(strings.Fields(want), " ")) {
			t.Errorf("line %d: %q, want %q", i+1, lines[i], want)
		}
	}
}
