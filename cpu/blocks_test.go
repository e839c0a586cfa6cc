package cpu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// untranslated is a translator without host code.
type untranslated struct{ Translator }

func (untranslated) Windows() bool { return false }
func (untranslated) Gained(uint64) {}
func (untranslated) Lost(uint64)   {}

// TestLoopEnteredInItsMiddle: a block ends where one that has run begins, unless the two are a
// loop: that is one block, which ends with the jump back.
func TestLoopEnteredInItsMiddle(t *testing.T) {
	const top, middle = 0x5000, 0x5001
	for _, c := range []struct {
		name string
		code []byte
		want int // instructions of the block at top
	}{
		{"a loop", []byte{0x40, 0x49, 0x75, 0xfc, 0xeb, 0xfe}, 3},                         // top: INC EAX; middle: DEC ECX; JNZ top; JMP $
		{"none", []byte{0x40, 0x49, 0x75, 0xfd, 0xeb, 0xfe}, 1},                           // JNZ middle
		{"its own loop first", []byte{0x40, 0x49, 0x75, 0xfd, 0x75, 0xfa, 0xeb, 0xfe}, 4}, // JNZ middle; JNZ top
	} {
		r := newSysRig(t, 32)
		r.code.translator, r.code.heat = untranslated{}, 100
		copy(r.board.ram[top:], c.code)
		for range 3 {
			r.RIP, r.GPR[RCX] = middle, 1
			r.Refresh()
			r.Run(r.ICount + 20)
		}
		r.RIP = top
		require.Len(t, r.findBlock().ops, c.want, c.name)
	}
}
