package suppression

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func TestAllowListKeepsAddressesOffTheBounceList(t *testing.T) {
	w := onSQLite(t)
	w.add(w.entry(0, model.SuppressAllow, "@kept.example", ""), w.entry(w.school.ID, model.SuppressAllow, "anna@b.example", ""))
	_, err := w.Add(w.ctx, []model.Suppression{{Kind: model.SuppressAllow, Key: "vip@c.example", Address: "vip@c.example", Count: 1}}) // the operator's
	w.ok(err)
	n := w.add(
		w.entry(w.school.ID, model.SuppressBounce, "X@KEPT.example", ""), w.entry(w.other.ID, model.SuppressBounce, "x@kept.example", ""),
		w.entry(w.school.ID, model.SuppressBounce, "Anna@b.example", ""), w.entry(w.school.ID, model.SuppressBounce, "vip@c.example", ""),
		w.entry(w.school.ID, model.SuppressComplaint, "anna@b.example", ""), w.entry(w.school.ID, model.SuppressUnsubscribe, "x@kept.example", ""),
		w.entry(w.other.ID, model.SuppressBounce, "anna@b.example", ""), // whom only school.example allows
		w.entry(w.school.ID, model.SuppressBounce, "x@sub.kept.example", ""),
		w.entry(0, model.SuppressAllow, "bo@b.example", ""), w.entry(0, model.SuppressBounce, "bo@b.example", ""),
	)
	if want := "* allow @kept.example ×1\n* allow bo@b.example ×1\nschool allow anna@b.example ×1\nschool bounce x@sub.kept.example ×1\nschool complaint anna@b.example ×1\n" +
		"school unsubscribe x@kept.example ×1\nother bounce anna@b.example ×1\n"; n != 5 || w.lines() != want {
		t.Errorf("%d listed:\n%s", n, w.lines())
	}
}

func TestLiftAndClear(t *testing.T) {
	w := onSQLite(t)
	fill := func() {
		for _, domain := range []model.DomainID{0, w.school.ID, w.other.ID} {
			w.add(w.entry(domain, model.SuppressBounce, "anna@b.example", ""), w.entry(domain, model.SuppressUnsubscribe, "anna@b.example", ""), w.entry(domain, model.SuppressUnsubscribe, "anna@b.example", "news"))
		}
	}
	fill()
	n, err := w.Lift(w.ctx, &w.school, model.SuppressBounce, "anna@b.example", nil, "api")
	if err != nil || n != 3 || strings.Contains(w.lines(), "bounce") {
		t.Errorf("bounces lifted %d, %v:\n%s", n, err, w.lines())
	}
	news := "news"
	n, err = w.Lift(w.ctx, &w.school, model.SuppressUnsubscribe, "anna@b.example", &news, "api")
	if err != nil || n != 2 || w.lines() != "* unsubscribe anna@b.example ×1\nschool unsubscribe anna@b.example ×1\nother unsubscribe anna@b.example ×1\nother unsubscribe anna@b.example news×1\n" {
		t.Errorf("a tag lifted %d, %v:\n%s", n, err, w.lines())
	}
	n, err = w.Lift(w.ctx, &w.school, model.SuppressUnsubscribe, "bo@b.example", nil, "api")
	if evs := w.events(); n != 0 || err != nil || len(evs) != 3 || evs[0].Recipient != "anna@b.example" || evs[0].Data.Reason != "api" || evs[2].Data.Tag != "news" {
		t.Errorf("%d, %v; events %+v", n, err, evs)
	}
	fill()
	var many []model.Suppression
	for i := range 2*maxRemove + 5 {
		many = append(many, w.entry(w.school.ID, model.SuppressUnsubscribe, fmt.Sprintf("u%d@b.example", i), ""))
	}
	w.add(many...)
	n, err = w.Clear(w.ctx, &w.school, model.SuppressUnsubscribe, "api")
	if err != nil || n != len(many)+2 || strings.Contains(w.lines(), "school unsubscribe") || !strings.Contains(w.lines(), "* unsubscribe") {
		t.Errorf("cleared %d, %v", n, err)
	}
}

func TestMailgunsFilesAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		o          ImportOptions
		want       string
		refused    []string
	}{
		{"bounces", "address,code,error,created_at\nAnna@B.example,550,\"No such user, sorry\",\"Mon, 02 Nov 2026 09:30:00 UTC\"\n", ImportOptions{}, "* bounce Anna@b.example ×1\n", nil},
		{
			"unsubscribes", "address,tags,created_at\na@b.example,*,2026-11-02T09:30:00Z\nb@b.example,\"[\"\"news\"\", \"\"offers\"\"]\",\nc@b.example,\"news,*\",\n",
			ImportOptions{},
			"* unsubscribe a@b.example ×1\n* unsubscribe b@b.example news×1\n* unsubscribe b@b.example offers×1\n* unsubscribe c@b.example ×1\n* unsubscribe c@b.example news×1\n", nil,
		},
		{"complaints", "address,count,created_at\na@b.example,3,2026-11-02 09:30:00 UTC\n", ImportOptions{}, "* complaint a@b.example ×3\n", nil},
		{"whitelists", "type,value,reason,createdAt\ndomain,b.example,ours,\naddress,x@c.example,,\n", ImportOptions{}, "* allow @b.example ×1\n* allow x@c.example ×1\n", nil},
		{"whitelists to import", "address,domain\n,b.example\nx@c.example,\n", ImportOptions{Kind: "allow"}, "* allow @b.example ×1\n* allow x@c.example ×1\n", nil},
		{"semicolons and Latin-1", "Email;Error;Code\n\xe5sa@b.example;adressen \xe4r borta;550\n", ImportOptions{}, "* bounce åsa@b.example ×1\n", nil},
		{"no heading", "a@b.example\n\nb@b.example\n", ImportOptions{Kind: "unsubscribe", Tag: "news"}, "* unsubscribe a@b.example news×1\n* unsubscribe b@b.example news×1\n", nil},
		{"one of several columns", "Anna,1,a@b.example\nBo,2,b@b.example\n", ImportOptions{Kind: "complaint"}, "* complaint a@b.example ×1\n* complaint b@b.example ×1\n", nil},
		{"a domain's", "kind,address,domain\nbounce,a@b.example,school.example\nbounce,b@b.example,\nbounce,c@b.example,shop.example\n", ImportOptions{}, "* bounce b@b.example ×1\nschool bounce a@b.example ×1\n", []string{`4: "shop.example" is no domain of the account`}},
		{"no list is named", "a@b.example\n", ImportOptions{}, "", []string{"1: the list is not named: use bounce, unsubscribe, complaint or allow"}},
		{
			"JSON", `{"kind":"bounce","address":"a@b.example","count":2,"created_at":"2026-11-02T09:30:00Z"}` + "\n\n{\"kind\":\n" + `{"kind":"complaint","address":"x"}`,
			ImportOptions{},
			"* bounce a@b.example ×2\n",
			[]string{"3: the line is no object of JSON as export writes it: unexpected end of JSON input", `4: "x" is not an e-mail address: there is no @`},
		},
		{"what cannot be used", "kind,address,tag,code,count,created_at\nspam,a@b.example,,,,\nbounce,,,,,\nbounce,a@b.example,x,,,\nbounce,a@b.example,,abc,,\nbounce,a@b.example,,,0,\nbounce,a@b.example,,,,soon\n" +
			"bounce,a@b.example,,,,1066-10-14\nbounce,\"a@b.example,,,,\n", ImportOptions{}, "", []string{
			`2: "spam" is no list: use bounce, unsubscribe, complaint or allow`, "3: there is no address", `4: tag "x": only who unsubscribes does so from a tag`,
			`5: code "abc": use a reply code of SMTP such as 550`, `6: count "0" is not a number from 1`, `7: "soon" is not a time such as 2026-11-24T08:00:00Z`, "8: the date is in the year 1066",
			"9: a quote is not closed within 100 lines, so the row cannot be read; double the quotes within a field",
		}},
		{"nothing", "", ImportOptions{Kind: "bounce"}, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := onSQLite(t)
			done, refused := w.imported(tt.text, tt.o)
			if d := cmp.Diff(tt.want, w.lines()); d != "" || !slices.Equal(refused, tt.refused) || done.Refused != len(refused) {
				t.Errorf("%+v, refused %q:\n%s", done, refused, d)
			}
		})
	}
}

func TestDatesAndWordsOfAFileAreKept(t *testing.T) {
	w := onSQLite(t)
	w.imported("address,code,error,created_at\na@b.example,551,\" gone\r\n away \",\"Mon, 02 Nov 2026 10:30:00 +0100\"\n", ImportOptions{Source: "import"})
	want := model.Suppression{
		Account: 1, Kind: model.SuppressBounce, Key: "a@b.example", Address: "a@b.example", Code: "551", Reason: "gone away", Source: "import", Count: 1,
		CreatedAt: time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC),
	}
	got := w.all(1)
	if len(got) != 1 || !got[0].CreatedAt.Equal(want.CreatedAt) {
		t.Fatalf("%+v", got)
	}
	got[0].CreatedAt = want.CreatedAt
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Error(d)
	}
}

func TestALongFileIsReadInBatchesAndAgainChangesOnlyCounts(t *testing.T) {
	w := onSQLite(t)
	w.add(w.entry(0, model.SuppressAllow, "@kept.example", ""))
	var b strings.Builder
	b.WriteString("kind,address,domain\n")
	const rows = maxBatch + 10
	for i := range rows {
		fmt.Fprintf(&b, "bounce,u%d@%s,school.example\n", i, []string{"b.example", "kept.example"}[i%1000/999])
	}
	batches := 0
	o := ImportOptions{Progress: func(Imported) { batches++ }}
	done, refused := w.imported(b.String(), o)
	if want := (Imported{Rows: rows, Listed: rows - 5, Allowed: 5}); done != want || len(refused) > 0 || batches != 2 {
		t.Errorf("%+v in %d batches, refused %v", done, batches, refused)
	}
	before := w.all(1)
	w.imported(b.String(), o)
	after := w.all(1)
	for i := range after {
		if after[i].Kind == model.SuppressBounce {
			after[i].Count--
		}
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("a second import changes more than counts:\n%.2000s", d)
	}
}

// broken fails after some octets.
type broken struct{ in io.Reader }

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if err == io.EOF {
		err = errors.New("the disk is gone")
	}
	return n, err
}

func TestFaultsEndAnImport(t *testing.T) {
	w := onSQLite(t)
	if _, err := w.Import(w.ctx, &broken{strings.NewReader("a@b.example\n")}, ImportOptions{Kind: "bounce"}); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("%v", err)
	}
	stop := errors.New("no more")
	_, err := w.Import(w.ctx, strings.NewReader("nobody\nnobody\n"), ImportOptions{Kind: "bounce", Refused: func(Refused) error { return stop }})
	if err != stop {
		t.Errorf("%v", err)
	}
	w.ok(w.store.Close())
	if _, err := w.Import(w.ctx, strings.NewReader("a@b.example\n"), ImportOptions{Kind: "bounce"}); !store.Is(err, store.Unavailable) && err == nil {
		t.Errorf("without a store: %v", err)
	}
}

func TestEntriesOfADomainThatIsGone(t *testing.T) {
	w := onSQLite(t)
	w.add(w.entry(w.other.ID, model.SuppressBounce, "a@b.example", ""), w.entry(w.other.ID, model.SuppressUnsubscribe, "a@b.example", ""))
	w.ok(w.store.RemoveDomain(w.ctx, w.other.ID, model.Event{ID: w.IDs.Next(), Kind: model.EventDomain}))
	got := string(w.export(func(b *bytes.Buffer) Writer { return NewCSV(b) }))
	if want := "kind,address,domain,tag,code,reason,source,count,created_at\nbounce,a@b.example,,,,,smtp,1,2026-11-24T09:00:00Z\n"; got != want {
		t.Errorf("%s", got)
	}
}

// entries draws what the lists of account 1 may hold.
func entries(w *world) *rapid.Generator[[]model.Suppression] {
	one := rapid.Custom(func(t *rapid.T) model.Suppression {
		kind := rapid.SampledFrom(Kinds()).Draw(t, "kind")
		address := rapid.SampledFrom([]string{"anna", "Anna", "bo+x", `"a, b"`, `"a\"b"`, "åsa", "o'neil", "=1+1"}).Draw(t, "local") + "@" +
			rapid.SampledFrom([]string{"b.example", "xn--bcher-kva.example", "[127.0.0.1]"}).Draw(t, "domain of the address")
		if kind == model.SuppressAllow && rapid.Bool().Draw(t, "a domain") {
			address = "@b.example"
		}
		tag := ""
		if kind == model.SuppressUnsubscribe {
			tag = rapid.SampledFrom([]string{"", "news", "stream:bulk", "a;b", `say "hi"`}).Draw(t, "tag")
		}
		e, err := w.Entry(List{1, rapid.SampledFrom([]model.DomainID{0, w.school.ID, w.other.ID}).Draw(t, "domain")}, Record{
			Kind: string(kind), Address: address, Tag: tag, Code: rapid.SampledFrom([]string{"", "550", "5"}).Draw(t, "code"), Reason: rapid.String().Draw(t, "reason"),
			Source: rapid.SampledFrom([]string{"smtp", "api", "one click"}).Draw(t, "source"), Count: rapid.IntRange(1, 1000).Draw(t, "count"),
			CreatedAt: time.UnixMicro(rapid.Int64Range(1, 4e15).Draw(t, "created")),
		})
		if err != nil {
			t.Fatalf("%q: %v", address, err)
		}
		return e
	})
	return rapid.SliceOfN(one, 0, 12)
}

// TestImportGivesBackWhatExportWrote: import(export(x)) = x, on both stores, in both formats.
func TestImportGivesBackWhatExportWrote(t *testing.T) {
	for name, world := range map[string]func(testing.TB) *world{"SQLite": onSQLite, "PostgreSQL": onPostgres} {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			rapid.Check(t, func(rt *rapid.T) {
				for _, e := range entries(w).Draw(rt, "entries") { // one by one: what is on a list before it is allowed stays
					w.add(e)
				}
				want := w.all(1)
				format := func(b *bytes.Buffer) Writer { return NewCSV(b) }
				if rapid.Bool().Draw(rt, "as JSON") {
					format = func(b *bytes.Buffer) Writer { return NewJSON(b) }
				}
				text := w.export(format)
				_, err := w.Remove(w.ctx, store.SuppressionFilter{Account: 1}, "test")
				w.ok(err)
				done, refused := w.imported(string(text), ImportOptions{})
				if d := cmp.Diff(want, w.all(1)); d != "" || len(refused) > 0 {
					rt.Fatalf("%+v, refused %v:\n%s\n%s", done, refused, text, d)
				}
				_, err = w.Remove(w.ctx, store.SuppressionFilter{Account: 1}, "test")
				w.ok(err)
			})
		})
	}
}

// TestPagesAreTheList: read page by page, either way, a list is what a plain merge of its entries gives.
func TestPagesAreTheList(t *testing.T) {
	w := onSQLite(t)
	rapid.Check(t, func(rt *rapid.T) {
		want := map[string][]string{}
		prefix := rapid.SampledFrom([]string{"", "anna", "anna@b.example", "z"}).Draw(rt, "prefix")
		for _, e := range entries(w).Draw(rt, "entries") {
			w.ok(w.store.AddSuppressions(w.ctx, []model.Suppression{e}))
			if e.Kind == model.SuppressUnsubscribe && e.Domain != w.other.ID && strings.HasPrefix(e.Key, prefix) && !slices.Contains(want[e.Key], e.Tag) {
				want[e.Key] = append(want[e.Key], e.Tag)
				slices.Sort(want[e.Key])
			}
		}
		limit := rapid.IntRange(1, 4).Draw(rt, "limit")
		for _, backward := range []bool{false, true} {
			var keys []string
			got := map[string][]string{}
			for after := ""; ; {
				page, err := w.Page(w.ctx, Query{Domain: &w.school, Kind: model.SuppressUnsubscribe, Prefix: prefix, After: after, Backward: backward, Limit: limit})
				w.ok(err)
				if len(page) == 0 {
					break
				}
				var part []string
				for _, l := range page {
					part = append(part, l.Key)
					got[l.Key] = l.Tags
				}
				if after = part[len(part)-1]; backward {
					after = part[0]
					keys = append(part, keys...)
				} else {
					keys = append(keys, part...)
				}
				if len(keys) > 100 {
					rt.Fatal("the pages do not end")
				}
			}
			if d := cmp.Diff(want, got); d != "" || !slices.IsSorted(keys) || len(keys) != len(want) {
				rt.Fatalf("backward %v: %v\n%s", backward, keys, d)
			}
		}
		_, err := w.Remove(w.ctx, store.SuppressionFilter{Account: 1}, "test")
		w.ok(err)
	})
}

// FuzzImport: no file panics, or makes more of itself than it has rows.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"address,code,error,created_at\na@b.example,550,x,\n", "kind,address\nallow,@b.example\n", "{\"kind\":\"bounce\",\"address\":\"a@b.example\"}\n", "\xff\xfea\x00", "type,value\n\"", "  \n{",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in, err := open(strings.NewReader(text))
		if err != nil {
			return
		}
		s := New(Config{Clock: hand{now: time.Unix(1e9, 0)}})
		for rows := 0; ; rows++ {
			r, err := in.next()
			if err != nil {
				return
			}
			if rows > len(text) {
				t.Fatal("the rows do not end")
			}
			for _, rec := range r.records {
				e, err := s.Entry(List{}, rec)
				if err != nil {
					continue
				}
				again, err := s.Entry(List{}, Record{Kind: string(e.Kind), Address: e.Address, Tag: e.Tag, Code: e.Code, Reason: e.Reason, Source: e.Source, Count: e.Count, CreatedAt: e.CreatedAt})
				if err != nil || again != e {
					t.Fatalf("%+v becomes %+v, %v", e, again, err)
				}
			}
		}
	})
}
