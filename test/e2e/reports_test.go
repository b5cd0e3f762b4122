package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// report hands a report, packed, to the door where the world's mail comes in, as its receivers do.
func (n *node) report(mailbox, text string) error {
	n.t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := io.WriteString(w, text); err != nil {
		n.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		n.t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString(z.Bytes())
	c := connect(n.t, n.mx)
	defer c.close()
	for _, step := range []struct {
		want int
		line string
	}{{250, "MAIL FROM:<noreply@receiver.example>"}, {250, "RCPT TO:<" + mailbox + ">"}, {354, "DATA"}} {
		if err := c.say(step.want, "%s", step.line); err != nil {
			return err
		}
	}
	var b strings.Builder
	b.WriteString("From: noreply@receiver.example\r\nSubject: Report domain: school.example\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nA report.\r\n--x\r\n" +
		"Content-Type: application/gzip; name=r.xml.gz\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for ; len(encoded) > 76; encoded = encoded[76:] {
		b.WriteString(encoded[:76] + "\r\n")
	}
	b.WriteString(encoded + "\r\n--x--\r\n")
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		return err
	}
	return c.finish()
}

// aggregate is a report of a day so many days ago: mail of ours that passes, and somebody else's.
func aggregate(domain string, ago, passing, failing int) string {
	begin := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -ago)
	row := func(addr string, n int, result string) string {
		return fmt.Sprintf(`<record><row><source_ip>%s</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>%s</dkim><spf>%s</spf></policy_evaluated></row>
<identifiers><header_from>%s</header_from></identifiers><auth_results><spf><domain>somebody.example</domain><result>%s</result></spf></auth_results></record>`, addr, n, result, result, domain, result)
	}
	return fmt.Sprintf(`<?xml version="1.0"?><feedback><report_metadata><org_name>receiver.example</org_name><report_id>r%d</report_id>
<date_range><begin>%d</begin><end>%d</end></date_range></report_metadata><policy_published><domain>%s</domain><p>none</p></policy_published>%s%s</feedback>`,
		ago, begin.Unix(), begin.Unix()+86399, domain, row("127.0.0.1", passing, "pass"), row("203.0.113.66", failing, "fail"))
}

// TestReportsComeByMail: what receivers report changes what is said of a domain's DMARC; what harms is taken and forgotten.
func TestReportsComeByMail(t *testing.T) {
	o := operate(t, "", false)
	const domain, mailbox = "school.example", "dmarc@bounce.node.example"
	o.add(domain, "txt")
	o.publishShown(domain, "")
	o.start()
	type standing struct {
		Record  string
		Reports bool
		Verdict struct {
			Policy, Next, Move string
			Lacks              []string
			ReportDays         int `json:"report_days"`
			Passing            int64
			Would              []struct {
				Source, Kind string
				Messages     int64
			}
		}
	}
	look := func() (s standing) {
		t.Helper()
		fromJSON(t, o.run("domain", "dmarc", domain, "--json"), &s)
		return s
	}
	if s := look(); s.Record != "v=DMARC1; p=none; rua=mailto:"+mailbox || !s.Reports || s.Verdict.ReportDays != 0 || s.Verdict.Next != "quarantine" {
		t.Errorf("before: %+v", s)
	}

	for ago := 1; ago <= 14; ago++ {
		if err := o.report(mailbox, aggregate(domain, ago, 100, ago)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.report(strings.ToUpper(mailbox), aggregate(domain, 1, 100, 1)); err != nil { // again, and it counts once
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a bomb": aggregate(domain, 3, 1, 1) + strings.Repeat(" ", 16<<20), "no report": "hello", "of another's domain": aggregate("other.example", 2, 1, 1),
	} {
		if err := o.report(mailbox, text); err != nil {
			t.Errorf("%s is to be taken, and forgotten: %v", name, err)
		}
	}
	if err := o.report("anybody@bounce.node.example", "hello"); code(err) != 550 {
		t.Errorf("mail to nobody: %v", err)
	}
	s := look()
	if v := s.Verdict; v.ReportDays != 14 || v.Passing != 1400 || len(v.Would) != 1 || v.Would[0].Source != "203.0.113.66" || v.Would[0].Kind != "stranger" || v.Would[0].Messages != 105 {
		t.Errorf("after: %+v", v)
	}
	// Fourteen days have passed in reports, but nothing was sent from here: a step waits for that.
	if v := s.Verdict; v.Move != "stay" || len(v.Lacks) != 1 || !strings.Contains(v.Lacks[0], "mail of our own") {
		t.Errorf("after: %+v", v)
	}

	const tls = `{"organization-name":"receiver.example","date-range":{"start-datetime":"%[1]sT00:00:00Z","end-datetime":"%[1]sT23:59:59Z"},"contact-info":"x","report-id":"t1",
"policies":[{"policy":{"policy-type":"sts","policy-domain":"school.example"},"summary":{"total-successful-session-count":90,"total-failure-session-count":10},
"failure-details":[{"result-type":"certificate-expired","failed-session-count":10}]}]}`
	if err := o.report("tlsrpt@bounce.node.example", fmt.Sprintf(tls, time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly))); err != nil {
		t.Fatal(err)
	}
	page := o.run("domain", "reports", domain)
	for _, want := range []string{"Messages: 1505, of them pass DMARC: 1400", "receiver.example (14)", "203.0.113.66", "90 sessions in order, 10 failed", "the certificate has expired"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}

	var key struct{ Key string }
	fromJSON(t, o.run("key", "add", "--account", "school", "--json"), &key)
	if status, text := o.call("GET", "/api/v1/domains/"+domain+"/dmarc", key.Key, "", nil); status != http.StatusOK || !strings.Contains(text, `"report_days":14`) {
		t.Errorf("by HTTP: %d %s", status, text)
	}
	if _, figures, err := o.get("/metrics"); err != nil || !strings.Contains(figures, `budkavle_reports_total{kind="mail",outcome="refused"} 2`) ||
		!strings.Contains(figures, `budkavle_reports_total{kind="dmarc",outcome="kept"} 14`) || !strings.Contains(figures, `budkavle_reports_total{kind="dmarc",outcome="again"} 1`) {
		t.Errorf("figures: %v", err)
	}
	o.stop()
}
