package node

import (
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

// TestWarningsAreLetters: a warning waits in the queue as mail that a person can read and no machine answers.
func TestWarningsAreLetters(t *testing.T) {
	st, err := sqlite.Open(t.Context(), sqlitetest.File(t), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	w := &warnings{store: st, ids: ident.NewSource(clock.System{}, 1), clock: clock.System{}, domain: "bounce.operator.example", expire: time.Hour}
	l := onboard.Letter{Domain: "school.example", Subject: "school.example: sändning stoppad", Text: "Åter när posterna är tillbaka.\n"}
	if err := w.Warn(t.Context(), model.Account{ID: 3, Contact: "it@skolan.example"}, l); err != nil {
		t.Fatal(err)
	}
	rows, err := st.ListQueue(t.Context(), store.Filter{Account: 3}, model.RecipientKey{}, 10)
	if err != nil || len(rows) != 1 || rows[0].Address != "it@skolan.example" || rows[0].Sender != "" || rows[0].Lane.Domain != "skolan.example" {
		t.Fatalf("queue %+v, %v", rows, err)
	}
	raw, err := st.Body(t.Context(), rows[0].Message)
	if err != nil {
		t.Fatal(err)
	}
	e, err := enmime.ReadEnvelope(strings.NewReader(string(raw)))
	if err != nil || e.GetHeader("Subject") != l.Subject || strings.TrimSpace(e.Text) != strings.TrimSpace(l.Text) || e.GetHeader("Auto-Submitted") != "auto-generated" ||
		e.GetHeader("From") != `"Budkavle" <postmaster@bounce.operator.example>` || e.GetHeader("Message-ID") == "" || e.GetHeader("Date") == "" {
		t.Errorf("%v\n%s", err, raw)
	}
	if err := w.Warn(t.Context(), model.Account{ID: 3, Contact: "nobody"}, l); err == nil {
		t.Error("a letter to no address was queued")
	}
}
