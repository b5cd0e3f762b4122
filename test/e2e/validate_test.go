package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// call makes a call of the API with a key.
func (n *node) call(method, path, key, contentType string, body []byte) (int, string) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), method, "http://"+n.web+path, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	r.SetBasicAuth("api", key)
	r.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestListOutlastsKill kills a node while it looks at a list of addresses. The node that comes after does the whole of it; its
// DNS server is not there, which makes well-formed addresses unknown and none undeliverable.
func TestListOutlastsKill(t *testing.T) {
	const rows, domains = 100_000, 20_000
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	file, err := m.CreateFormFile("file", "list.csv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(file, "namn;e-post")
	for i := range rows {
		fmt.Fprintf(file, "Åsa;asa%d@d%d.example\n", i, i%domains)
	}
	m.Close()

	n := install(t, "", "", "BUDKAVLE_LOG_LEVEL=warn")
	var key struct{ Key string }
	if err := json.Unmarshal([]byte(n.run("key", "add", "--account", "school", "--json")), &key); err != nil {
		t.Fatal(err)
	}
	n.start()
	const path = "/v4/address/validate/bulk/list"
	if code, text := n.call("POST", path, key.Key, m.FormDataContentType(), form.Bytes()); code != http.StatusAccepted {
		t.Fatalf("%d %s", code, text)
	}
	var job struct {
		Status   string
		Quantity int
		Summary  struct{ Result map[string]int }
	}
	look := func() string {
		code, text := n.call("GET", path, key.Key, "", nil)
		if err := json.Unmarshal([]byte(text), &job); code != http.StatusOK || err != nil {
			t.Fatalf("%d %s", code, text)
		}
		return job.Status
	}
	n.await("the list to be begun", func() bool { return look() == "processing" })
	n.kill()
	n.start()
	n.await("the list to be done", func() bool { return look() == "uploaded" })
	if job.Quantity != rows || job.Summary.Result["unknown"] != rows {
		t.Errorf("%+v", job)
	}
	_, results := n.call("GET", path+"/result.csv", key.Key, "", nil)
	lines := strings.Split(strings.TrimSpace(results), "\n")
	if want := fmt.Sprintf("%d,asa%d@d%d.example,unknown,unknown,dns_failure,", rows+1, rows-1, (rows-1)%domains); len(lines) != rows+1 || !strings.HasPrefix(lines[rows], want) {
		t.Errorf("%d lines, the last %s", len(lines), lines[len(lines)-1])
	}
	n.stop()
}
