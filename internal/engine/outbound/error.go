package outbound

import (
	"fmt"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Stage is how far a session had come.
type Stage string

// Stages of a session. Those up to StageAuth speak of the host, those after it of the mail.
const (
	StageConnect  Stage = "connect"
	StageGreeting Stage = "greeting"
	StageEHLO     Stage = "ehlo"
	StageTLS      Stage = "tls"
	StageAuth     Stage = "auth"
	StageMail     Stage = "mail"
	StageRcpt     Stage = "rcpt"
	StageData     Stage = "data" // the DATA command
	StageBody     Stage = "body" // while the message was on its way
	StageEnd      Stage = "end"  // the reply to the final dot
)

// Handshake reports whether the session had not yet come to the mail.
func (s Stage) Handshake() bool {
	switch s {
	case StageConnect, StageGreeting, StageEHLO, StageTLS, StageAuth:
		return true
	}
	return false
}

// Error is a fault of a session or a transaction. It wraps the *smtp.Error that says what is to be done.
type Error struct {
	Stage Stage
	Err   *smtp.Error // never nil; its Class decides between retry and bounce
	Reply Reply       // what the peer said; Code 0: the fault is not a reply
	// Lost: the connection broke, or a time limit passed. The session is at its end.
	Lost bool
	// Closing: the peer said 421, so it wants no more of us now. The session is at its end.
	Closing bool
	// Stale: the peer closed a session that had served before, ahead of this transaction. Nothing was sent of it:
	// dial again at once; this says nothing about the host or the mail.
	Stale bool
	// Transcript is the dialogue when Connect failed; after Send ask the session.
	Transcript string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Stage, e.Err) }

// Unwrap gives the *smtp.Error.
func (e *Error) Unwrap() error { return e.Err }
