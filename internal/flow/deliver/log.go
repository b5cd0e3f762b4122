package deliver

import (
	"context"
	"log/slog"
	"strconv"
	"time"
)

// line logs one fact of mail. What merely went back to the queue is no fact.
func (t *settler) line(o *settling) {
	ev := o.Event
	if ev == nil || !t.Log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("message", o.Key.Message.String()), slog.Int("n", o.Key.N),
		slog.Int64("account", int64(ev.Account)), slog.String("recipient", ev.Recipient), slog.Int("attempt", ev.Data.Attempt))
	if o.site != "" {
		attrs = append(attrs, slog.String("site", o.site))
	}
	if o.Reply.Host != "" {
		attrs = append(attrs, slog.String("host", o.Reply.Host), slog.String("addr", o.Reply.Addr))
	}
	if o.Reply.TLS != "" {
		attrs = append(attrs, slog.String("tls", o.Reply.TLS))
	}
	if o.Reply.Code != 0 {
		attrs = append(attrs, slog.Int("code", o.Reply.Code))
	}
	attrs = append(attrs, slog.String("enhanced", o.Reply.Enhanced), slog.String("reply", o.Reply.Text))
	if d := ev.Data.Delays; d != nil {
		attrs = append(attrs, slog.String("delays", delays(d.Accept, d.Queue, d.Connect, d.Send)))
	}
	if ev.Data.NextAt != nil {
		attrs = append(attrs, slog.Time("next", *ev.Data.NextAt))
	}
	if o.Notice != "" {
		attrs = append(attrs, slog.String("notice", string(o.Notice)))
	}
	t.Log.LogAttrs(context.Background(), slog.LevelInfo, string(ev.Kind), attrs...)
}

// delays is Postfix's delays=a/b/c/d, in seconds to the tenth of a millisecond.
func delays(ds ...time.Duration) string {
	b := make([]byte, 0, 32)
	for i, d := range ds {
		if i > 0 {
			b = append(b, '/')
		}
		b = strconv.AppendFloat(b, d.Round(100*time.Microsecond).Seconds(), 'f', -1, 64)
	}
	return string(b)
}
