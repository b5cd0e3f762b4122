// Package web is what people see in a browser: the page where a recipient decides what mail they get, and the one for those
// who let our mail through.
//
// Pages are plain HTML in Swedish and English, as the browser asks for or the reader chooses; they need no script, no cookie and
// no other host. A GET changes nothing, so that link scanners and previews do no harm. Whoever holds a link holds the right to
// what the page does, so pages are kept out of caches, referrers and search engines. What goes wrong is said on the
// page, with what to do; faults of our own are 503 and logged. It decides nothing about mail.
package web

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
)

//go:embed templates
var files embed.FS

// Config is what the pages are made of.
type Config struct {
	Recipients Recipients
	Senders    Senders // nil: the list of source addresses is not shown
	Log        *slog.Logger
}

// Web answers browsers. It is safe for concurrent use.
type Web struct {
	Config
	mux   *http.ServeMux
	pages map[string]*template.Template // by language
}

// New returns the pages. It fails only if the program's own templates do.
func New(c Config) (*Web, error) {
	w := &Web{Config: c, mux: http.NewServeMux(), pages: map[string]*template.Template{}}
	for _, lang := range languages() {
		t, err := template.New("").Funcs(template.FuncMap{"t": wordsOf(lang).say, "lang": func() string { return lang }, "other": func() string { return otherThan(lang) }}).
			ParseFS(files, "templates/*.html")
		if err != nil {
			return nil, err
		}
		w.pages[lang] = t
	}
	w.mux.HandleFunc("GET /u/{token}", w.recipient)
	w.mux.HandleFunc("POST /u/{token}", w.change)
	w.mux.HandleFunc("GET /u/verify/{token}", w.verification)
	w.mux.HandleFunc("POST /u/verify/{token}", w.verify)
	w.routeSenders()
	return w, nil
}

// ServeHTTP implements http.Handler.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// contentPolicy allows a page its own style and forms, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// show writes a page in the reader's language.
func (w *Web) show(rw http.ResponseWriter, r *http.Request, status int, name string, data any) {
	lang := languageOf(r)
	var b bytes.Buffer
	if err := w.pages[lang].ExecuteTemplate(&b, name, data); err != nil {
		w.Log.Error("a page cannot be made", "page", name, "error", err)
		http.Error(rw, "503", http.StatusServiceUnavailable)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang)
	h.Set("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Content-Security-Policy", contentPolicy)
	rw.WriteHeader(status)
	_, _ = rw.Write(b.Bytes()) // a browser that went away needs no page
}
