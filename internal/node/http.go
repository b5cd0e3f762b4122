package node

import (
	"io"
	"log"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/budkavle/budkavle/internal/edge/api"
)

// handler is everything the HTTP listener answers.
func (n *Node) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, welcome) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", n.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	a := api.New(api.Config{
		Submit: n.submit, Store: n.store, Directory: n.directory, Validator: n.validator, Lists: n.lists, Suppressions: n.suppression, Recipients: n.recipients, Desk: n.desk, Reports: n.reports, Addresses: n.addresses, Guard: n.guard, Routes: n.relay, Clock: n.sys.Clock, Log: n.sys.Log,
		BaseURL: n.cfg.HTTP.BaseURL, MaxSize: n.cfg.Submission.MaxSize,
	})
	for _, prefix := range []string{"/v1/", "/v2/", "/v3/", "/v4/", "/v5/", "/api/"} {
		mux.Handle(prefix, n.whileReady(a))
	}
	for _, pattern := range []string{"/u/", "/senders", "/senders.json", "/senders.txt"} {
		mux.Handle(pattern, n.whileReady(n.web))
	}
	return mux
}

// welcome is for the person who opens the address in a browser.
const welcome = `Budkavle

/v3/{domain}/messages   send, as with Mailgun          sänd, som med Mailgun
/v3/{domain}/events     what became of the mail        vad det blev av posten
/u/{token}              the recipient's page           mottagarens sida
/senders                let our mail through           släpp fram vår post
/readyz, /healthz       is mail taken; is this alive   tas post emot; lever den
/metrics                figures for Prometheus         siffror för Prometheus`

// whileReady turns calls away while the node starts or drains; figures and health are told all the same.
func (n *Node) whileReady(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.ready.Load() {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"message":"This server is shutting down or starting; nothing was kept, try again later"}`+"\n")
	})
}

// readyz is true while mail is taken: not while the node starts or drains, nor when the store cannot make a change durable.
func (n *Node) readyz(w http.ResponseWriter, r *http.Request) {
	if !n.ready.Load() {
		answer(w, http.StatusServiceUnavailable, "draining")
		return
	}
	if err := n.disk.check(); err != nil {
		answer(w, http.StatusServiceUnavailable, "the disk is nearly full")
		return
	}
	if err := n.pulse.check(r.Context()); err != nil {
		answer(w, http.StatusServiceUnavailable, "the store takes no changes")
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // a client that went away needs no answer
}

// slogErrors is the log of net/http, whose lines are about clients' broken connections.
func slogErrors(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
