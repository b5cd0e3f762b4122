package bounce

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestReply(t *testing.T) {
	rules := builtin(t)
	for _, c := range []struct {
		host, reply string
		want        Verdict // Rule is not compared
	}{
		{"", "250 2.0.0 OK", Verdict{Kind: KindNone, Action: NoAction}},
		{"", "550 5.1.1 user unknown", Verdict{KindBounce, UserUnknown, true, Suppress, ""}},
		{"", "450 4.1.1 user unknown", Verdict{KindDelay, UserUnknown, false, Retry, ""}},
		{"", "550 5.2.2 mailbox full", Verdict{KindBounce, MailboxFull, false, Retry, ""}},
		{"", "452 4.2.2 over quota", Verdict{KindDelay, MailboxFull, false, Retry, ""}},
		{"", "550 5.1.1 blocked using zen.spamhaus.org", Verdict{KindBounce, Reputation, false, RetryElsewhere, ""}},
		{"", "550 5.1.1 <spam@unknown-user.example>: message refused by policy", Verdict{KindBounce, Policy, false, TellPostmaster, ""}},
		{"", "421 4.7.0 too many connections", Verdict{KindDelay, RateLimited, false, Retry, ""}},
		{"", "451 4.7.1 Greylisting in action", Verdict{KindDelay, Greylisted, false, Retry, ""}},
		{"", "554 5.7.1 message rejected as spam", Verdict{KindBounce, SpamContent, false, StopCampaign, ""}},
		{"", "550-5.7.26 This mail is unauthenticated, which poses a security risk to the\r\n550-5.7.26 sender and Gmail users, and has been blocked. The sender must\r\n550 5.7.26 authenticate with at least one of SPF or DKIM.", Verdict{KindBounce, Authentication, false, TellPostmaster, ""}},
		{"", "556 5.1.10 Recipient address has null MX", Verdict{KindBounce, NoMail, true, Suppress, ""}},
		{"", "550 this host does not accept mail from you", Verdict{KindBounce, Filtered, false, NoAction, ""}},
		{"", "550 5.1.2 Host unknown", Verdict{KindBounce, DomainNotFound, true, Suppress, ""}},
		{"", "450 4.1.2 Host not found, try again", Verdict{KindDelay, Network, false, Retry, ""}},
		{"", "550 5.1.8 Sender domain does not exist", Verdict{KindBounce, SenderRejected, false, TellPostmaster, ""}},
		{"", "550 the message has been moved to the spam folder", Verdict{KindBounce, SpamContent, false, StopCampaign, ""}},
		{"", "550 connection terminated", Verdict{KindBounce, Unclassified, false, NoAction, ""}},
		{"", "550 5.7.1 Requested action not taken: mailbox unavailable", Verdict{KindBounce, Filtered, false, NoAction, ""}},
		{"", "550 User anna (anna@b.example) not listed in Domino Directory", Verdict{KindBounce, UserUnknown, true, Suppress, ""}},
		{"", "550 5.1.1", Verdict{KindBounce, UserUnknown, true, Suppress, ""}},
		{"", "550", Verdict{KindBounce, Unclassified, false, NoAction, ""}},
		{"", "", Verdict{KindBounce, Unclassified, false, NoAction, ""}},
		// The same words of different servers.
		{"mx.yandex.ru", "550 5.7.1 No such user!", Verdict{KindBounce, UserUnknown, true, Suppress, ""}},
		{"mx1.mail.icloud.com", "550 5.1.1 <a@icloud.com>: inactive email address", Verdict{KindBounce, UserUnknown, true, Suppress, ""}},
		{"mx.b.example", "550 5.2.1 inactive email address, account is disabled", Verdict{KindBounce, Inactive, false, Retry, ""}},
		{"b-example.mail.protection.outlook.com", "550 5.7.1 Requested action not taken: mailbox unavailable", Verdict{KindBounce, UserUnknown, true, Suppress, ""}},
		{"smtp.orange.fr", "550 5.2.0 Service refuse. Veuillez essayer plus tard. OFR006_104", Verdict{KindBounce, Reputation, false, RetryElsewhere, ""}},
		{"notorange.fr", "550 5.2.0 Service refuse.", Verdict{KindBounce, Unclassified, false, NoAction, ""}},
	} {
		said := ParseReply(c.reply)
		said.Host = c.host
		got := rules.Reply(said)
		rule := got.Rule
		if got.Rule = ""; got != c.want {
			t.Errorf("%s %q: %+v by %q, want %+v", c.host, c.reply, got, rule, c.want)
		}
		if rule == "" && got.Class != Unclassified && got.Kind != KindNone {
			t.Errorf("%q: no rule is named", c.reply)
		}
	}
}

// TestEmbeddedRulesDecideTheirExamples, each its own and all of them.
func TestEmbeddedRulesDecideTheirExamples(t *testing.T) {
	r := &Rules{index: newPhraseIndex()}
	examples, err := r.loadEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		if got := e.decidedBy(r); got != e.rule {
			t.Errorf("%s, line %d, rule %s: %q is decided by %q", e.file, e.line, e.rule, e.text, got)
		}
	}
	if len(examples) < 150 {
		t.Errorf("only %d examples", len(examples))
	}
}

// TestHardIsDead: no rule may call anything hard but dead addresses and domains, and none what is only delayed.
func TestHardIsDead(t *testing.T) {
	for _, ru := range builtin(t).list {
		if ru.hard && !ru.class.dead() && ru.class != Inactive {
			t.Errorf("%s: %s is hard", ru.name, ru.class)
		}
		if v := ru.verdict(KindDelay, Said{Code: 450}); v.Hard || v.Action == Suppress {
			t.Errorf("%s: %+v of a delay", ru.name, v)
		}
		if v := ru.verdict(KindBounce, Said{Enhanced: "4.0.0"}); v.Hard {
			t.Errorf("%s: %+v of a temporary failure", ru.name, v)
		}
	}
	for _, c := range []Class{SpamContent, Malware, Reputation, Policy, Authentication, Filtered, RateLimited, Greylisted} {
		if c.dead() {
			t.Errorf("%s is hard", c)
		}
	}
}

// TestLanguages: a mailbox that is not there and one that is full are understood in each of these.
func TestLanguages(t *testing.T) {
	var text []string
	for _, ru := range builtin(t).list {
		text = append(text, ru.name+" "+string(ru.class))
	}
	for _, lang := range strings.Fields("sv de fr es it nl pl ru ja pt da no fi zh") {
		for _, class := range []Class{UserUnknown, MailboxFull} {
			if want := string(class) + "-" + lang + " " + string(class); !slices.Contains(text, want) {
				t.Errorf("no rule %s", want) // its example is proved when rules are loaded
			}
		}
	}
}

const own = `
[[rule]]
name = "intranet"
host = ["mx.intranet.example"]
text = ["mailbox full"]
class = "inactive"
hard = true
examples = ["552 mailbox full"]
`

func TestRulesOfTheOperatorAreAskedFirst(t *testing.T) {
	rules, err := New(strings.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	said := Said{Code: 552, Text: "Mailbox full", Host: "mx.intranet.example."}
	if got, want := rules.Reply(said), (Verdict{KindBounce, Inactive, true, Suppress, "intranet"}); got != want {
		t.Errorf("%+v", got)
	}
	said.Host = "mx.b.example"
	if got := rules.Reply(said); got.Class != MailboxFull {
		t.Errorf("%+v", got)
	}
}

// named is a file of rules in memory.
type named struct{ *strings.Reader }

func (named) Name() string { return "own.toml" }

func TestFaultyRulesSayWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"name = \"intranet\"", "name = \"\"", `rules own.toml, line 2, rule "": the name must be`},
		{"name = \"intranet\"", "name = \"user-unknown\"", `rules rules/7-unknown.toml, line `},
		{"name =", "nam =", `unknown key "rule.nam"`},
		{"class = \"inactive\"", "class = \"dead\"", `line 2, rule "intranet": class "dead" is none of: user-unknown, `},
		{"class = \"inactive\"", "class = \"spam-content\"", `class "spam-content" can not be hard`},
		{"hard = true", "action = \"shrug\"", `action "shrug" is none of: suppress, `},
		{"\"mailbox full\"", "\"box\"", `text "box" is too short`},
		{"\"mailbox full\"", "\"mailbox*\"", `text "mailbox*" is too short`},
		{"hard = true", "pattern = \"(\"", `pattern "(": error parsing regexp`},
		{"hard = true", "code = [250]", `code 250 is no reply code of a failure`},
		{"hard = true", "enhanced = [\"5.1\"]", `enhanced "5.1" is no status code`},
		{"[\"552 mailbox full\"]", "[]", `it has no example`},
		{"552 mailbox full", "550 user unknown", `its example "550 user unknown" is decided by rule "user-unknown"`},
		{"host = [\"mx.intranet.example\"]\ntext = [\"mailbox full\"]", "", `it has no condition`},
		{"hard = true", "hard = maybe", `rules own.toml, line 7: `},
		{"[[rule]]", "[[mail]]\nname = \"x\"\nkind = \"odd\"\n[[rule]]", `line 2, rule "x": kind "odd" is none of`},
		{"[[rule]]", "[[mail]]\nname = \"x\"\nkind = \"bounce\"\n[[rule]]", `it has no condition; give from`},
		{"[[rule]]", "[[mail]]\nname = \"x\"\nkind = \"bounce\"\nheader = [\"no field\"]\nexamples = [\"x\"]\n[[rule]]", `header "no field" is no field`},
	} {
		text := strings.Replace(own, c.old, c.new, 1)
		if text == own {
			t.Fatalf("%q is not in the rule", c.old)
		}
		if _, err := New(named{strings.NewReader(text)}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v", c.new, c.old, err)
		}
	}
	if _, err := Load("testdata/none.toml"); err == nil || !strings.Contains(err.Error(), "testdata/none.toml") {
		t.Error(err)
	}
}

func TestFold(t *testing.T) {
	for s, want := range map[string]string{
		"550 5.1.1 <Anna@B.example>:\r\n  User\tUNKNOWN":   "@: user unknown",
		"550-5.7.26 Unauth\n550-5.7.26 mail of 550 octets": "unauth mail of octets",
		"x 4.4.7 y":                         "x 4.4.7 y",
		"isn’t `ÅÄÖ`":                       "isn't 'åäö'",
		"mailto:a@b.example. (c@d.example)": "mailto:@. (@)",
		"a @ b":                             "a @ b",
		"":                                  "",
		strings.Repeat("å", maxSaid):        strings.Repeat("å", maxSaid/2),
	} {
		if got := fold(s); got != want {
			t.Errorf("%.60q: %.60q", s, got)
		}
	}
}

func TestParseReply(t *testing.T) {
	for s, want := range map[string]Said{
		"550 5.1.1 no":    {Code: 550, Enhanced: "5.1.1", Text: "no"},
		"550-5.1.1 no":    {Code: 550, Enhanced: "5.1.1", Text: "no"},
		"550 no (#5.1.1)": {Code: 550, Enhanced: "5.1.1", Text: "no (#5.1.1)"},
		"host b.example[192.0.2.1] said: 452 4.2.2 full": {Code: 452, Enhanced: "4.2.2", Text: "host b.example[192.0.2.1] said: 452 4.2.2 full"},
		"it weighs 550 kg, of 4.4.2.1 and exim-4.5.1":    {Text: "it weighs 550 kg, of 4.4.2.1 and exim-4.5.1"},
		"Remote Server returned '550 5.1.1 no'":          {Code: 550, Enhanced: "5.1.1", Text: "Remote Server returned '550 5.1.1 no'"},
		"<a@b>: 5.1.1 no":                                {Enhanced: "5.1.1", Text: "<a@b>: 5.1.1 no"},
		"":                                               {},
	} {
		if got := ParseReply(s); got != want {
			t.Errorf("%q: %+v", s, got)
		}
	}
}

func FuzzReply(f *testing.F) {
	rules := builtin(f)
	f.Add("550 5.1.1 <a@b.example>: user unknown", "mx.b.example")
	f.Add("421 4.7.0 [TS01] later", "")
	f.Fuzz(func(t *testing.T, text, host string) {
		said := ParseReply(text)
		said.Host = host
		v := rules.Reply(said)
		if v.Hard && (v.Kind != KindBounce || said.Code/100 == 4) || v.Kind == "" || v.Action == "" {
			t.Errorf("%+v", v)
		}
		if s := fold(text); !utf8.ValidString(text) && len(s) > 4*maxSaid {
			t.Errorf("%d octets of %d", len(s), len(text))
		}
	})
}

func FuzzRules(f *testing.F) {
	f.Add(own, "552 mailbox full")
	f.Add("[[mail]]\nname = \"x\"\nkind = \"bounce\"\nheader = [\"X-Y:\"]\nexamples = [\"X-Y: z\\n\\n\"]\n", "550 5.1.1 no")
	f.Fuzz(func(t *testing.T, text, reply string) {
		r := &Rules{index: newPhraseIndex()} // without the embedded ones, which are the same each time
		if _, err := r.load("own.toml", text); err == nil {
			r.Reply(ParseReply(reply))
			r.Mail([]byte(reply))
		}
	})
}

// TestReplies judges replies as servers of the world word them.
func TestReplies(t *testing.T) {
	rules := builtin(t)
	text, err := os.ReadFile("testdata/replies.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")[1:]
	for n, line := range lines {
		f := strings.Split(line, "\t")
		if len(f) != 4 {
			t.Fatalf("line %d: %q", n+2, line)
		}
		said := ParseReply(f[3])
		said.Host = f[2]
		if v := rules.Reply(said); string(v.Class) != f[0] || v.Hard != (f[1] == "true") {
			t.Errorf("line %d: %s, hard=%v by %q, want %s, hard=%s: %s", n+2, v.Class, v.Hard, v.Rule, f[0], f[1], f[3])
		}
	}
	if len(lines) < 100 {
		t.Errorf("only %d replies", len(lines))
	}
}
