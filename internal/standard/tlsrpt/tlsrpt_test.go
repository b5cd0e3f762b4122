package tlsrpt_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/tlsrpt"
)

func check(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestParseRecord(t *testing.T) {
	for _, tt := range []struct {
		name string
		txt  []string
		to   []string
		want string
	}{
		{"mail", []string{"v=TLSRPTv1; rua=mailto:reports@example.org"}, []string{"mailto:reports@example.org"}, ""},
		{"both", []string{"v=TLSRPTv1;rua=mailto:reports@example.org,https://reports.example.org/v1/tlsrpt;"}, []string{"mailto:reports@example.org", "https://reports.example.org/v1/tlsrpt"}, ""},
		{"others beside it", []string{"v=spf1 -all", "v=TLSRPTv1 ; rua = mailto:a@example.org ; x=y"}, []string{"mailto:a@example.org"}, ""},
		{"spaces", []string{"v=TLSRPTv1; rua=mailto:a@example.org , mailto:b@example.org"}, []string{"mailto:a@example.org", "mailto:b@example.org"}, ""},
		{"none", []string{"hello"}, nil, "there is no TLS-RPT record"},
		{"two", []string{"v=TLSRPTv1; rua=mailto:a@example.org", "v=TLSRPTv1;"}, nil, "there are 2 TLS-RPT records"},
		{"no address", []string{"v=TLSRPTv1; rua="}, nil, `"" in the TLS-RPT record`},
		{"no rua", []string{"v=TLSRPTv1;"}, nil, "says not where"},
		{"no scheme", []string{"v=TLSRPTv1; rua=a@example.org"}, nil, `"a@example.org" in the TLS-RPT record`},
		{"plain HTTP", []string{"v=TLSRPTv1; rua=http://example.org"}, nil, "neither a mailto: nor an https:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tlsrpt.ParseRecord(tt.txt)
			check(t, err, tt.want)
			if diff := cmp.Diff(tt.to, r.Destinations); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRead(t *testing.T) {
	many := func(head, one, tail string, n int) string { return head + strings.Repeat(one+",", n) + one + tail }
	for _, tt := range []struct{ name, json, want string }{
		{"least", `{"report-id":"a"}`, ""},
		{"values that make no sense", `{"report-id":"a","date-range":{"start-datetime":"soon","end-datetime":5},"policies":[{"summary":{"total-successful-session-count":"many"},"policy":7},8,null]}`, ""},
		{"nothing", "", "ends too early"},
		{"a list", "[]", "is no JSON object"},
		{"text", "hello", "the JSON is broken"},
		{"something else", `{"a":1}`, "neither policies nor a report-id"},
		{"cut off", `{"report-id":"a","policies":[{"policy":{`, "ends too early"},
		{"broken", `{"report-id":"a",,}`, "octet "},
		{"too deep", `{"a":` + strings.Repeat("[", 100_000), "more than 10 objects or lists"},
		{"objects too deep", strings.Repeat(`{"a":`, 100_000), "more than 10 objects or lists"},
		{"too long", `{"a":"` + strings.Repeat("x", tlsrpt.MaxReport) + `"}`, "longer than 10485760 octets"},
		{"many policies", many(`{"policies":[`, `{}`, `]}`, tlsrpt.MaxPolicies+9), ""},
		{"many failures", many(`{"policies":[{"failure-details":[`, `{}`, `]}]}`, tlsrpt.MaxFailures+9), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tlsrpt.Read(strings.NewReader(tt.json))
			check(t, err, tt.want)
			switch tt.name {
			case "many policies":
				if len(r.Policies) != tlsrpt.MaxPolicies || r.OmittedPolicies != 10 {
					t.Errorf("%d kept, %d omitted", len(r.Policies), r.OmittedPolicies)
				}
			case "many failures":
				if len(r.Policies[0].Failures) != tlsrpt.MaxFailures || r.OmittedFailures != 10 {
					t.Errorf("%d kept, %d omitted", len(r.Policies[0].Failures), r.OmittedFailures)
				}
			}
		})
	}
}

func TestWriteIsReadBack(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	want := &tlsrpt.Report{
		Organisation: "Budkavle", Range: tlsrpt.Range{Start: day, End: day.Add(24*time.Hour - time.Second)}, Contact: "postmaster@example.org", ID: "1",
		Policies: []tlsrpt.Policy{{
			Policy:   tlsrpt.Applied{Type: "sts", Lines: []string{"version: STSv1"}, Domain: "example.net", MX: []string{"*.example.net"}},
			Summary:  tlsrpt.Summary{Successful: 7, Failed: 2},
			Failures: []tlsrpt.Failure{{Type: "certificate-expired", SendingIP: "192.0.2.1", ReceivingMX: "mx.example.net", ReceivingHelo: "mx", ReceivingIP: "192.0.2.2", Sessions: 2, Information: "https://example.org/?a=1&b=2", Reason: "X509"}},
		}},
	}
	written, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tlsrpt.Read(bytes.NewReader(written))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if good, failed := got.Sessions(); good != 7 || failed != 2 || got.Domain() != "example.net" {
		t.Errorf("%d, %d, %s", good, failed, got.Domain())
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"report-id":"a","policies":[{"policy":{"policy-type":"sts","mx-host":"a"},"summary":{"total-failure-session-count":3},"failure-details":[{"result-type":"x","failed-session-count":3}]}]}`)
	f.Add(`{"policies":[[{"policy":{"mx-host":["a",["b"]]}}]],"date-range":{"start-datetime":"2016-04-01T00:00:00Z"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := tlsrpt.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		good, failed := r.Sessions()
		if good < 0 || failed < 0 {
			t.Fatalf("%d, %d", good, failed)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=mailto:reports@example.org,https://example.org/")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := tlsrpt.ParseRecord([]string{text}); err == nil && len(r.Destinations) == 0 {
			t.Fatal("nowhere to report to")
		}
	})
}
