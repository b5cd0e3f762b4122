package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"
)

const (
	maxAnswer   = 64 << 10        // octets of an answer read
	httpTimeout = 2 * time.Minute // of one call
	demoFile    = "Läsårsschema för årskurs 5 – öppet hus.txt"
)

func (m *mailing) feedHTTP(ctx context.Context, calls chan<- func(context.Context, *http.Client) error) error {
	var list []func(context.Context, *http.Client) error
	for _, to := range m.batches {
		list = append(list, func(ctx context.Context, c *http.Client) error { return m.callBatch(ctx, c, to) })
	}
	for _, to := range m.singles {
		list = append(list, func(ctx context.Context, c *http.Client) error { return m.callSingle(ctx, c, to) })
	}
	for _, call := range list {
		select {
		case calls <- call:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (m *mailing) httpClient(ctx context.Context, calls <-chan func(context.Context, *http.Client) error) error {
	c := &http.Client{Transport: &http.Transport{Proxy: nil}, Timeout: httpTimeout} // no proxy: the node is on this machine
	defer c.CloseIdleConnections()
	for call := range calls {
		if err := call(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// callBatch sends each recipient a message of its own, with variables replaced, in one call.
func (m *mailing) callBatch(ctx context.Context, c *http.Client, to []string) error {
	variables := map[string]map[string]any{}
	for i, address := range to {
		name, _, _ := strings.Cut(address, ".")
		variables[address] = map[string]any{"first": name, "id": i + 1}
	}
	encoded, err := json.Marshal(variables)
	if err != nil {
		return err
	}
	fields := [][2]string{
		{"subject", "Hej %recipient.first%, betygen är klara"},
		{"text", "Hej %recipient.first%!\n\nBetygen för elev nummer %recipient.id% finns på skolplattformen. Hälsningar från expeditionen på Granskolan.\n"},
		{"o:tag", "betyg"},
		{"recipient-variables", string(encoded)},
	}
	for _, address := range to {
		fields = append(fields, [2]string{"to", address})
	}
	if err := m.post(ctx, c, fields, ""); err != nil {
		return err
	}
	m.count(len(to), len(to))
	return nil
}

// callSingle sends one message with an attachment whose name needs more than ASCII.
func (m *mailing) callSingle(ctx context.Context, c *http.Client, to string) error {
	fields := [][2]string{
		{"to", to}, {"subject", "Schema för läsåret"}, {"text", "Schemat är bifogat.\n"}, {"html", "<p>Schemat är <b>bifogat</b>.</p>"},
	}
	if err := m.post(ctx, c, fields, "Måndag: svenska, matematik, bild\nTisdag: slöjd, engelska, idrott\n"); err != nil {
		return err
	}
	m.count(1, 1)
	return nil
}

// post makes one call of Mailgun's, with an attachment unless it is empty.
func (m *mailing) post(ctx context.Context, c *http.Client, fields [][2]string, attachment string) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range append(fields, [2]string{"from", "Granskolan <" + demoSender + ">"}) {
		if err := form.WriteField(f[0], f[1]); err != nil {
			return err
		}
	}
	if attachment != "" {
		w, err := form.CreateFormFile("attachment", demoFile)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, attachment); err != nil {
			return err
		}
	}
	if err := form.Close(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+m.world.node.Addrs().HTTP+"/v3/"+demoDomain+"/messages", &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.SetBasicAuth("api", m.world.key)
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("HTTP: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("HTTP: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return nil
}
