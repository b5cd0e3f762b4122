package bounce

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

const shared = "../../../../shared/data"

// labelled is what a line of expected.tsv says of one recipient, in the words of those who labelled it.
type labelled struct {
	reason   string
	hard     bool
	feedback string
}

func labels(t *testing.T) map[string][]labelled {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shared, "bounces", "expected.tsv"))
	if err != nil {
		t.Skipf("no labelled mails: %v", err)
	}
	list := map[string][]labelled{}
	for _, line := range strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")[1:] {
		f := strings.Split(strings.TrimRight(line, "\r"), "\t")
		list[f[0]] = append(list[f[0]], labelled{f[2], f[3] == "true", f[4]})
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
		"policyviolation": {Policy}, "securityerror": {Security}, "mesgtoobig": {TooLarge}, "exceedlimit": {TooLarge, MailboxFull},
		"networkerror": {Network}, "systemerror": {System}, "mailererror": {System}, "systemfull": {System}, "expired": {Expired, Network},
		"toomanyconn": {RateLimited}, "ratelimited": {RateLimited}, "norelaying": {Relaying}, "syntaxerror": {Protocol}, "undefined": {Unclassified},
	}
}

// classRight compares a class with a label. What is no failure has none.
func classRight(l labelled, rep *Report) bool {
	switch l.reason {
	case "feedback":
		return rep.Kind == KindComplaint
	case "vacation":
		return rep.Kind == KindAutoreply
	case "delivered":
		return rep.Kind == KindNone
	}
	for _, c := range equivalent()[l.reason] {
		if rep.Class == c {
			return true
		}
	}
	return false
}

type tally struct{ all, hard, class, recipient int }

func (a tally) String() string {
	p := func(n int) string {
		return fmt.Sprintf("%d of %d (%.1f %%)", n, a.all, 100*float64(n)/float64(max(a.all, 1)))
	}
	return "hard " + p(a.hard) + ", class " + p(a.class) + ", recipient " + p(a.recipient)
}

func TestLabelledMails(t *testing.T) {
	want := labels(t)
	rules, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for f := range want {
		files = append(files, f)
	}
	sort.Strings(files)
	var halves [2]tally
	for i, f := range files {
		raw, err := os.ReadFile(filepath.Join(shared, "bounces", f))
		if err != nil {
			t.Fatal(err)
		}
		got := rules.Mail(raw)
		for n, l := range want[f] {
			rep := Report{Verdict: Verdict{Kind: got.Kind}}
			if n < len(got.Recipients) {
				rep = got.Recipients[n]
			}
			a := &halves[i%2]
			a.all++
			hardOK, classOK := rep.Hard == l.hard, classRight(l, &rep)
			rcptOK := strings.Contains(rep.Recipient, "@") || l.reason == "vacation"
			if hardOK {
				a.hard++
			}
			if classOK {
				a.class++
			}
			if rcptOK {
				a.recipient++
			}
			if (!hardOK || !classOK || !rcptOK) && i%2 == 0 {
				t.Logf("%s %d: label %s hard=%v, ours %s/%s hard=%v rule=%s rcpt=%s code=%d st=%s diag=%.160q", f, n+1, l.reason, l.hard, rep.Kind, rep.Class, rep.Hard, rep.Rule, rep.Recipient, rep.Code, rep.Status, rep.Diagnostic)
			}
		}
		if len(got.Recipients) != len(want[f]) && i%2 == 0 && want[f][0].reason != "vacation" {
			var names []string
			for _, r := range got.Recipients {
				names = append(names, r.Recipient)
			}
			t.Logf("%s: %d recipients, label %d: %v", f, len(got.Recipients), len(want[f]), names)
		}
	}
	t.Logf("even: %s", halves[0])
	t.Logf("odd:  %s", halves[1])
}
