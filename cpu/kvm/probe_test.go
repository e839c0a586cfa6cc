//go:build linux && amd64

package kvm

import "testing"

func TestProbe(t *testing.T) {
	h, err := Open()
	if err != nil {
		t.Skip(err)
	}
	defer h.Close()
	p, err := h.Probe()
	t.Log(p, err)
}
