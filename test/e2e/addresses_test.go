package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// hookCall is what a webhook of this test was sent.
type hookCall struct {
	Signature struct{ Timestamp, Token, Signature string }
	Data      struct{ ID, Address, State, EHLO string } `json:"event-data"`
}

// TestAnAddressIsNamedWhileMailFlows: mail goes out from it, the page shows it, and who asked is told by call and by mail.
func TestAnAddressIsNamedWhileMailFlows(t *testing.T) {
	var mu sync.Mutex
	var came []received
	inbox := receive(t, func(r *receiver) {
		r.take = func(m received) error {
			mu.Lock()
			defer mu.Unlock()
			came = append(came, m)
			return nil
		}
	})
	var calls []hookCall
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var c hookCall
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			t.Error(err)
		}
		calls = append(calls, c)
	}))
	defer hook.Close()
	mails := func(to string) (list []received) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range came {
			if m.to[0] == to {
				list = append(list, m)
			}
		}
		return list
	}
	n := install(t, "", fixedRoute(inbox.addr), "BUDKAVLE_DELIVERY_PRIVATE_ADDRESSES=true", "BUDKAVLE_SENDERS_FROM_DOMAIN=school.example", "BUDKAVLE_SENDERS_CONTACT=mail@school.example")
	var hooked struct{ Secret string }
	if err := json.Unmarshal([]byte(n.run("ip", "subscribe", "--url", hook.URL+"/hook", "--json")), &hooked); err != nil {
		t.Fatal(err)
	}
	n.run("ip", "subscribe", "--mail", "it@big.example")
	n.start()
	send := func(to string) {
		c := connect(t, n.smtp)
		defer c.close()
		c.must(t, 250, "MAIL FROM:<info@school.example>")
		c.must(t, 250, "RCPT TO:<%s>", to)
		c.must(t, 354, "DATA")
		c.must(t, 250, "From: info@school.example\r\nTo: %s\r\nSubject: Hej\r\n\r\nHej.\r\n.", to)
	}
	send("before@big.example")
	n.await("mail before", func() bool { return len(mails("before@big.example")) == 1 })
	if m := mails("before@big.example")[0]; m.client != "127.0.0.1" || m.helo != "node.example" {
		t.Errorf("before, mail came from %s %s", m.client, m.helo)
	}

	n.run("ip", "add", "127.0.9.1", "--state", "active", "--ehlo", "mx9.example")
	tries := 0
	n.await("mail from the new address", func() bool {
		tries++
		to := fmt.Sprintf("after%d@big.example", tries)
		send(to)
		n.await("mail after", func() bool { return len(mails(to)) == 1 })
		m := mails(to)[0]
		return m.client == "127.0.9.1" && m.helo == "mx9.example"
	})
	n.await("a call", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(calls) > 0
	})
	n.await("a letter", func() bool { return len(mails("it@big.example")) > 0 })
	mu.Lock()
	c := calls[0]
	mu.Unlock()
	mac := hmac.New(sha256.New, []byte(hooked.Secret))
	mac.Write([]byte(c.Signature.Timestamp + c.Signature.Token))
	if hex.EncodeToString(mac.Sum(nil)) != c.Signature.Signature || c.Data.Address != "127.0.9.1" || c.Data.State != "active" || c.Data.EHLO != "mx9.example" {
		t.Errorf("call %+v", c)
	}
	if m := mails("it@big.example")[0]; !strings.Contains(m.from, "school.example") && !strings.Contains(m.from, "bounce.node.example") || !strings.Contains(string(m.raw), "127.0.9.1") || !strings.Contains(string(m.raw), "DKIM-Signature:") {
		t.Errorf("letter from %s:\n%s", m.from, m.raw)
	}
	for path, want := range map[string]string{
		"/senders?lang=sv":               "Släpp fram vår e-post",
		"/senders":                       `<a href="mailto:mail@school.example">`,
		"/senders.txt":                   "\n127.0.9.1 # in use since ",
		"/senders.json":                  `"ehlo": "mx9.example"`,
		"/senders?domain=school.example": "Mail from school.example is signed by",
	} {
		if status, body, err := n.get(path); err != nil || status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %v, without %q:\n%s", path, status, err, want, body)
		}
	}
	if status, _, err := n.get("/senders?domain=other.example"); err != nil || status != http.StatusNotFound {
		t.Errorf("a domain that is not ours: %d, %v", status, err)
	}
	n.stop()
}

// TestBulkWaitsForThePTR: a domain that is live needs no waiver for what it writes to one, and a name of the address for what it
// writes to many.
func TestBulkWaitsForThePTR(t *testing.T) {
	o := operate(t, "", false)
	o.run("account", "add", "news", "--bulk")
	o.run("domain", "add", "news.example", "--account", "news", "--setup", "txt")
	var user account
	fromJSON(t, o.run("credential", "add", "--account", "news", "--domain", "news.example", "--json"), &user)
	o.run("ip", "add", "127.0.0.1", "--state", "active", "--ehlo", "mx.node.example")
	o.start()
	o.publishShown("news.example", "news.example. IN MX 10 mx.rcpt.example.\n")
	o.run("domain", "verify", "news.example")
	issue := func(id string) error {
		c := o.login(user, "news.example")
		defer c.close()
		c.must(t, 250, "MAIL FROM:<info@news.example>")
		c.must(t, 250, "RCPT TO:<%s>", anna)
		c.must(t, 354, "DATA")
		return c.say(250, "From: info@news.example\r\nTo: readers:;\r\nSubject: Nyheter\r\nPrecedence: bulk\r\nMessage-ID: <%s@news.example>\r\n\r\nHej.\r\n.", id)
	}
	if err := issue("early"); err == nil || !strings.Contains(err.Error(), "4.7.25 Bulk mail of news.example") || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("bulk mail from an address without a name: %v", err)
	}
	if err := o.send(user, "news.example", "single"); err != nil {
		t.Errorf("mail to one: %v", err)
	}
	if out, _, err := o.command("ip", "verify", "127.0.0.1"); err == nil || !strings.Contains(out, "budkavle ip check 127.0.0.1") {
		t.Errorf("verified without a record: %v\n%s", err, out)
	}
	o.publish("reverse", "1.0.0.127.in-addr.arpa. IN PTR mx.node.example.\nmx.node.example. IN A 127.0.0.1\n")
	o.run("ip", "verify", "127.0.0.1")
	o.await("the node to know", func() bool { return issue("late") == nil })
	o.arrived("late@news.example")
	o.stop()
}
