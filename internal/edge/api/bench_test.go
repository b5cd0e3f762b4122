package api

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkSend measures a text message of 4 KiB from request to durable, with many callers at once, as they share
// commits.
func BenchmarkSend(b *testing.B) {
	w := newWorld(b)
	contentType, body := simple("html", "").multipart()
	body = bytes.Replace(body, []byte("Hej d\xc3\xa5"), []byte(strings.Repeat("Hej åäö, en rad text.\n", 170)), 1)
	var failed atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest("POST", messagesPath, bytes.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			r.SetBasicAuth("api", w.school)
			rec := httptest.NewRecorder()
			if w.ServeHTTP(rec, r); rec.Code != 200 {
				failed.Add(1)
			}
		}
	})
	if n := failed.Load(); n > 0 {
		b.Errorf("%d calls failed", n)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
