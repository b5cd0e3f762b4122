package e2e

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
)

// TestTrustedNetwork: clients of a trusted network send as its account without authentication; others must
// authenticate. A network whose account does not exist keeps the node from starting.
func TestTrustedNetwork(t *testing.T) {
	r := receive(t, nil)
	n := install(t, "", fixedRoute(r.addr), "BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=127.0.0.1/32=school")
	n.start()
	if err := connect(t, n.smtp).send("trusted@school.example", "a@rcpt.example"); err != nil {
		t.Errorf("a client of the trusted network: %v", err)
	}
	stranger := connectFrom(t, n.smtp, "127.0.0.2", "info@school.example")
	if err := stranger.send("stranger@school.example", "a@rcpt.example"); code(err) != 530 {
		t.Errorf("a client of another network was told %v, want 530", err)
	}
	forger := connectFrom(t, n.smtp, "127.0.0.1", "info@elsewhere.example")
	if err := forger.send("forger@school.example", "a@rcpt.example"); code(err) != 550 || !strings.Contains(err.Error(), "info@elsewhere.example") {
		t.Errorf("a sender of a domain that is not the account's was told %v, want 550 that names it", err)
	}
	r.await(t, 1)
	n.stop()

	n.env = append(n.env, "BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=127.0.0.1/32=nobody")
	n.launch()
	n.awaitEnd()
	if said := n.log.tail(); n.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said, "budkavle account add nobody") {
		t.Errorf("exit status %d, and:\n%s", n.cmd.ProcessState.ExitCode(), said)
	}
}

// TestCredentialsOfTheCommandLine: what credential add and key add print opens SMTP and HTTP, and what they removed
// does not, on a node that was running all the while.
func TestCredentialsOfTheCommandLine(t *testing.T) {
	r := receive(t, nil)
	n := install(t, "", fixedRoute(r.addr), "BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=")
	n.start()
	var user struct{ Username, Password string }
	var key struct{ Key, ID string }
	fromJSON(t, n.run("credential", "add", "--account", "school", "--json"), &user)
	fromJSON(t, n.run("key", "add", "--account", "school", "--json"), &key)

	bySMTP := func() error {
		host, _, _ := strings.Cut(n.smtp, ":")
		c, err := smtp.Dial(n.smtp)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil { // its certificate is of its own making
			return err
		}
		if err := c.Auth(smtp.PlainAuth("", user.Username, user.Password, host)); err != nil {
			return err
		}
		return c.Mail("info@school.example")
	}
	byHTTP := func() error {
		form := url.Values{"from": {"info@school.example"}, "to": {"a@rcpt.example"}, "subject": {"Hej"}, "text": {"Hej"}}
		req, err := http.NewRequest("POST", "http://"+n.web+"/v3/school.example/messages", strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("api", key.Key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", res.StatusCode)
		}
		return nil
	}
	n.await("the new user to be known", func() bool { return bySMTP() == nil })
	n.await("the new key to be known", func() bool { return byHTTP() == nil })
	r.await(t, 1)
	n.run("credential", "remove", user.Username)
	n.run("key", "remove", key.ID)
	n.await("the user to be forgotten", func() bool { return code(bySMTP()) == 535 })
	n.await("the key to be forgotten", func() bool { err := byHTTP(); return err != nil && err.Error() == "status 401" })
	n.stop()
}

// TestEnvironmentWins: a value of the environment stands above the file's, and a variable that fits no key is an error.
func TestEnvironmentWins(t *testing.T) {
	n := install(t, "", "", "BUDKAVLE_NODE_HOSTNAME=other.example")
	n.start()
	c := connect(t, n.smtp)
	if err := c.text.PrintfLine("EHLO sender.example"); err != nil {
		t.Fatal(err)
	}
	if _, greeting, err := c.text.ReadResponse(250); err != nil || !strings.HasPrefix(greeting, "other.example") {
		t.Errorf("the node calls itself %q, %v", greeting, err)
	}
	n.stop()
	n.env = append(n.env, "BUDKAVLE_NODE_HOSTNAM=other.example")
	if _, errs, err := n.command("account", "list"); err == nil || !strings.Contains(errs, "BUDKAVLE_NODE_HOSTNAM") {
		t.Errorf("a variable that fits no key: %v, %s", err, errs)
	}
}

func fromJSON(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
