package e2e

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// mixed is a receiver that defers letters "later…" once and refuses letters "never…".
func mixed(t *testing.T) *receiver {
	deferred := make(chan struct{}, 1) // one letter is deferred, the first time
	deferred <- struct{}{}
	return receive(t, func(r *receiver) {
		r.take = func(m received) error {
			switch {
			case strings.HasPrefix(m.id, "never"):
				return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
			case strings.HasPrefix(m.id, "later"):
				select {
				case <-deferred:
					return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted, come back"}
				default:
				}
			}
			return nil
		}
	})
}

// sendMixed submits three letters that are delivered, one that is deferred first, and one that bounces; a letter's
// sender is told of nothing (NOTIFY=NEVER), so that these five are all there is.
func sendMixed(t *testing.T, n *node) {
	c := connect(t, n.smtp)
	for _, id := range []string{"one", "two", "three", "later", "never"} {
		if err := c.say(250, "MAIL FROM:<%s>", c.sender); err != nil {
			t.Fatal(err)
		}
		if err := c.say(250, "RCPT TO:<%s@rcpt.example> NOTIFY=NEVER", id); err != nil {
			t.Fatal(err)
		}
		if err := c.data(id + "@school.example"); err != nil {
			t.Fatal(err)
		}
		if err := c.finish(); err != nil {
			t.Fatal(err)
		}
	}
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })
}

// metrics reads /metrics: the value of every series, under its name with its labels as they are written.
func metrics(t *testing.T, n *node) map[string]float64 {
	t.Helper()
	_, text, err := n.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatalf("/metrics cannot be read: %v", err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "budkavle_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "} "); ok {
			values[name+"}"], _ = strconv.ParseFloat(value, 64)
		} else if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && name != "#" {
			values[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return values
}

// TestMetricsMove asks /metrics before and after mail, for every figure that the operator was promised.
func TestMetricsMove(t *testing.T) {
	r := mixed(t)
	n := install(t, "", fixedRoute(r.addr), "BUDKAVLE_DELIVERY_RETRY_FIRST=1s")
	n.start()
	before := metrics(t, n)
	sendMixed(t, n)
	after := metrics(t, n)
	for name, want := range map[string]float64{
		`budkavle_accepted_messages_total{class="transactional",origin="smtp"}`:   5,
		`budkavle_accepted_recipients_total{class="transactional",origin="smtp"}`: 5,
		`budkavle_accept_seconds_count`:                                           5,
		`budkavle_outcomes_total{outcome="delivered"}`:                            4,
		`budkavle_outcomes_total{outcome="deferred"}`:                             1,
		`budkavle_outcomes_total{outcome="bounced"}`:                              1,
		`budkavle_outcomes_total{outcome="expired"}`:                              0,
		`budkavle_delivery_age_seconds_count`:                                     4,
		`budkavle_delivery_queue_seconds_count`:                                   5,
		`budkavle_delivery_send_seconds_count`:                                    6,
		`budkavle_smtpd_sessions_total{server="submission"}`:                      1,
		`budkavle_smtpd_sessions{server="submission"}`:                            1,
		`budkavle_delivery_unsettled`:                                             0,
	} {
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s moved by %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{
		`budkavle_delivery_connects_total`, `budkavle_delivery_connect_seconds_count`, `budkavle_store_commit_seconds_count`,
		`budkavle_store_commit_seconds_sum`, `budkavle_store_changes_total`, `budkavle_store_rows_total`, `budkavle_accept_seconds_sum`,
	} {
		if after[name] <= before[name] {
			t.Errorf("%s did not move: %v, then %v", name, before[name], after[name])
		}
	}
	n.stop()
}

// TestMetricsOfTheQueue counts what waits, by class, site and state.
func TestMetricsOfTheQueue(t *testing.T) {
	n := install(t, "", "")
	for range 3 {
		n.run("send", "--from", "info@school.example", "--to", "someone@rcpt.example", "--subject", "Hej", "/dev/null")
	}
	n.run("queue", "hold", "--all")
	n.start()
	const labels = `{class="transactional",site="unrouted",state="held"}`
	n.await("the queue to be counted", func() bool { return metrics(t, n)["budkavle_queue_recipients"+labels] == 3 })
	if age, ok := metrics(t, n)["budkavle_queue_oldest_seconds"+labels]; !ok || age <= 0 {
		t.Errorf("age of the oldest: %v", age)
	}
	n.stop()
}

// TestLogTellsEachFactOnce reads the log as an operator does: one line for each fact, in a closed vocabulary, with
// the identifiers by which it is found and, where mail was tried, the delays of its stages.
func TestLogTellsEachFactOnce(t *testing.T) {
	r := mixed(t)
	n := install(t, "", fixedRoute(r.addr), "BUDKAVLE_DELIVERY_RETRY_FIRST=1s")
	n.start()
	sendMixed(t, n)
	n.stop()

	ids := map[string]string{} // a message's Message-ID by its identifier
	facts := map[string][]string{}
	message := regexp.MustCompile(` message=([0-9a-z]{13}) `)
	delays := regexp.MustCompile(` delays=[0-9.]+/[0-9.]+/[0-9.]+/[0-9.]+( |$)`)
	for line := range strings.SplitSeq(n.log.String(), "\n") {
		fact := field(line, "msg")
		if !slices.Contains([]string{"accepted", "deferred", "delivered", "bounced"}, fact) {
			continue
		}
		m := message.FindStringSubmatch(line)
		if m == nil || field(line, "account") == "" {
			t.Errorf("a line without its identifiers: %s", line)
			continue
		}
		if fact == "accepted" {
			ids[m[1]] = strings.TrimSuffix(field(line, "message_id"), "@school.example")
		} else if !delays.MatchString(line) || field(line, "recipient") == "" || field(line, "attempt") == "" || field(line, "site") == "" || field(line, "code") == "" {
			t.Errorf("a line without recipient, attempt, site, code or delays: %s", line)
		}
		facts[ids[m[1]]] = append(facts[ids[m[1]]], fact)
	}
	for id, want := range map[string]string{
		"one": "accepted delivered", "two": "accepted delivered", "three": "accepted delivered",
		"later": "accepted deferred delivered", "never": "accepted bounced",
	} {
		if got := strings.Join(facts[id], " "); got != want {
			t.Errorf("the log says of %s: %q, want %q", id, got, want)
		}
	}
}

// field is the value of a key in a line of the log.
func field(line, key string) string {
	m := regexp.MustCompile(`(?:^| )` + key + `=("(?:[^"\\]|\\.)*"|\S*)`).FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	return m[1]
}
