package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// postbox keeps what came, by recipient, and refuses whom it does not know.
type postbox struct {
	*receiver
	mu      sync.Mutex
	letters map[string][]*mail.Message
	texts   map[string]string // of the last letter
	dead    string
}

func openPostbox(t *testing.T) *postbox {
	p := &postbox{letters: map[string][]*mail.Message{}, texts: map[string]string{}}
	p.receiver = receive(t, func(r *receiver) {
		r.take = func(m received) error {
			letter, err := mail.ReadMessage(bytes.NewReader(m.raw))
			if err != nil {
				return err
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if slices.Contains(m.to, p.dead) {
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "User unknown"}
			}
			body, err := io.ReadAll(letter.Body)
			for _, to := range m.to {
				p.letters[to], p.texts[to] = append(p.letters[to], letter), string(body)
			}
			return err
		}
	})
	return p
}

// of is how many letters came to an address, and the last.
func (p *postbox) of(address string) (int, *mail.Message, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.letters[address]
	if len(list) == 0 {
		return 0, nil, ""
	}
	return len(list), list[len(list)-1], p.texts[address]
}

func (p *postbox) refuse(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = address
}

// newsletter submits bulk mail.
func newsletter(t *testing.T, n *node, id string, recipients ...string) {
	t.Helper()
	c := connect(t, n.smtp)
	defer c.close()
	c.must(t, 250, "MAIL FROM:<info@school.example>")
	for _, r := range recipients {
		c.must(t, 250, "RCPT TO:<%s>", r)
	}
	c.must(t, 354, "DATA")
	c.must(t, 250, "From: info@school.example\r\nTo: readers:;\r\nSubject: Nyheter\r\nPrecedence: bulk\r\nMessage-ID: <%s@school.example>\r\n\r\nHej.\r\n.", id)
}

func (c *client) must(t *testing.T, want int, format string, args ...any) {
	t.Helper()
	if err := c.say(want, format, args...); err != nil {
		t.Fatalf("%.60s: %v", fmt.Sprintf(format, args...), err)
	}
}

// visit speaks HTTP with the node, as a program with a key or, without one, as a mail program or browser.
func (n *node) visit(method, address, key, form string) (int, string) {
	n.t.Helper()
	if !strings.HasPrefix(address, "http") {
		address = "http://" + n.web + address
	}
	r, err := http.NewRequestWithContext(n.t.Context(), method, address, strings.NewReader(form))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		r.SetBasicAuth("api", key)
	}
	res, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// told are the events of a recipient, oldest first, as "event reason code".
func (n *node) told(key, recipient string) []string {
	n.t.Helper()
	status, body := n.visit("GET", "/v3/school.example/events?ascending=yes&recipient="+url.QueryEscape(recipient), key, "")
	var page struct {
		Items []struct {
			Event, Reason string
			Status        struct{ Code int } `json:"delivery-status"`
		}
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 {
		n.t.Fatalf("events: %d %s, %v", status, body, err)
	}
	var list []string
	for _, e := range page.Items {
		list = append(list, strings.TrimSpace(fmt.Sprint(e.Event, " ", e.Reason, " ", e.Status.Code)))
	}
	return list
}

// TestRecipientsDecide: of three readers of a newsletter one leaves by one click, one by mail, and the mail to the third
// comes back. The next issue reaches none of them, and the sender is told why. The third proves the address and is back.
func TestRecipientsDecide(t *testing.T) {
	const anna, bo, cia = "anna@rcpt.example", "bo@rcpt.example", "cia@rcpt.example"
	p := openPostbox(t)
	n := prepare(t, "", fixedRoute(p.addr))
	n.run("account", "add", "school", "--bulk")
	n.run("domain", "add", "school.example", "--account", "school", "--waive", "test on loopback")
	var made struct{ Key string }
	if err := json.Unmarshal([]byte(n.run("key", "add", "--account", "school", "--json")), &made); err != nil {
		t.Fatal(err)
	}
	n.start()
	newsletter(t, n, "first", anna, bo, cia)
	p.await(t, 3)

	// Each has a link of their own, under the signature.
	links := map[string]string{}
	mailto := map[string]string{}
	for _, who := range []string{anna, bo, cia} {
		_, letter, _ := p.of(who)
		m := regexp.MustCompile(`^<(http[^>]*)>,\s*<mailto:([^>]*)>$`).FindStringSubmatch(letter.Header.Get("List-Unsubscribe"))
		if m == nil || letter.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" ||
			!strings.Contains(strings.ReplaceAll(letter.Header.Get("Dkim-Signature"), " ", ""), ":List-Unsubscribe:List-Unsubscribe-Post:") {
			t.Fatalf("header to %s: %v", who, letter.Header)
		}
		links[who], mailto[who] = m[1], m[2]
	}
	if links[anna] == links[bo] {
		t.Error("two readers have the same link")
	}

	// A scanner follows the link, which does nothing; then the mail program posts.
	for range 2 {
		if status, body := n.visit("GET", links[anna], "", ""); status != 200 || !strings.Contains(body, anna) {
			t.Errorf("the page: %d %s", status, body)
		}
	}
	newsletter(t, n, "second", anna)
	p.await(t, 4)
	if status, body := n.visit("POST", links[anna], "", "List-Unsubscribe=One-Click"); status != 200 {
		t.Errorf("one click: %d %s", status, body)
	}
	// Bo's mail program writes the mail, and folds its subject.
	mailbox, subject, ok := strings.Cut(mailto[bo], "?subject=")
	if !ok || len(subject) < 40 {
		t.Fatalf("mailto:%s", mailto[bo])
	}
	c := connect(t, n.mx)
	c.must(t, 250, "MAIL FROM:<%s>", bo)
	c.must(t, 250, "RCPT TO:<%s>", mailbox)
	c.must(t, 354, "DATA")
	c.must(t, 250, "From: %s\r\nTo: %s\r\nSubject: Re: %s\r\n %s\r\n\r\n.", bo, mailbox, subject[:30], subject[30:])
	c.must(t, 250, "MAIL FROM:<>") // a mail without a token is taken, and changes nothing
	c.must(t, 250, "RCPT TO:<%s>", mailbox)
	c.must(t, 354, "DATA")
	c.must(t, 250, "Subject: unsubscribe\r\n\r\n.")

	p.refuse(cia)
	newsletter(t, n, "third", anna, bo, cia, "dag@rcpt.example")
	p.await(t, 5)
	n.await("cia's mail to come back", func() bool { return inState(n, "bounced", cia) })
	newsletter(t, n, "fourth", anna, bo, cia, "dag@rcpt.example")
	p.await(t, 6)
	for who, want := range map[string][]string{
		anna: {"accepted  0", "delivered  250", "accepted  0", "delivered  250", "unsubscribed  0", "failed suppress-unsubscribe 606", "failed suppress-unsubscribe 606"},
		bo:   {"accepted  0", "delivered  250", "unsubscribed  0", "failed suppress-unsubscribe 606", "failed suppress-unsubscribe 606"},
		cia:  {"accepted  0", "delivered  250", "accepted  0", "failed bounce 550", "failed suppress-bounce 605"},
	} {
		if got := n.told(made.Key, who); !slices.Equal(slices.DeleteFunc(slices.Clone(got), isAccepted), slices.DeleteFunc(want, isAccepted)) {
			t.Errorf("%s: %q, want %q", who, got, want)
		}
	}
	for kind, who := range map[string]string{"bounces": cia, "unsubscribes": bo} {
		if status, body := n.visit("GET", "/v3/school.example/"+kind+"/"+who, made.Key, ""); status != 200 || !strings.Contains(body, who) {
			t.Errorf("%s: %d %s", kind, status, body)
		}
	}

	comeBack(t, n, p, made.Key, cia)
	if status, body := n.visit("POST", links[bo], "", "do=start"); status != 200 {
		t.Errorf("start again: %d %s", status, body)
	}
	before := p.total()
	newsletter(t, n, "fifth", anna, bo, cia)
	p.await(t, before+2)
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })
	for who, want := range map[string]int{anna: 2, bo: 2, cia: 3} {
		if got, _, _ := p.of(who); got != want {
			t.Errorf("%s has %d letters, want %d", who, got, want)
		}
	}
	n.stop()
}

func isAccepted(event string) bool { return strings.HasPrefix(event, "accepted") }

// comeBack proves a dead address by the link that a system asks for.
func comeBack(t *testing.T, n *node, p *postbox, key, who string) {
	t.Helper()
	about := func() string {
		t.Helper()
		status, body := n.visit("GET", "/api/v1/recipients/"+url.PathEscape(who), key, "")
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		return body
	}
	if body := about(); !strings.Contains(body, `"sending":false`) || !strings.Contains(body, `"kind":"bounce"`) || !strings.Contains(body, `"can_be_reactivated":"by verification"`) {
		t.Errorf("after the bounce: %s", body)
	}
	p.refuse("") // the mailbox is there again
	before, _, _ := p.of(who)
	if status, body := n.visit("POST", "/api/v1/recipients/"+who+"/verify?domain=school.example", key, ""); status != 202 {
		t.Fatalf("verify: %d %s", status, body)
	}
	n.await("the link", func() bool { got, _, _ := p.of(who); return got > before })
	_, letter, text := p.of(who)
	text = strings.ReplaceAll(strings.ReplaceAll(text, "=\r\n", ""), "=3D", "=")
	link := regexp.MustCompile(`http://[^\s<>"]*/u/verify/[\w-]+`).FindString(text)
	if link == "" {
		t.Fatalf("no link in %v\n%s", letter.Header, text)
	}
	if status, _ := n.visit("GET", link, "", ""); status != 200 || !strings.Contains(about(), `"sending":false`) {
		t.Errorf("a look at the link: %d, %s", status, about())
	}
	if status, body := n.visit("POST", link, "", ""); status != 200 || !strings.Contains(about(), `"sending":true`) {
		t.Errorf("the link: %d %s; %s", status, body, about())
	}
	if status, _ := n.visit("POST", link, "", ""); status != 410 {
		t.Errorf("the link a second time: %d", status)
	}
}
