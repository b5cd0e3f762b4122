package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Addresses keeps the addresses that mail is sent from; *addresses.Service does.
type Addresses interface {
	All(ctx context.Context) ([]model.SourceAddress, error)
	Add(ctx context.Context, a model.SourceAddress) (model.SourceAddress, error)
	Set(ctx context.Context, addr netip.Addr, c addresses.Change) (model.SourceAddress, error)
	Remove(ctx context.Context, addr netip.Addr) error
	Verify(ctx context.Context, addr netip.Addr) (model.SourceAddress, error)
}

// routeAddresses answers the calls about source addresses, which are the operator's. What everybody may know of them is at
// /senders.json.
func (a *API) routeAddresses() {
	a.mux.Handle("GET /api/v1/addresses", a.operator(a.listAddresses))
	a.mux.Handle("POST /api/v1/addresses", a.operator(a.addAddress))
	a.mux.Handle("PUT /api/v1/addresses/{address}", a.operator(a.setAddress))
	a.mux.Handle("POST /api/v1/addresses/{address}/verify", a.operator(a.verifyAddress))
	a.mux.Handle("DELETE /api/v1/addresses/{address}", a.operator(a.removeAddress))
}

// operator answers calls of operators' keys only.
func (a *API) operator(f func(w http.ResponseWriter, c *call) error) http.Handler {
	return a.handle(func(w http.ResponseWriter, c *call) error {
		if !c.principal.Account.Operator {
			return refuse(http.StatusForbidden, "Only an operator's key may make this call; the addresses in use are at /senders.json")
		}
		return f(w, c)
	})
}

func (a *API) listAddresses(w http.ResponseWriter, c *call) error {
	list, err := a.Addresses.All(c.Context())
	if err != nil {
		return addressFault(err)
	}
	if list == nil {
		list = []model.SourceAddress{}
	}
	return answerJSON(w, http.StatusOK, map[string]any{"items": list, "total_count": len(list)})
}

func (a *API) addAddress(w http.ResponseWriter, c *call) error {
	f, err := a.fields(c, "address", "state", "ehlo", "pool", "node", "note")
	if err != nil {
		return err
	}
	ip, err := ipOf(f["address"])
	if err != nil {
		return err
	}
	added, err := a.Addresses.Add(c.Context(), model.SourceAddress{
		Address: ip, State: model.AddressState(f["state"]), Helo: f["ehlo"], Pool: f["pool"], Node: f["node"], Note: f["note"],
	})
	return tellAddress(w, added, err)
}

func (a *API) setAddress(w http.ResponseWriter, c *call) error {
	f, err := a.fields(c, "state", "on", "now")
	if err != nil {
		return err
	}
	ip, err := ipOf(c.PathValue("address"))
	if err != nil {
		return err
	}
	change := addresses.Change{State: model.AddressState(f["state"])}
	if on := f["on"]; on != "" {
		if change.On, err = time.Parse(time.DateOnly, on); err != nil {
			return badField("on: %.40q is not a day such as 2027-01-31", on)
		}
	}
	if now := f["now"]; now != "" {
		if change.Now, err = yesOrNo("now", now); err != nil {
			return err
		}
	}
	set, err := a.Addresses.Set(c.Context(), ip, change)
	return tellAddress(w, set, err)
}

func (a *API) verifyAddress(w http.ResponseWriter, c *call) error {
	ip, err := ipOf(c.PathValue("address"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), lookUpTime)
	defer cancel()
	got, err := a.Addresses.Verify(ctx, ip)
	return tellAddress(w, got, err)
}

func (a *API) removeAddress(w http.ResponseWriter, c *call) error {
	ip, err := ipOf(c.PathValue("address"))
	if err != nil {
		return err
	}
	if err := a.Addresses.Remove(c.Context(), ip); err != nil {
		return addressFault(err)
	}
	return answerJSON(w, http.StatusOK, map[string]string{"message": "Address has been removed"})
}

func tellAddress(w http.ResponseWriter, a model.SourceAddress, err error) error {
	if err != nil {
		return addressFault(err)
	}
	return answerJSON(w, http.StatusOK, a)
}

func ipOf(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, badField("address: %.60q is not an IP address", text)
	}
	return ip, nil
}

func addressFault(err error) error {
	var told *wording.Error
	switch {
	case store.Is(err, store.NotFound):
		return refuse(http.StatusNotFound, "address: it is not one of those that mail is sent from")
	case store.Is(err, store.Exists):
		return badField("address: it is there already")
	case errors.As(err, &told):
		return &refusal{status: http.StatusBadRequest, message: "address: " + err.Error(), cause: err}
	}
	return unavailable(err, "The addresses cannot be read or changed now, try again later")
}
