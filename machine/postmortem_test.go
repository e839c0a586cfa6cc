package machine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorCodesInWords(t *testing.T) {
	require.Equal(t, "not present, read, supervisor", pageFaultCode(0))
	require.Equal(t, "protection, write, user", pageFaultCode(7))
	require.Equal(t, "protection, fetch, supervisor, reserved bit set", pageFaultCode(0x19))
	require.Equal(t, "selector 0010", selectorCode(0x10))
	require.Equal(t, "selector 0018 in the LDT", selectorCode(0x1c))
	require.Equal(t, "IDT entry 13, external event", selectorCode(13<<3|3))
}

func TestBranchListCountsRepetitions(t *testing.T) {
	require.Equal(t, "  10\n  20 (3 times)\n  10\n", branchList([]uint64{0x10, 0x20, 0x20, 0x20, 0x10}))
}

func TestAttributesInWords(t *testing.T) {
	for attr, want := range map[uint16]string{
		0xc09b: "code32 DPL=0", 0xa09b: "code64 DPL=0", 0x009f: "code16 conforming DPL=0", 0xc0f3: "data DPL=3",
		0x0091: "data read-only DPL=0", 0x0097: "data expand-down DPL=0", 0x008b: "busy TSS DPL=0",
		0x00ee: "interrupt gate DPL=3", 0x0013: "not present",
	} {
		require.Equal(t, want, attrText(attr), "%04x", attr)
	}
}
