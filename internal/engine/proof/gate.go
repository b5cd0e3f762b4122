package proof

// Gate is what a domain may do by a report.
type Gate struct {
	// Open: mail may be sent as the domain.
	Open bool
	// Unclear: DNS did not answer well enough to tell; what was true before holds on.
	Unclear bool
	// Lacks are the Subjects that keep it shut, in the order in which a person mends them.
	Lacks []string
}

// Decide is the gate: ownership, SPF or an aligned return path, DKIM, and a DMARC record are all needed.
func Decide(r *Report, keys []Key) Gate {
	var g Gate
	need := func(subject string, states ...State) {
		unclear := false
		for _, s := range states {
			if s == Proved {
				return
			}
			unclear = unclear || s == Unclear
		}
		if unclear {
			g.Unclear = true
			return
		}
		g.Lacks = append(g.Lacks, subject)
	}
	need(SubjectOwnership, r.Ownership)
	need(SubjectSPF, r.SPF, r.ReturnPath)
	need(SubjectDKIM, r.DKIM(keys))
	need(SubjectDMARC, r.DMARC)
	g.Open = len(g.Lacks) == 0 && !g.Unclear
	g.Unclear = g.Unclear && len(g.Lacks) == 0
	return g
}

// dkimState is the best of what RSA keys have.
func dkimState(found map[string]State, keys []Key) State {
	best := Missing
	for _, k := range keys {
		if k.Algorithm != "rsa" {
			continue
		}
		switch s := found[k.Selector]; {
		case s == Proved:
			return Proved
		case s == Unclear, s == Wrong && best == Missing:
			best = s
		}
	}
	return best
}
