package api

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/report"
)

func TestReportsByHTTP(t *testing.T) {
	w := newWorld(t)
	s := reports.New(reports.Config{
		Store: w.store, Addresses: func(context.Context) ([]netip.Addr, error) { return nil, nil }, Clock: clock.System{}, IDs: w.ids, Log: slog.New(slog.DiscardHandler),
		Resolver: &dnstest.Fake{TXT: map[string][]string{"_dmarc.school.example": {"v=DMARC1; p=none"}}},
		ReportTo: "dmarc@bounce.operator.example", Days: 14, Age: 400 * 24 * time.Hour,
	})
	w.Reports = s
	a := &dmarc.Aggregate{Organisation: "receiver.example", ID: "1", Begin: time.Now(), End: time.Now(), Rows: []dmarc.Row{
		{Source: netip.MustParseAddr("192.0.2.1"), Count: 8, DKIM: "pass", SPF: "pass", From: "school.example"}, {Source: netip.MustParseAddr("203.0.113.9"), Count: 2, DKIM: "fail", SPF: "fail"},
	}}
	a.Published.Domain = "school.example"
	_, err := s.Keep(t.Context(), report.Report{Kind: report.DMARC, DMARC: a})
	w.ok(err)

	code, doc := w.asks(w.school, "GET", "/api/v1/domains/school.example/reports?days=7", nil)
	if code != 200 || doc["messages"] != 10.0 || doc["passing"] != 8.0 || len(doc["senders"].([]any)) != 2 {
		t.Errorf("%d %v", code, doc)
	}
	code, doc = w.asks(w.school, "GET", "/api/v1/domains/school.example/dmarc", nil)
	if verdict := doc["verdict"].(map[string]any); code != 200 || doc["record"] != "v=DMARC1; p=none" || verdict["move"] != "stay" || verdict["next"] != "quarantine" {
		t.Errorf("%d %v", code, doc)
	}
	for path, want := range map[string]string{
		"/reports?days=0": "days: ", "/reports?days=x": "days: ", "/reports?day=1": "day: there is no such parameter",
	} {
		if code, doc := w.asks(w.school, "GET", "/api/v1/domains/school.example"+path, nil); code != 400 || !strings.HasPrefix(doc["message"].(string), want) {
			t.Errorf("%s: %d %v", path, code, doc)
		}
	}
	for _, path := range []string{"/reports", "/dmarc"} {
		if code, _ := w.asks(w.shop, "GET", "/api/v1/domains/school.example"+path, nil); code != 404 && code != 401 && code != 403 {
			t.Errorf("another account's %s: %d", path, code)
		}
	}
}
