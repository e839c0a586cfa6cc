package machine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogNamesTheGuestsPlace(t *testing.T) {
	// CLI; MOV AL,5; OUT E0h,AL; INT3; power off
	code := cat([]byte{0xfa, 0xb0, 0x05, 0xe6, 0xe0, 0xcc}, powerOff)
	for item, want := range map[string][]string{
		"in_asm": {`at=0000:7c03 insn="out`, "at=0000:7c05 insn=int3"},
		"ioport": {"at=0000:7c03 op=out port=0xe0 size=1 value=0x5"},
		"int":    {"kind=software vector=0x3"},
		"reset":  {"msg=reset"},
	} {
		t.Run(item, func(t *testing.T) {
			var log output
			c := small(Config{Image: bootFloppy(t, code...), LogItems: []string{item}, LogWriter: &log})
			require.Equal(t, "power off", run(t, build(t, c)).Reason)
			for _, w := range want {
				require.Contains(t, log.String(), w)
			}
			for _, line := range strings.Split(strings.TrimSpace(log.String()), "\n") {
				require.Regexp(t, `^msg=`+item+` #=\d+ cpu=0 at=`, line)
			}
		})
	}
}
