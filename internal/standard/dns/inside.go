package dns

import "net/netip"

// Inside reports a loopback, private or link-local address. What the world's DNS names there is of this node's own network,
// which may trust it: whoever can choose a name must not have the node speak to it (docs/decisions/0008).
func Inside(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}
