package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/flow/deliver"
)

// metrics is what /metrics tells. What happens rarely or must be counted as it happens are instruments of the
// library; what delivery and the store count for themselves is read when somebody asks.
type metrics struct {
	registry *prometheus.Registry
	messages *prometheus.CounterVec // by class and origin
	accepted *prometheus.CounterVec // recipients, by class and origin
	accept   prometheus.Histogram
	sessions *prometheus.GaugeVec   // by server
	opened   *prometheus.CounterVec // by server
	refused  *prometheus.CounterVec // by server and reason
	reports  *prometheus.CounterVec // by kind and outcome
	census   *census
}

func newMetrics(n *Node) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "budkavle_accepted_messages_total", Help: "Messages made durable."}, []string{"class", "origin"}),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "budkavle_accepted_recipients_total", Help: "Recipients of messages made durable."}, []string{"class", "origin"}),
		accept: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "budkavle_accept_seconds", Help: "From a message's first octet to its being durable.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}),
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "budkavle_smtpd_sessions", Help: "SMTP sessions in that are open."}, []string{"server"}),
		opened:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "budkavle_smtpd_sessions_total", Help: "SMTP sessions in that were opened."}, []string{"server"}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "budkavle_smtpd_refused_total", Help: "What was refused, by enhanced code, or by the limit that refused a connection."}, []string{"server", "reason"}),
		reports:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "budkavle_reports_total", Help: "Reports of receivers, by what became of them."}, []string{"kind", "outcome"}),
		census:   newCensus(n),
	}
	m.registry.MustRegister(m.messages, m.accepted, m.accept, m.sessions, m.opened, m.refused, m.reports, m.census, &readings{n},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Accepted implements submit.Observer.
func (m *metrics) Accepted(class, origin string, recipients int, took time.Duration) {
	m.messages.WithLabelValues(class, origin).Inc()
	m.accepted.WithLabelValues(class, origin).Add(float64(recipients))
	m.accept.Observe(took.Seconds())
}

// SessionOpened, SessionClosed and Refused implement smtpd.Observer.
func (m *metrics) SessionOpened(server string) {
	m.sessions.WithLabelValues(server).Inc()
	m.opened.WithLabelValues(server).Inc()
}

// SessionClosed implements smtpd.Observer.
func (m *metrics) SessionClosed(server string) { m.sessions.WithLabelValues(server).Dec() }

func (m *metrics) report(kind, outcome string) { m.reports.WithLabelValues(kind, outcome).Inc() }

// Refused implements smtpd.Observer.
func (m *metrics) Refused(server, why string) { m.refused.WithLabelValues(server, why).Inc() }

func (m *metrics) run(ctx context.Context) error { return m.census.run(ctx) }

// readings reads the counters of delivery and store.
type readings struct{ node *Node }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("budkavle_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector; a collector without descriptions is checked when it is read.
func (*readings) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *readings) Collect(out chan<- prometheus.Metric) {
	d, s := &r.node.deliver.Metrics, r.node.store.Stats()
	counter := func(name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(desc(name, help), prometheus.CounterValue, v)
	}
	outcomes := desc("outcomes_total", "Attempts for recipients, by what became of them.", "outcome")
	for outcome, v := range map[string]int64{
		"delivered": d.Delivered.Load(), "deferred": d.Deferred.Load(), "bounced": d.Bounced.Load(), "expired": d.Expired.Load(), "returned": d.Returned.Load(),
	} {
		out <- prometheus.MustNewConstMetric(outcomes, prometheus.CounterValue, float64(v), outcome)
	}
	counter("delivery_connects_total", "SMTP sessions out that were opened.", float64(d.Connects.Load()))
	counter("delivery_connect_faults_total", "Transactions for which no host was reached.", float64(d.ConnectFaults.Load()))
	counter("delivery_store_faults_total", "Calls of the store by delivery that failed and are repeated.", float64(d.StoreFaults.Load()))
	counter("delivery_recovered_total", "Recipients returned from the leases of dead processes.", float64(d.Recovered.Load()))
	counter("delivery_stale_total", "Outcomes that came after their lease was lost.", float64(d.Stale.Load()))
	counter("delivery_shaped_total", "Times that a rule on an answer changed what a path may do.", float64(d.Shaped.Load()))
	counter("delivery_lanes_forgotten_total", "Times that lanes were forgotten for want of room.", float64(d.Forgotten.Load()))
	for name, h := range map[string]*deliver.Histogram{
		"delivery_age_seconds": &d.Age, "delivery_queue_seconds": &d.Queue, "delivery_connect_seconds": &d.Connect, "delivery_send_seconds": &d.Send,
	} {
		out <- constHistogram(desc(name, stageHelp(name)), h)
	}
	r.returned(out)
	r.window(out)
	counter("store_changes_total", "Changes made durable.", float64(s.Changes))
	counter("store_rows_total", "Rows inserted or updated.", float64(s.Rows))
	out <- prometheus.MustNewConstSummary(desc("store_commit_seconds", "Commits, each one sync, from begin to durable."), uint64(s.Commits), s.CommitTime.Seconds(), nil)
}

// returned reads what came back, and why mail failed.
func (r *readings) returned(out chan<- prometheus.Metric) {
	f := &r.node.feedback.Metrics
	returned := desc("returned_total", "Mail that came back, by what it was.", "kind")
	f.Returned.Each(func(kind string, n int64) {
		out <- prometheus.MustNewConstMetric(returned, prometheus.CounterValue, float64(n), kind)
	})
	bounces := desc("bounces_total", "Recipients that bounced, by class of failure and by who said so: the server at once, or a report later.", "class", "by")
	for by, tally := range map[string]*bounce.Tally{"smtp": &r.node.deliver.Metrics.Classes, "report": &f.Classes} {
		tally.Each(func(class string, n int64) {
			out <- prometheus.MustNewConstMetric(bounces, prometheus.CounterValue, float64(n), class, by)
		})
	}
	out <- prometheus.MustNewConstMetric(desc("complaints_untied_total", "Complaints that no trace of this node is in: nobody knows whose they are."), prometheus.CounterValue, float64(f.Untied.Load()))
}

func stageHelp(name string) string {
	return map[string]string{
		"delivery_age_seconds":     "From acceptance to delivery.",
		"delivery_queue_seconds":   "From acceptance to the first attempt.",
		"delivery_connect_seconds": "DNS, connect and handshakes of attempts that opened a session.",
		"delivery_send_seconds":    "From MAIL to the final reply.",
	}[name]
}

// shownPaths bounds how many paths have figures of their own.
const shownPaths = 100

// window reads the scheduler.
func (r *readings) window(out chan<- prometheus.Metric) {
	snap := r.node.deliver.Snapshot(shownPaths)
	gauge := func(name, help string, v int) {
		out <- prometheus.MustNewConstMetric(desc(name, help), prometheus.GaugeValue, float64(v))
	}
	gauge("delivery_sessions", "SMTP sessions out that are open.", int(r.node.deliver.Metrics.Sessions.Load()))
	gauge("delivery_lanes", "Lanes (domain, class, account) with waiting mail that are known.", snap.Lanes)
	gauge("delivery_resident", "Recipients in memory.", snap.Resident)
	gauge("delivery_unsettled", "Outcomes not yet stored.", int(snap.Unsettled))
	busy := desc("path_sessions", "Sessions of a path, source address and site.", "source", "site", "state")
	held := desc("path_held", "1 for a path that a limit holds back, with the name of the limit.", "source", "site", "limit")
	for _, p := range snap.Paths {
		source := ""
		if p.Source.IsValid() {
			source = p.Source.String()
		}
		out <- prometheus.MustNewConstMetric(busy, prometheus.GaugeValue, float64(p.Busy), source, p.Site, "busy")
		out <- prometheus.MustNewConstMetric(busy, prometheus.GaugeValue, float64(p.Window), source, p.Site, "allowed")
		if p.HeldBy != "" {
			out <- prometheus.MustNewConstMetric(held, prometheus.GaugeValue, 1, source, p.Site, p.HeldBy)
		}
	}
}

func constHistogram(d *prometheus.Desc, h *deliver.Histogram) prometheus.Metric {
	atMost, count, sum := h.Read()
	buckets := make(map[float64]uint64, len(atMost))
	for bound, n := range atMost {
		buckets[bound.Seconds()] = n
	}
	return prometheus.MustNewConstHistogram(d, count, sum.Seconds(), buckets)
}
