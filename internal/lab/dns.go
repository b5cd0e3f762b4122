package lab

// Publish adds DNS records in the notation of a BIND zone file.
func (l *Lab) Publish(records string) error { return l.names.publish(records) }

// Replace publishes records, in the same notation, in place of the zone's Records and of all that was published. What
// providers need stays. On an error the old ones stay.
func (l *Lab) Replace(records string) error { return l.names.replace(records) }

// Fail makes a name and all below it fail in DNS as a says: AnswerServFail, AnswerNothing, AnswerRefused or
// AnswerNXDomain. The name "" is the whole server; its own receivers judge what arrives with another one.
func (l *Lab) Fail(name string, a Answer) {
	if name == "" {
		l.authority.fail(a)
		return
	}
	l.names.fail(name, a)
}

// Mend ends what Fail, or a provider's Answer, did to the name.
func (l *Lab) Mend(name string) { l.Fail(name, "") }

// Queries counts the questions that came to the authority so far, answered or not, by type: "TXT", "MX", …
func (l *Lab) Queries() map[string]int { return l.authority.counted() }
