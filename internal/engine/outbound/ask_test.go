package outbound

import (
	"errors"
	"testing"
	"testing/synctest"
)

func TestAskSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connect(t, plainGreeting+`
			C: MAIL FROM:<>
			S: 250 ok
			C: RCPT TO:<postmaster@example.org>
			S: 250 2.1.5 ok
			C: RSET
			S: 250 reset
			C: MAIL FROM:<>
			S: 250 ok
			C: RCPT TO:<abuse@example.org>
			S: 550 5.1.1 no such user
			C: RSET
			S: 250 reset
			C: MAIL FROM:<>
			S: 550 5.7.1 no bounces here
			C: MAIL FROM:<>
			S: 421 4.3.2 going down`)
		for _, tt := range []struct {
			address string
			code    int
			fault   string
		}{
			{"postmaster@example.org", 250, ""},
			{"abuse@example.org", 550, ""},
			{"bad\r\n@example.org", 0, "rcpt"},
			{"a@example.org", 0, "mail"},
			{"b@example.org", 0, "mail"},
			{"c@example.org", 0, "mail"}, // after 421 nobody is asked
		} {
			r, err := s.Ask(t.Context(), tt.address)
			var fault *Error
			errors.As(err, &fault)
			if r.Code != tt.code || (tt.fault == "") != (err == nil) || fault != nil && string(fault.Stage) != tt.fault {
				t.Errorf("%s: got %d, %v", tt.address, r.Code, err)
			}
		}
		s.Close()
	})
}
