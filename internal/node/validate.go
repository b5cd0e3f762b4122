package node

import (
	"path/filepath"

	"github.com/budkavle/budkavle/internal/engine/validate"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// startValidation makes what looks at addresses, and begins with the files that wait. A list of disposable domains that is bad
// is told and does not keep mail from going: the best known ones are in force.
func (n *Node) startValidation() error {
	resolver, err := dns.New(dns.Config{Servers: n.cfg.DNS.Servers, Clock: n.sys.Clock})
	if err != nil {
		return err
	}
	tell := func(err error) { n.sys.Log.Warn("disposable domains not read", "error", err) }
	disposable, err := validate.NewDisposable(n.cfg.Validation.Disposable, n.sys.Clock, tell)
	if err != nil {
		tell(err)
	}
	n.validator = validate.New(validate.Config{Resolver: resolver, Clock: n.sys.Clock, Disposable: disposable, Suppressions: n.store})
	n.lists = validate.NewJobs(validate.JobsConfig{
		Dir: filepath.Join(n.cfg.Node.DataDir, "validate"), Validator: n.validator, Clock: n.sys.Clock, Log: n.sys.Log,
	})
	n.upkeep.Go(n.lists.Run)
	return nil
}
