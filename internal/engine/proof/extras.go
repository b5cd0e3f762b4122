package proof

// extras looks at what makes mail to the domain safer and its sender better known; none of it is needed to send.
func (p *part) extras() {}

// blocklists asks lists of domains.
func (p *part) blocklists() {
	if p.c.Blocklists != nil {
		p.findings = append(p.findings, p.c.Blocklists.Domain(p.ctx, p.e.Domain)...)
	}
}
