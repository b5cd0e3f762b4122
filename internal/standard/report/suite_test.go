package report_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/report"
)

// samples are real reports with what another program read in them, beside the repository.
const samples = "../../../../shared/data/reports"

// each reads every sample of a folder, and hands it on with what is expected.
func each(t *testing.T, folder string, least int, check func(t *testing.T, got report.Report, want []byte)) {
	t.Helper()
	list, _ := filepath.Glob(filepath.Join(samples, folder, "*.json"))
	if len(list) == 0 {
		t.Skipf("there are no reports at %s", samples)
	}
	read := 0
	for _, expected := range list {
		for _, ext := range []string{".xml", ".eml", ".json"} {
			path := strings.TrimSuffix(expected, ".json") + ext
			if ext == ".json" && folder != "tlsrpt" {
				continue // it is no report but what is expected of one
			}
			f, err := os.Open(path)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			read++
			t.Run(filepath.Base(path), func(t *testing.T) {
				defer f.Close()
				got, err := report.Read(f)
				if err != nil {
					t.Fatal(err)
				}
				want, err := os.ReadFile(expected)
				if err != nil {
					t.Fatal(err)
				}
				check(t, got, want)
			})
		}
	}
	if read < least {
		t.Errorf("%d reports, want %d", read, least)
	}
}

// expectedDMARC is the shape of the expected JSON; enumerations are written in camel case there.
type expectedDMARC struct {
	Metadata struct {
		Org       string `json:"org_name"`
		Email     string
		Extra     string                     `json:"extra_contact_info"`
		ID        string                     `json:"report_id"`
		Range     struct{ Begin, End int64 } `json:"date_range"`
		Error     []string
		Generator string
	} `json:"report_metadata"`
	Policy struct {
		Domain, Adkim, Aspf, P, Sp, Np, Fo string
		Testing                            bool
		Discovery                          string `json:"discovery_method"`
	} `json:"policy_published"`
	Record []struct {
		Row struct {
			Source string `json:"source_ip"`
			Count  int64
			Policy struct {
				Disposition, Dkim, Spf string
				Reason                 []struct {
					Type    string `json:"type_"`
					Comment string
				}
			} `json:"policy_evaluated"`
		}
		Identifiers struct {
			To     string `json:"envelope_to"`
			From   string `json:"envelope_from"`
			Header string `json:"header_from"`
		}
		Auth struct {
			Dkim []struct {
				Domain, Selector, Result string
				Human                    string `json:"human_result"`
			}
			Spf []struct{ Domain, Scope, Result string }
		} `json:"auth_results"`
	}
}

// fold brings words of both sides into one spelling.
func fold(s string) string {
	s = strings.ReplaceAll(strings.ToLower(s), "_", "")
	switch s {
	case "unspecified":
		return ""
	case "relaxed":
		return "r"
	case "strict":
		return "s"
	case "mfrom":
		return "mailfrom"
	case "sampledout": // of RFC 7489; whoever made the samples knows only what is left of it
		return "other"
	}
	return s
}

func TestDMARCSamples(t *testing.T) {
	each(t, "dmarc", 10, func(t *testing.T, got report.Report, raw []byte) {
		var want expectedDMARC
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if got.Kind != report.DMARC {
			t.Fatalf("kind %q", got.Kind)
		}
		if diff := cmp.Diff(factsWanted(want), facts(got.DMARC)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func facts(a *dmarc.Aggregate) []any {
	p := a.Published
	list := []any{
		a.Organisation, a.Email, a.Contact, a.ID, a.Begin.Unix(), a.End.Unix(), a.Generator, len(a.Errors),
		p.Domain, fold(string(p.DKIM)), fold(string(p.SPF)), fold(string(p.Policy)), fold(string(p.Subdomains)), fold(string(p.NonExistent)), p.Options, p.Testing, p.Discovery,
	}
	for _, r := range a.Rows {
		list = append(list, r.Source.String(), r.Count, fold(r.Disposition), fold(r.DKIM), fold(r.SPF), r.From, r.EnvelopeFrom, r.EnvelopeTo)
		for _, x := range r.Reasons {
			list = append(list, fold(x.Type), x.Comment)
		}
		for _, s := range r.Signatures {
			list = append(list, s.Domain, s.Selector, fold(s.Result), s.Words)
		}
		for _, s := range r.Senders {
			list = append(list, s.Domain, fold(s.Scope), fold(s.Result))
		}
	}
	return list
}

func factsWanted(e expectedDMARC) []any {
	m, p := e.Metadata, e.Policy
	list := []any{
		m.Org, m.Email, m.Extra, m.ID, m.Range.Begin, m.Range.End, m.Generator, len(m.Error),
		p.Domain, fold(p.Adkim), fold(p.Aspf), fold(p.P), fold(p.Sp), fold(p.Np), p.Fo, p.Testing, fold(p.Discovery),
	}
	for _, r := range e.Record {
		list = append(list, r.Row.Source, r.Row.Count, fold(r.Row.Policy.Disposition), fold(r.Row.Policy.Dkim), fold(r.Row.Policy.Spf), r.Identifiers.Header, r.Identifiers.From, r.Identifiers.To)
		for _, x := range r.Row.Policy.Reason {
			list = append(list, fold(x.Type), x.Comment)
		}
		for _, s := range r.Auth.Dkim {
			list = append(list, s.Domain, s.Selector, fold(s.Result), s.Human)
		}
		for _, s := range r.Auth.Spf {
			list = append(list, s.Domain, fold(s.Scope), fold(s.Result))
		}
	}
	return list
}

func TestTLSSamples(t *testing.T) {
	each(t, "tlsrpt", 5, func(t *testing.T, got report.Report, raw []byte) {
		if got.Kind != report.TLS {
			t.Fatalf("kind %q", got.Kind)
		}
		// What was read, written again, says all that the expected JSON does.
		written, err := json.Marshal(got.TLS)
		if err != nil {
			t.Fatal(err)
		}
		var have, want any
		if err := errors.Join(json.Unmarshal(written, &have), json.Unmarshal(raw, &want)); err != nil {
			t.Fatal(err)
		}
		for _, missing := range lacks(have, want, "") {
			t.Error(missing)
		}
	})
}

// lacks lists what b has and a has not. Empty values and null are as good as none.
func lacks(a, b any, path string) (list []string) {
	switch want := b.(type) {
	case map[string]any:
		have, _ := a.(map[string]any)
		for k, v := range want {
			list = append(list, lacks(have[k], v, path+"/"+k)...)
		}
	case []any:
		have, _ := a.([]any)
		for i, v := range want {
			if i >= len(have) {
				list = append(list, path+": too few")
				break
			}
			list = append(list, lacks(have[i], v, path)...)
		}
	case string:
		if have, _ := a.(string); !strings.EqualFold(have, strings.TrimSpace(want)) {
			list = append(list, path+": want "+want+", got "+have)
		}
	default:
		if b != nil && !reflect.DeepEqual(a, b) && !(a == nil && b == 0.0) {
			list = append(list, path)
		}
	}
	return list
}

func TestFeedbackSamples(t *testing.T) {
	each(t, "arf", 5, func(t *testing.T, got report.Report, raw []byte) {
		if got.Kind != report.Feedback {
			t.Fatalf("kind %q", got.Kind)
		}
		var want struct {
			Type      string   `json:"feedback_type"`
			Arrival   *int64   `json:"arrival_date"`
			Auth      []string `json:"authentication_results"`
			Incidents int64
			Envelope  string   `json:"original_envelope_id"`
			From      string   `json:"original_mail_from"`
			To        string   `json:"original_rcpt_to"`
			Domain    []string `json:"reported_domain"`
			URI       []string `json:"reported_uri"`
			MTA       string   `json:"reporting_mta"`
			Source    string   `json:"source_ip"`
			Agent     string   `json:"user_agent"`
			Failure   string   `json:"auth_failure"`
			DKIM      string   `json:"dkim_domain"`
			Identity  string   `json:"dkim_identity"`
			Selector  string   `json:"dkim_selector"`
			Body      string   `json:"dkim_canonicalized_body"`
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		r := got.Feedback
		f := arf.Failure{}
		if r.Failure != nil {
			f = *r.Failure
		}
		bare := func(s string) string { return strings.Trim(s, "<>") }
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
		arrival, source, to := time.Time{}, "", ""
		if want.Arrival != nil {
			arrival = time.Unix(*want.Arrival, 0).UTC()
		}
		if r.Source.IsValid() {
			source = r.Source.String()
		}
		if len(r.Recipients) > 0 {
			to = r.Recipients[0]
		}
		have := []any{strings.ReplaceAll(r.Type, "-", ""), r.Arrival, len(r.Authentication), r.Incidents, r.EnvelopeID, r.MailFrom, to, r.Domains, r.URIs, r.ReportingMTA, source, r.UserAgent, f.Type, f.DKIMDomain, f.DKIMIdentity, f.DKIMSelector, f.CanonicalisedBody}
		wanted := []any{fold(want.Type), arrival, len(want.Auth), want.Incidents, want.Envelope, bare(want.From), bare(want.To), nilIfEmpty(want.Domain), nilIfEmpty(want.URI), want.MTA, want.Source, want.Agent, fold(want.Failure), want.DKIM, want.Identity, want.Selector, strings.Join(strings.Fields(want.Body), "")}
		if diff := cmp.Diff(wanted, have); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		for i, a := range want.Auth {
			if squeeze(a) != squeeze(r.Authentication[i]) {
				t.Errorf("authentication %q, want %q", r.Authentication[i], a)
			}
		}
		if len(r.Returned.Header) == 0 {
			t.Error("the returned header was not read")
		}
	})
}

func nilIfEmpty(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}
