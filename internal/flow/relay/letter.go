package relay

import (
	"cmp"
	"context"
	"fmt"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
)

// tell writes to who is to know of the server, if there is anybody.
func (s *Service) tell(ctx context.Context, o *route.Own, failing bool, fault string) error {
	a, err := s.Store.AccountByID(ctx, o.Account)
	if err != nil {
		return err
	}
	r, err := s.Store.RouteOf(ctx, o.Account)
	if err != nil {
		return err
	}
	to := cmp.Or(r.Contact, a.Contact)
	if to == "" {
		return nil
	}
	operator, err := s.operator(ctx)
	if err != nil {
		return err
	}
	subject, text := letter(&a, &r, failing, fault)
	return s.Write(ctx, operator, to, subject, text)
}

const pageSize = 500

// operator finds the account that letters are sent by.
func (s *Service) operator(ctx context.Context) (model.Account, error) {
	for after := ""; ; {
		page, err := s.Store.ListAccounts(ctx, after, pageSize)
		for _, a := range page {
			if after = a.Name; a.Operator && a.State == model.AccountActive {
				return a, nil
			}
		}
		if err != nil {
			return model.Account{}, err
		}
		if len(page) < pageSize {
			return model.Account{}, wording.Errorf("there is no active operator's account to write letters by")
		}
	}
}

// letter words what became of a server: Swedish first, then English.
func letter(a *model.Account, r *model.Route, failing bool, fault string) (subject, text string) {
	if !failing {
		return fmt.Sprintf("%s: er SMTP-server tar emot igen / your SMTP server takes mail again", a.Name), fmt.Sprintf(
			`Er server %s tar emot e-post igen. Det som väntade sänds nu.

--

Your server %s takes mail again. What waited is being sent.
`, r.Host, r.Host)
	}
	meanwhile := [2]string{
		"E-posten väntar tills servern tar emot igen; ingenting är förlorat.",
		"Mail waits until the server takes it again; nothing is lost.",
	}
	if r.Fallback == model.FallbackOwn {
		meanwhile = [2]string{
			"Under tiden levererar vi själva det som kommer från domäner med våra DNS-poster. Övrig e-post väntar; ingenting är förlorat.",
			"Meanwhile we deliver ourselves what comes from domains with our DNS records. Other mail waits; nothing is lost.",
		}
	}
	return fmt.Sprintf("%s: er SMTP-server tar inte emot / your SMTP server takes no mail", a.Name), fmt.Sprintf(
		`Kontot %s sänder genom er egen server %s, port %d, men den tar inte emot.

Svaret:
  %s

%s
Prova och få veta vad som ska ändras: budkavle account route test %s

--

Account %s sends by your own server %s, port %d, but it takes no mail.

What it says:
  %s

%s
Try it, and be told what to change: budkavle account route test %s
`, a.Name, r.Host, r.Port, fault, meanwhile[0], a.Name, a.Name, r.Host, r.Port, fault, meanwhile[1], a.Name)
}
