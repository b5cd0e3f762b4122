package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/flow/recipient"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/listheaders"
)

// Recipients knows how addresses stand and changes it; *recipient.Service is one.
type Recipients interface {
	Open(ctx context.Context, token string) (recipient.Standing, error)
	Leave(ctx context.Context, token string, all bool, how string) (recipient.Standing, error)
	ComeBack(ctx context.Context, token string) (st recipient.Standing, sent bool, err error)
	Peek(ctx context.Context, token string) (recipient.Standing, error)
	Prove(ctx context.Context, token string) (recipient.Standing, error)
}

// maxForm bounds what is read of a form: two short fields.
const maxForm = 4 << 10

// page is what the recipient's page shows.
type page struct {
	recipient.Standing
	Sender string // the domain, as people write it
	Kind   string // the tag the link is about; empty: bulk mail as such
	Done   string // what was just done, as a text; empty: nothing
	Verify bool   // the page of a verification link
}

// Everything reports whether all of the sender's mail is stopped, Left whether the recipient has said so.
func (p *page) Everything() bool {
	return p.has(func(e *model.Suppression) bool { return e.Tag == "" })
}

func (p *page) Left() bool {
	return p.has(func(e *model.Suppression) bool { return e.Kind == model.SuppressUnsubscribe && e.Tag == "" })
}

func (p *page) has(f func(*model.Suppression) bool) bool {
	for i := range p.Entries {
		if f(&p.Entries[i]) {
			return true
		}
	}
	return false
}

// Sent is the day of the mail that the link was in.
func (p *page) Sent() string { return p.SentAt.Format("2006-01-02") }

// Reasons say why nothing is sent, each with its date.
func (p *page) Reasons() []reason {
	var list []reason
	for i := range p.Entries {
		e := &p.Entries[i]
		r := reason{Since: e.CreatedAt.Format("2006-01-02"), Detail: e.Reason}
		switch {
		case e.Account == 0:
			r.Text, r.Detail = "The operator of this mail service has stopped mail to the address.", ""
		case e.Kind == model.SuppressBounce:
			r.Text = "Mail to the address came back: the receiving server said that it cannot be delivered."
		case e.Kind == model.SuppressComplaint:
			r.Text, r.Detail = "You, or your mail program, reported mail from the sender as spam.", ""
		case e.Tag == "":
			r.Text, r.Detail = "You have unsubscribed from everything.", ""
		case e.Tag == policy.StreamTag:
			r.Text, r.Detail = "You have unsubscribed from newsletters and other mail to many.", ""
		default:
			r.Text, r.Detail, r.Tag = "You have unsubscribed from mail of this kind:", "", e.Tag
		}
		list = append(list, r)
	}
	return list
}

type reason struct{ Text, Tag, Since, Detail string }

func newPage(st recipient.Standing) *page {
	p := &page{Standing: st, Sender: asWritten(st.Domain.Name)}
	if st.Tag != policy.StreamTag {
		p.Kind = st.Tag
	}
	return p
}

// recipient shows the page; it changes nothing.
func (w *Web) recipient(rw http.ResponseWriter, r *http.Request) {
	st, err := w.Recipients.Open(r.Context(), r.PathValue("token"))
	if err != nil {
		w.fault(rw, r, err)
		return
	}
	w.show(rw, r, http.StatusOK, "recipient.html", newPage(st))
}

// change does what a form of the page says, or what RFC 8058 3.2 has a mail program post: that is answered in plain text, with
// neither cookie nor redirect, and unsubscribes at once.
func (w *Web) change(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
	token := r.PathValue("token")
	if err := r.ParseMultipartForm(maxForm); err != nil && r.PostForm == nil { // 8058 3.2: multipart/form-data, or urlencoded
		w.show(rw, r, http.StatusBadRequest, "fault.html", "The form could not be read. Open the link again.")
		return
	}
	field, value, _ := strings.Cut(listheaders.OneClick, "=")
	if strings.EqualFold(r.PostForm.Get(field), value) || r.MultipartForm != nil && len(r.MultipartForm.Value[field]) > 0 {
		w.oneClick(rw, r, token)
		return
	}
	var st recipient.Standing
	var err error
	done := ""
	switch r.PostForm.Get("do") {
	case "stop":
		st, err = w.Recipients.Leave(r.Context(), token, false, recipient.ByPage)
		done = "Done. You will get no more of this."
	case "stop-all":
		st, err = w.Recipients.Leave(r.Context(), token, true, recipient.ByPage)
		done = "Done. You will get nothing more from this sender."
	case "start":
		var sent bool
		st, sent, err = w.Recipients.ComeBack(r.Context(), token)
		if done = "Done. You will get mail from this sender again."; sent {
			done = "A mail with a link is on its way to the address. Open the link within a day to have mail again."
		}
	default:
		w.show(rw, r, http.StatusBadRequest, "fault.html", "The form could not be read. Open the link again.")
		return
	}
	if err != nil {
		w.fault(rw, r, err)
		return
	}
	p := newPage(st)
	p.Done = done
	w.show(rw, r, http.StatusOK, "recipient.html", p)
}

func (w *Web) oneClick(rw http.ResponseWriter, r *http.Request, token string) {
	_, err := w.Recipients.Leave(r.Context(), token, false, recipient.ByClick)
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch {
	case err == nil:
		_, _ = rw.Write([]byte("unsubscribed\n"))
	case recipient.Is(err, recipient.Unavailable):
		w.Log.Warn("one-click unsubscription failed", "error", err)
		rw.Header().Set("Retry-After", "60")
		rw.WriteHeader(http.StatusServiceUnavailable)
	default:
		rw.WriteHeader(http.StatusNotFound)
		_, _ = rw.Write([]byte("this link was not made here\n"))
	}
}

// verification shows what a verification link will do; it changes nothing, since scanners open links too.
func (w *Web) verification(rw http.ResponseWriter, r *http.Request) {
	st, err := w.Recipients.Peek(r.Context(), r.PathValue("token"))
	if err != nil {
		w.fault(rw, r, err)
		return
	}
	p := newPage(st)
	p.Verify = true
	w.show(rw, r, http.StatusOK, "verify.html", p)
}

// verify uses a verification link.
func (w *Web) verify(rw http.ResponseWriter, r *http.Request) {
	st, err := w.Recipients.Prove(r.Context(), r.PathValue("token"))
	if err != nil {
		w.fault(rw, r, err)
		return
	}
	p := newPage(st)
	p.Verify, p.Done = true, "Done. You will get mail from this sender again."
	w.show(rw, r, http.StatusOK, "verify.html", p)
}

// fault says on a page what was wrong and what to do.
func (w *Web) fault(rw http.ResponseWriter, r *http.Request, err error) {
	for _, f := range []struct {
		class  recipient.Class
		status int
		text   string
	}{
		{recipient.BadLink, http.StatusNotFound, "This link is not complete, or its sender is no longer here. Open it again from the mail, with all its characters."},
		{recipient.Expired, http.StatusGone, "This link has run out: it was valid for a day. Go to the page again and ask for a new one."},
		{recipient.Used, http.StatusGone, "This link was used before, and works once. If you do not get mail, go to the page again and ask for a new one."},
		{recipient.TooMany, http.StatusTooManyRequests, "The address has been sent several links already. Look among unwanted mail, or try again tomorrow."},
		{recipient.Final, http.StatusConflict, "The operator of this mail service has stopped mail to the address. Ask the sender to ask the operator."},
	} {
		if recipient.Is(err, f.class) {
			w.show(rw, r, f.status, "fault.html", f.text)
			return
		}
	}
	w.Log.Warn("the recipient's page failed", "path", "/u/", "error", err)
	rw.Header().Set("Retry-After", "60")
	w.show(rw, r, http.StatusServiceUnavailable, "fault.html", "This cannot be done right now, and nothing was changed. Try again in a few minutes.")
}
