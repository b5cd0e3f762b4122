package e2e

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/budkavle/budkavle/internal/lab"
)

const domainZone = `
greylist = "1200ms"
[[provider]]
name = "Open"
domains = ["rcpt.example"]
[[provider.server]]
host = "mx.rcpt.example"
addresses = ["127.0.61.1"]
[[provider]]
name = "Grey"
domains = ["grey.example"]
mix = { greylists = 1 }
[[provider.server]]
host = "mx.grey.example"
addresses = ["127.0.61.2"]
`

// operator is a node that finds its way by a lab's DNS, and the zone files that its people and their customers keep.
type operator struct {
	*node
	lab *lab.Lab

	mu    sync.Mutex
	files map[string]string // by owner
}

// operate makes a node with an empty store. A caching resolver stands between it and the lab, so that what was published
// since is in DNS and not in the resolver. Who sends must authenticate.
func operate(t *testing.T, storeURL string, cache bool) *operator {
	t.Helper()
	zone, err := lab.ParseZone(domainZone)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(t.Context(), lab.Config{Zone: zone, Cache: cache, Keep: 5000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	resolver := l.DNSAddr()
	if cache {
		resolver = l.CacheAddr()
	}
	o := &operator{lab: l, files: map[string]string{}}
	o.node = prepare(t, storeURL, "",
		"BUDKAVLE_DNS_SERVERS="+resolver, fmt.Sprintf("BUDKAVLE_DNS_AUTHORITY_PORT=%d", netip.MustParseAddrPort(l.DNSAddr()).Port()),
		fmt.Sprintf("BUDKAVLE_DELIVERY_PORT=%d", l.Port()), "BUDKAVLE_DELIVERY_SOURCE_ADDRESSES=127.0.0.1", "BUDKAVLE_DELIVERY_RETRY_FIRST=1s",
		"BUDKAVLE_DOMAINS_SPF_INCLUDE=spf.node.example", "BUDKAVLE_DOMAINS_KEY_ZONE=keys.node.example",
		"BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=")
	o.run("account", "add", "school")
	host, _, _ := net.SplitHostPort(o.mx)
	o.publish("host", "node.example. IN A "+host+"\n")
	o.publish("operator", o.run("domain", "zone"))
	return o
}

// publish puts the text, unchanged, in the place of the owner's zone file, and has the name server load all files.
func (o *operator) publish(owner, text string) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files[owner] = text
	var all strings.Builder
	for _, text := range o.files {
		all.WriteString(text)
	}
	if err := o.lab.Replace(all.String()); err != nil {
		o.t.Fatalf("the name server does not take what was printed: %v\n%s", err, all.String())
	}
}

// add adds a domain and an SMTP user of it.
func (o *operator) add(domain, setup string) (user account) {
	o.t.Helper()
	o.run("domain", "add", domain, "--account", "school", "--setup", setup)
	fromJSON(o.t, o.run("credential", "add", "--account", "school", "--domain", domain, "--json"), &user)
	return user
}

// publishShown pastes what domain show prints for BIND into the customer's zone file, and what domain zone prints into the
// operator's.
func (o *operator) publishShown(domain, others string) {
	o.t.Helper()
	o.publish(domain, others+o.run("domain", "show", domain, "--bind"))
	o.publish("operator", o.run("domain", "zone"))
}

// account is an SMTP user as credential add --json tells of it.
type account struct{ Username, Password string }

// login opens an authenticated session, in TLS, of one who sends as the domain.
func (o *operator) login(user account, domain string) *client {
	o.t.Helper()
	c := connect(o.t, o.smtp)
	if err := c.say(220, "STARTTLS"); err != nil {
		o.t.Fatal(err)
	}
	c.conn = tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true}) // its certificate is of its own making
	c.text, c.sender = textproto.NewConn(c.conn), "info@"+domain
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user.Username + "\x00" + user.Password))
	for _, step := range []struct {
		want int
		line string
	}{{250, "EHLO sender.example"}, {235, "AUTH PLAIN " + plain}} {
		if err := c.say(step.want, "%s", step.line); err != nil {
			o.t.Fatal(err)
		}
	}
	return c
}

// anna takes all mail.
const anna = "anna@rcpt.example"

// send submits a letter id@domain to anna, in a session of its own.
func (o *operator) send(user account, domain, id string) error {
	o.t.Helper()
	c := o.login(user, domain)
	defer c.close()
	return c.send(id+"@"+domain, anna)
}

// arrived is what receivers made of a message; it waits for it.
func (o *operator) arrived(id string) (found lab.Arrival) {
	o.t.Helper()
	o.await("the arrival of "+id, func() bool {
		for _, a := range o.lab.Arrivals() {
			if a.MessageID == id {
				found = a
				return true
			}
		}
		return false
	})
	return found
}

// faultless wants everything that receivers check to pass and to stand for the domain.
func faultless(t *testing.T, a lab.Arrival, domain string, signatures int) {
	t.Helper()
	good := 0
	for _, s := range a.Signatures {
		if s.Err == nil && s.Domain == domain {
			good++
		}
	}
	if good != signatures || len(a.Signatures) != signatures {
		t.Errorf("%s: signatures %+v, want %d of %s", a.MessageID, a.Signatures, signatures, domain)
	}
	if a.SPF != "pass" || a.SPFDomain != "bounce."+domain || !strings.HasSuffix(a.Sender, "@bounce."+domain) {
		t.Errorf("%s: SPF of %s says %s to envelope sender %s", a.MessageID, a.SPFDomain, a.SPF, a.Sender)
	}
	if a.DMARC != "pass" || !a.AlignedSPF || a.AlignedDKIM != (signatures > 0) || a.FromDomain != domain {
		t.Errorf("%s: DMARC %s, aligned by SPF %v and by DKIM %v: %s", a.MessageID, a.DMARC, a.AlignedSPF, a.AlignedDKIM, a.Why)
	}
}

// TestDomainFromNothingToLive: an empty store, what the program prints pasted unchanged, and mail that passes everything.
func TestDomainFromNothingToLive(t *testing.T) {
	for _, tt := range []struct {
		name string
		url  func(t *testing.T) string
	}{
		{"sqlite", func(*testing.T) string { return "" }},
		{"postgres", func(t *testing.T) string { return postgres(t).URL }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := operate(t, tt.url(t), true)
			o.start()
			for _, c := range []struct{ setup, others string }{
				{"txt", "txt.example. IN MX 10 mx.rcpt.example.\n"},
				{"cname", ""},
			} {
				o.fromNothingToLive(c.setup+".example", c.setup, c.others)
			}
			o.stop()
		})
	}
}

func (o *operator) fromNothingToLive(domain, setup, others string) {
	t := o.t
	t.Helper()
	user := o.add(domain, setup)
	refused := func(says string) {
		t.Helper()
		var err error
		o.await("the refusal that says "+says, func() bool {
			if err = o.send(user, domain, "early"); code(err) != 550 {
				t.Fatalf("before anything is published the sender is told %v", err)
			}
			return strings.Contains(err.Error(), says)
		})
	}
	refused(domain + ", which may not send yet: it is ")
	if out, _, err := o.command("domain", "verify", domain); err == nil || !strings.Contains(out, "It lacks: proof of ownership, SPF, DKIM, DMARC") {
		t.Errorf("verify before anything is published: %v\n%s", err, out)
	}
	refused("it is waiting: its DNS records are not proved yet. In DNS it lacks: ownership, spf, dkim, dmarc")

	o.publishShown(domain, others)
	if out := o.run("domain", "verify", domain); !strings.Contains(out, "is now live") {
		t.Errorf("verify said\n%s", out)
	}
	o.await("the node to take mail", func() bool { return o.send(user, domain, "first") == nil })
	faultless(t, o.arrived("first@"+domain), domain, 2)
	if n := o.lab.Received("early@"+domain, anna); n != 0 {
		t.Errorf("%d messages arrived that were refused", n)
	}
}

// TestTheSPFRecordThatIsThereIsChanged: what is printed goes in the place of the old record, and keeps what it said.
func TestTheSPFRecordThatIsThereIsChanged(t *testing.T) {
	o := operate(t, "", false)
	const domain, others = "old.example", "old.example. IN MX 10 mx.rcpt.example.\n"
	o.publish(domain, others+`old.example. IN TXT "v=spf1 mx ip4:192.0.2.7 ~all"`+"\n"+`_dmarc.old.example. IN TXT "v=DMARC1; p=quarantine"`+"\n")
	user := o.add(domain, "txt")
	shown := o.run("domain", "show", domain, "--bind")
	for _, line := range []string{
		`old.example. IN TXT "v=spf1 mx ip4:192.0.2.7 include:spf.node.example ~all"`,
		`_dmarc.old.example. IN TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@bounce.node.example"`,
	} {
		if !strings.Contains(shown, "\n"+line+"\n") {
			t.Errorf("not printed: %s\n%s", line, shown)
		}
	}
	o.publish(domain, others+shown)
	o.run("domain", "verify", domain)
	o.start()
	if err := o.send(user, domain, "1"); err != nil {
		t.Fatal(err)
	}
	faultless(t, o.arrived("1@"+domain), domain, 2)
	o.stop()
}
