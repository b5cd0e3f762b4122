package bounce

// Reading is what a mail that came in says.
type Reading struct {
	Kind       Kind
	Recipients []Report  // in the order of the mail; of complaints too, if they name one
	Feedback   *Feedback // of complaints
}

// Report is what a mail says of one recipient.
type Report struct {
	Verdict
	Recipient    string // address; empty if the mail hides it
	Original     string // the address the sender wrote, if it differs
	Status       string // RFC 3463: "5.1.1"
	Code         int    // SMTP reply code, 0 if there is none
	Diagnostic   string // in the words of the server that refused, without control characters
	ReportingMTA string
	RemoteMTA    string
}

// Feedback is the head of a complaint (RFC 5965 3).
type Feedback struct {
	Type       string // "abuse", "opt-out", "fraud", ...
	UserAgent  string
	SourceIP   string
	MessageID  string // of the mail complained of, without angle brackets
	FeedbackID string // its Feedback-ID, which is ours
	Redacted   bool   // the recipient is hidden
}

// Mail reads a mail that came back, of whatever shape.
func (r *Rules) Mail(raw []byte) Reading { return Reading{Kind: KindNone} }
