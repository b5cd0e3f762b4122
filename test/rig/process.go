// Package rig is what the benchmarks share: foreign programs that take mail and count it, processes that are ended by whoever
// started them, what the kernel says of their time and memory, and the page the results are written to.
//
// Every wait is bounded by Wait and ends with an error that says what did not come. It measures nothing by itself.
package rig

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Wait bounds every wait of a benchmark.
const Wait = 5 * time.Minute

// FreeAddr is a loopback address and port that nobody uses now.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// AwaitPort returns when something listens at addr.
func AwaitPort(addr string) error {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			return fmt.Errorf("nothing listens at %s: %w", addr, err)
		}
	}
}

// StopProcess asks, then insists, and reaps.
func StopProcess(cmd *exec.Cmd) {
	if cmd == nil || cmd.Process == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // an ended process is what we want
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		<-done
	}
}

// Ticks a second are the unit of time in /proc; Linux fixes it to 100 for user space.
const Ticks = 100

// Tree lists the processes below the roots, the roots among them.
func Tree(roots []int) []int {
	children := map[int][]int{}
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range entries {
		if pid, fields, ok := stat(path); ok {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], pid)
		}
	}
	list := append([]int(nil), roots...)
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list
}

// stat returns the fields of /proc/PID/stat from the state on: fields[0] is the state, fields[1] the parent.
func stat(path string) (int, []string, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, nil, false
	}
	end := bytes.LastIndexByte(data, ')')
	pid, err := strconv.Atoi(string(data[:max(bytes.IndexByte(data, ' '), 0)]))
	fields := strings.Fields(string(data[end+1:]))
	return pid, fields, err == nil && len(fields) > 15
}

// CPUTime adds up the processor time of the trees, with that of children that have ended.
func CPUTime(roots []int) time.Duration {
	var sum int64
	for _, pid := range Tree(roots) {
		if _, fields, ok := stat(fmt.Sprintf("/proc/%d/stat", pid)); ok {
			for _, i := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime: proc(5) 14 to 17
				v, _ := strconv.ParseInt(fields[i], 10, 64)
				sum += v
			}
		}
	}
	return time.Duration(sum) * time.Second / Ticks
}

// Memory is the proportional set size of the trees in MiB.
func Memory(roots []int) float64 {
	kib := 0.0
	for _, pid := range Tree(roots) {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if _, rest, ok := strings.Cut(string(data), "\nPss:"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				v, _ := strconv.ParseFloat(f[0], 64)
				kib += v
			}
		}
	}
	return kib / 1024
}
