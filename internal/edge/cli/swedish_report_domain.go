package cli

// swedishDomainReports has the texts about what receivers report of sender domains.
func swedishDomainReports() map[string]string {
	return map[string]string{
		"reports (%s) must be kept at least 1440h, which is what the stages of DMARC look at": "rapporter (%s) måste sparas minst 1440h, vilket är vad DMARC-stegen ser till",
	}
}
