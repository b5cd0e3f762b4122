package bounce

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// collected is where the labelled mails are; they are no part of the project.
const collected = "../../../../shared/data/bounces"

// label is what a line of expected.tsv says of one recipient, in the words of those who labelled it.
type label struct {
	reason string
	hard   bool
}

func labels(t testing.TB) map[string][]label {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(collected, "expected.tsv"))
	if err != nil {
		t.Skipf("no labelled mails: %v", err)
	}
	list := map[string][]label{}
	for _, line := range strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")[1:] {
		f := strings.Split(line, "\t")
		list[f[0]] = append(list[f[0]], label{f[2], f[3] == "true"})
	}
	return list
}

// equivalent maps the labels' reasons to ours. Where a reason is wider than our class, each of ours is right.
func equivalent() map[string][]Class {
	return map[string][]Class{
		"userunknown": {UserUnknown}, "hasmoved": {Moved}, "mailboxfull": {MailboxFull}, "suspend": {Inactive},
		"hostunknown": {DomainNotFound}, "notaccept": {NoMail}, "filtered": {Filtered}, "rejected": {SenderRejected, Filtered},
		"blocked": {Reputation}, "badreputation": {Reputation}, "requireptr": {ReverseDNS}, "authfailure": {Authentication},
		"spamdetected": {SpamContent}, "virusdetected": {Malware}, "contenterror": {Content}, "notcompliantrfc": {Content},
		"policyviolation": {Policy, Malware}, "securityerror": {Security, Policy}, "mesgtoobig": {TooLarge}, "exceedlimit": {TooLarge},
		"networkerror": {Network}, "systemerror": {System}, "mailererror": {System}, "expired": {Expired, Network},
		"toomanyconn": {RateLimited}, "norelaying": {Relaying}, "syntaxerror": {Protocol}, "undefined": {Unclassified},
	}
}

// agrees compares a reading with a label. What is no failure has no class; an absence names nobody.
func (l label) agrees(p *Report) (hard, class, recipient bool) {
	switch l.reason {
	case "feedback":
		class = p.Kind == KindComplaint
	case "vacation":
		class = p.Kind == KindAutoreply
	case "delivered":
		class = p.Kind == KindNone
	default:
		class = slices.Contains(equivalent()[l.reason], p.Class)
	}
	return p.Hard == l.hard, class, strings.Contains(p.Recipient, "@") || l.reason == "vacation"
}

type tally struct{ all, hard, class, recipient int }

func (a *tally) count(hard, class, recipient bool) {
	a.all++
	for _, c := range []struct {
		n  *int
		ok bool
	}{{&a.hard, hard}, {&a.class, class}, {&a.recipient, recipient}} {
		if c.ok {
			*c.n++
		}
	}
}

func (a *tally) String() string {
	share := func(n int) string { return fmt.Sprintf("%d of %d (%.1f %%)", n, a.all, 100*float64(n)/float64(a.all)) }
	return "hard or not " + share(a.hard) + ", class " + share(a.class) + ", recipient " + share(a.recipient)
}

// TestLabelledMails measures the agreement with the labels, in two halves: rules were made on the even mails, and the odd ones
// were looked at last. Each disagreement stands in the golden file with its reason, which -update keeps.
func TestLabelledMails(t *testing.T) {
	want := labels(t)
	rules := builtin(t)
	var halves [2]tally
	var found []string
	for i, file := range sortedKeys(want) {
		raw, err := os.ReadFile(filepath.Join(collected, file))
		if err != nil {
			t.Fatal(err)
		}
		got := rules.Mail(raw)
		for n, l := range want[file] {
			p := &Report{Verdict: Verdict{Kind: got.Kind}}
			if n < len(got.Recipients) {
				p = &got.Recipients[n]
			}
			hard, class, recipient := l.agrees(p)
			halves[i%2].count(hard, class, recipient)
			if !hard || !class || !recipient {
				found = append(found, fmt.Sprintf("%s\t%d\t%s hard=%v\t%s %s hard=%v %s", file, n+1, l.reason, l.hard, p.Kind, p.Class, p.Hard, p.Recipient))
			}
		}
		if extra := len(got.Recipients) - len(want[file]); extra > 0 {
			t.Errorf("%s: %d recipients more than are labelled", file, extra)
		}
	}
	both := tally{halves[0].all + halves[1].all, halves[0].hard + halves[1].hard, halves[0].class + halves[1].class, halves[0].recipient + halves[1].recipient}
	t.Logf("even: %s", &halves[0])
	t.Logf("odd:  %s", &halves[1])
	t.Logf("both: %s", &both)
	if both.hard*100 < both.all*95 || both.class*100 < both.all*90 || both.recipient*100 < both.all*98 {
		t.Error("less agreement than there was")
	}
	checkDisagreements(t, found)
}

func checkDisagreements(t *testing.T, found []string) {
	t.Helper()
	path := filepath.Join("testdata", "disagreements.tsv")
	old, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	const head = "# mail\trecipient\tlabel\twe say\twhy\n"
	why := map[string]string{} // by mail and recipient
	for _, line := range strings.Split(string(old), "\n") {
		if f := strings.Split(line, "\t"); len(f) == 5 {
			why[f[0]+"\t"+f[1]] = f[4]
		}
	}
	now := head
	for _, line := range found {
		f := strings.Split(line, "\t")
		reason := why[f[0]+"\t"+f[1]]
		if reason == "" {
			t.Errorf("%s: say in %s why we disagree", line, path)
		}
		now += line + "\t" + reason + "\n"
	}
	if *update {
		if err := os.WriteFile(path, []byte(now), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(old), now); d != "" {
		t.Errorf("disagreements have changed: %s", d)
	}
}

func builtin(t testing.TB) *Rules {
	t.Helper()
	rules, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func sortedKeys[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}
